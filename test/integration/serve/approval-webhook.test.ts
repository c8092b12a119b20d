// Whoever is told that a tool call waits, by the built binary: what comes, that it is signed, how
// often it is tried, and what nobody is told.

import { describe, expect, test } from "bun:test";
import { createHmac } from "node:crypto";
import { chmodSync, writeFileSync } from "node:fs";
import { freePort } from "../../support/free-port.ts";
import { waitFor } from "../../support/harness.ts";
import { conditionMs } from "../../support/patience.ts";
import { linkedPrograms } from "../../support/served.ts";

const linked = linkedPrograms();
const keyBytes = Buffer.from("0123456789abcdef0123456789abcdef");
const put = (name: string, text: string, mode = 0o600): string => {
  writeFileSync(`${linked.folder}/${name}`, text);
  chmodSync(`${linked.folder}/${name}`, mode);
  return name;
};
put("secret", `whsec_${keyBytes.toString("base64")}\n`);
const path = "/hooks/T0P-SECRET-PATH";

interface Heard {
  readonly headers: Headers;
  readonly body: string;
}

/** A receiver that answers with these statuses, one after the other; the last one for ever. */
function receiver(...statuses: readonly number[]) {
  const heard: Heard[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      expect([request.method, new URL(request.url).pathname]).toEqual(["POST", path]);
      heard.push({ headers: request.headers, body: await request.text() });
      const status = statuses[heard.length - 1] ?? statuses.at(-1) ?? 200;
      const headers = status === 302 ? { Location: "/elsewhere" } : {};
      return new Response("not read", { status, headers });
    },
  });
  return { heard, url: `http://127.0.0.1:${server.port}${path}`, stop: () => server.stop(true) };
}

async function start(url: string, ...more: readonly string[]) {
  const webhook = ["--approval-webhook", url, "--approval-webhook-secret", "secret"];
  const flags = ["--dsn", ":memory:", "--addr", "127.0.0.1:0", ...webhook, ...more];
  const server = await linked.start("aegisd", ...flags);
  const address = `http://${server.greeting.trim().split(" ").at(-1)}`;
  const ask = async (args: object, headers: Record<string, string> = {}) => {
    const request = { tenant_id: "acme", session_id: "s", tool_name: "exec", args };
    const body = JSON.stringify(request);
    const response = await fetch(`${address}/v1/approvals`, { method: "POST", body, headers });
    expect(response.status).toBe(201);
    return (await response.json()) as { readonly token: string };
  };
  const counts = async (): Promise<string> => (await fetch(`${address}/metrics`)).text();
  return { server, ask, address, counts };
}

test("it is told of a call that waits, signed, and its token decides", async () => {
  const { heard, url, stop } = receiver(200);
  const { server, ask, address, counts } = await start(url);
  const trace = "4bf92f3577b34da6a3ce929d0e0e4736";
  const { token } = await ask({ bin: "ls" }, { traceparent: `00-${trace}-00f067aa0ba902b7-01` });
  await waitFor("the message", () => heard.length === 1);
  const [{ headers, body }] = heard as [Heard];
  const [id, at] = [headers.get("webhook-id"), headers.get("webhook-timestamp")];
  const hash = createHmac("sha256", keyBytes).update(`${id}.${at}.${body}`).digest("base64");
  expect(headers.get("webhook-signature")).toBe(`v1,${hash}`);
  expect(Math.abs(Number(at) - Date.now() / 1000)).toBeLessThan(60);
  expect(headers.get("traceparent")).toStartWith(`00-${trace}-`);
  const message = JSON.parse(body) as { readonly data: { readonly token: string } };
  expect(message).toEqual({
    type: "approval.requested",
    timestamp: expect.any(String),
    data: {
      ...{ token, tenant_id: "acme", session_id: "s", tool_name: "exec", args: { bin: "ls" } },
      ...{ created_ms: expect.any(Number), expires_ms: expect.any(Number) },
    },
  } as object as typeof message);
  const decided = await fetch(`${address}/v1/approvals/${message.data.token}`, {
    method: "POST",
    body: JSON.stringify({ allow: true }),
  });
  expect(decided.status).toBe(200);
  await waitFor("its count", async () =>
    (await counts()).includes('aegis_webhook_deliveries{result="delivered"} 1'),
  );
  expect(heard).toHaveLength(1);
  expect(await server.stop()).toBe(0);
  await stop();
});

