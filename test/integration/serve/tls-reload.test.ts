// Certificates that are replaced while the built binary serves: without a restart, and without one
// connection being lost.

import { describe, expect, test } from "bun:test";
import { renameSync, writeFileSync } from "node:fs";
import { waitFor } from "../../support/harness.ts";
import { testMs } from "../../support/patience.ts";
import { linkedPrograms, type Served } from "../../support/served.ts";
import { anEvent, textStream } from "../../support/text-stream.ts";
import { certificate } from "../../support/tls.ts";

type Pair = ReturnType<typeof certificate>;

const [first, second, stranger] = [1, 2, 3].map(() => certificate("localhost")) as [
  Pair,
  Pair,
  Pair,
];

/** Files of its own for each server. */
function place() {
  const linked = linkedPrograms();
  const put = (name: string, text: string): void => {
    writeFileSync(`${linked.folder}/.${name}`, text, { mode: 0o600 });
    renameSync(`${linked.folder}/.${name}`, `${linked.folder}/${name}`);
  };
  const show = ({ cert, key }: Pair): void => {
    put("cert.pem", cert);
    put("key.pem", key);
  };
  const start = async (more = "", keys = ""): Promise<{ server: Served; url: string }> => {
    const files = "cert_file: cert.pem, key_file: key.pem";
    put("aegis.yaml", `addr: "localhost:0"\ntls: {enabled: true, ${files}${more}}\n${keys}`);
    const flags = ["--dsn", ":memory:", "--telemetry-disabled", "--config", "aegis.yaml"];
    const server = await linked.start("aegisd", ...flags);
    const port = server.greeting.trim().split(":").at(-1);
    return { server, url: `https://localhost:${port}` };
  };
  return { put, show, start };
}

/** The status, or that there was no answer; on a connection of its own. */
async function health(url: string, tls: object): Promise<number | string> {
  try {
    return (await fetch(`${url}/healthz`, { tls, keepalive: false })).status;
  } catch {
    // ignored: a connection that was refused is what the test may want
    return "refused";
  }
}

const times = (server: Served, text: string): number => server.said().split(text).length - 1;

test("another certificate is shown soon after its files were replaced", async () => {
  const { show, start } = place();
  show(first);
  const mcpKeys = 'mcp_addr: "localhost:0"\nmcp_upstream: "http://127.0.0.1:9/mcp"\n';
  const { server, url } = await start("", mcpKeys);
  const mcp = await server.says(/MCP on (\S+)\/mcp/);
  const both = async ({ cert }: Pair) => [
    await health(url, { ca: cert }),
    await health(mcp, { ca: cert }),
  ];
  expect(await both(first)).toEqual([200, 200]);
  show(second);
  await waitFor("the new one", () => times(server, "was read again") >= 1);
  expect(await both(second)).toEqual([200, 200]);
  expect(await both(first)).toEqual(["refused", "refused"]);
  expect(await server.stop()).toBe(0);
});

describe("what cannot be used is refused and told, and the old one goes on", () => {
  const bad: readonly (readonly [string, string, string, string])[] = [
    ["no certificate", "cert.pem", "nothing", "it holds no certificate"],
    ["half a certificate", "cert.pem", first.cert.slice(0, 300), "it holds no certificate"],
    ["another one's certificate", "cert.pem", second.cert, "it is not the key of"],
    ["no key", "key.pem", "nothing", "it holds no private key"],
    ["another one's key", "key.pem", second.key, "it is not the key of"],
    ["callers' certificates that are none", "ca.pem", first.key, "it holds no certificate"],
  ];
  test.each(bad)("%s", async (_, name, text, message) => {
    const { put, show, start } = place();
    show(first);
    put("ca.pem", first.cert);
    const { server, url } = await start(", ca_file: ca.pem");
    const own = { ca: first.cert, ...first };
    put(name, text);
    server.signal("SIGHUP");
    await waitFor(message, () => times(server, message) >= 1);
    expect(server.said()).toContain("the certificate before goes on");
    expect(await health(url, own)).toBe(200);
    expect(await health(url, { ca: first.cert })).toBe("refused");
    expect(await server.stop()).toBe(0);
  });
});

test("callers are vouched for by the new file, and no longer by the old one", async () => {
  const { put, show, start } = place();
  show(first);
  put("ca.pem", second.cert);
  const { server, url } = await start(", ca_file: ca.pem");
  const as = ({ cert, key }: Pair) => health(url, { ca: first.cert, cert, key });
  expect([await as(second), await as(stranger)]).toEqual([200, "refused"]);
  put("ca.pem", stranger.cert);
  server.signal("SIGHUP");
  await waitFor("the new one", () => times(server, "was read again") >= 1);
  expect([await as(second), await as(stranger)]).toEqual(["refused", 200]);
  expect(await server.stop()).toBe(0);
});

test(
  "no request is lost while certificates come and go, and a stream goes on",
  async () => {
    const { show, start } = place();
    show(first);
    const { server, url } = await start();
    const tls = { ca: [first.cert, second.cert] };
    const client = new AbortController();
    const { signal } = client;
    const path = `${url}/v1/events/stream?tenant_id=acme`;
    const stream = textStream(await fetch(path, { tls, signal }));
    const failures: string[] = [];
    let answers = 0;
    let isOver = false;
    const callers = [true, true, true, false, false, false].map(async (keepalive) => {
      while (!isOver) {
        const body = "{}";
        const path = `${url}/v1/policy/decide`;
        try {
          const response = await fetch(path, { method: "POST", body, tls, keepalive });
          await response.text();
          answers += 1;
        } catch (error) {
          failures.push(`${keepalive ? "kept" : "fresh"}: ${error}`);
        }
      }
    });
    for (const at of [1, 2, 3, 4, 5, 6]) {
      const before = answers;
      show(at % 2 === 0 ? first : second);
      server.signal("SIGHUP");
      await waitFor(`change ${at}`, () => times(server, "was read again") >= at);
      await waitFor("answers after it", () => answers > before + 200);
    }
    isOver = true;
    await Promise.all(callers);
    expect(failures).toEqual([]);
    const event = { tenant_id: "acme", session_id: "s", event_type: "X" };
    await fetch(`${url}/v1/events`, { method: "POST", body: JSON.stringify(event), tls });
    expect(await stream.until(anEvent)).toContain('"event_type":"X"');
    client.abort();
    expect(await server.stop()).toBe(0);
  },
  testMs,
);
