// What is asked of a person is bounded, and so is what looking at it takes.

import { expect, test } from "bun:test";
import { approvalArgsMaxBytes } from "../../../src/base/limits.ts";
import { createControlLog } from "../../../src/ledger/control/log.ts";
import { createMemoryStore } from "../../../src/ledger/memory.ts";
import { startServer } from "../../../src/server/server.ts";

const origin = "aegis.local/large";

function start() {
  const log = createControlLog(createMemoryStore(origin));
  const server = startServer({
    ...{ log, hostname: "127.0.0.1", port: 0, keys: [], secret: new Uint8Array(32) },
    ...{ origin, nowMs: () => 40, rateLimit: 0, tls: undefined },
    decide: () => ({ outcome: "deny", reason: "NONE", constraints: {} }),
    manifest: {},
  });
  const send = async (path: string, body?: object) => {
    const init = body === undefined ? {} : { method: "POST", body: JSON.stringify(body) };
    const response = await fetch(`http://127.0.0.1:${server.port}${path}`, init);
    const text = await response.text();
    return { status: response.status, text };
  };
  const ask = (args: object) =>
    send("/v1/approvals", { tenant_id: "acme", session_id: "s", tool_name: "t", args });
  return { log, server, send, ask };
}

/** Arguments of so many bytes. */
const argsOf = (bytes: number) => ({ text: "x".repeat(bytes - '{"text":""}'.length) });
const most = argsOf(approvalArgsMaxBytes);
const tooMuch = argsOf(approvalArgsMaxBytes + 1);
const why = "1048577 bytes, and at most 1048576 can be decided about";

test("arguments that are too large are neither asked about nor decided with", async () => {
  const { log, server, send, ask } = start();
  const refused = await ask(tooMuch);
  expect(refused.status).toBe(400);
  expect(JSON.parse(refused.text)).toMatchObject({ code: "event_invalid" });
  expect(refused.text).toContain(why);
  expect(await log.size()).toBe(0);
  const asked = await ask(most);
  expect(asked.status).toBe(201);
  const path = `/v1/approvals/${JSON.parse(asked.text).token}?tenant_id=acme`;
  const edited = await send(path, { allow: true, edited_args: tooMuch });
  expect(edited.status).toBe(400);
  expect(edited.text).toContain(why);
  expect(JSON.parse((await send(path)).text).status).toBe("PENDING");
  expect((await send(path, { allow: true, edited_args: argsOf(100_000) })).status).toBe(200);
  await server.stop();
});

test("a list of large ones has as many as fit, and all of them are counted", async () => {
  const { server, send, ask } = start();
  for (let at = 0; at < 20; at++) expect((await ask(most)).status).toBe(201);
  const { text } = await send("/v1/approvals?tenant_id=acme");
  expect(JSON.parse(text).approvals).toHaveLength(8);
  expect((await send("/metrics")).text).toContain("aegis_approvals_pending 20\n");
  await server.stop();
});