test("it is told again, the same message, until it takes it", async () => {
  const { heard, url, stop } = receiver(503, 429, 204);
  const { server, ask, counts } = await start(url);
  await ask({});
  await waitFor("three messages", () => heard.length === 3);
  await waitFor("its count", async () =>
    (await counts()).includes('aegis_webhook_deliveries{result="delivered"} 1'),
  );
  const ids = heard.map(({ headers }) => headers.get("webhook-id"));
  expect(new Set(ids).size).toBe(1);
  expect(new Set(heard.map(({ body }) => body)).size).toBe(1);
  expect(await server.stop()).toBe(0);
  expect(server.said()).not.toContain("was not told");
  await stop();
});

describe("it is not told again", () => {
  const rows: readonly (readonly [string, number])[] = [
    ["when it refuses", 400],
    ["when it is gone", 410],
    ["when it is elsewhere now", 302],
  ];
  test.each(rows)("%s", async (_, status) => {
    const { heard, url, stop } = receiver(status);
    const { server, ask } = await start(url);
    await ask({});
    await waitFor("a word about it", () => server.said().includes(`it answered ${status}`));
    expect(heard).toHaveLength(1);
    expect(server.said()).toContain(`the webhook ${new URL(url).origin} was not told`);
    expect(server.said()).not.toContain("SECRET");
    expect(await server.stop()).toBe(0);
    await stop();
  });
});

test("one that is not there delays no answer and no end", async () => {
  const { server, ask } = await start(`http://127.0.0.1:${freePort()}${path}`);
  await ask({});
  const began = performance.now();
  expect(await server.stop()).toBe(0);
  expect(performance.now() - began).toBeLessThan(conditionMs);
  expect(server.said()).not.toContain("SECRET");
});

test("large arguments are left for whoever has the token", async () => {
  const { heard, url, stop } = receiver(200);
  const { server, ask } = await start(url);
  await ask({ text: "a".repeat(70_000) });
  await waitFor("the message", () => heard.length === 1);
  const { data } = JSON.parse(heard[0]?.body ?? "{}") as { readonly data: object };
  expect(data).toMatchObject({ args_omitted: true });
  expect(data).not.toHaveProperty("args");
  expect(await server.stop()).toBe(0);
  await stop();
});

describe("it does not start with", () => {
  put("short", "0123456789");
  put("open", "0123456789abcdef0123456789abcdef", 0o644);
  const here = "http://127.0.0.1:9/x";
  const rows: readonly (readonly [string, string, string, string])[] = [
    ["an address that everybody may read", "http://example.com/x", "secret", "has to be https"],
    ["another scheme", "ftp://127.0.0.1/x", "secret", "has to be https"],
    ["no address", "nowhere", "secret", "its address is none"],
    ["a password", "https://me:pw@example.com/x", "secret", "has a user or a password"],
    ["a short key", here, "short", "fewer than 16 bytes"],
    ["a key that others may read", here, "open", "others may read"],
    ["a key that is not there", here, "none", "none"],
  ];
  test.each(rows)("%s", async (_, url, secret, message) => {
    const text = `approval_webhook:\n  url: "${url}"\n  secret_file: ${secret}\n`;
    const config = ["--config", put("webhook.yaml", text)];
    const refused = await linked.run("aegisd", "--dsn", ":memory:", "--addr", ":0", ...config);
    expect([refused.exitCode, refused.stdout]).toEqual([1, ""]);
    expect(refused.stderr).toContain(message);
    expect(refused.stderr).not.toContain("pw@");
  });

  test("an address without a key", async () => {
    const refused = await linked.run("aegisd", "--addr", ":0", "--approval-webhook", here);
    expect(refused.stderr).toContain("invalid approval_webhook.secret_file");
  });
});
