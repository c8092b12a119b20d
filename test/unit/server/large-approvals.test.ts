// What is asked of a person is bounded, and so is what looking at it takes.

import { expect, test } from "bun:test";
import { approvalArgsMaxBytes } from "../../../src/base/limits.ts";
import { createControlLog } from "../../../src/ledger/control/log.ts";
import { createMemoryStore } from "../../../src/ledger/memory.ts";
import { startLocalServer } from "../../support/local-server.ts";

const origin = "aegis.local/large";

function start() {
  const log = createControlLog(createMemoryStore(origin));
  const server = startLocalServer({ log, origin, nowMs: () => 40 });
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

test("a list of large ones has as many as fit, pages have the others, and all are counted", async () => {
  const { server, send, ask } = start();
  const asked: string[] = [];
  for (let at = 0; at < 20; at++) asked.push(JSON.parse((await ask(most)).text).token_hash);
  const pages: string[][] = [];
  for (let token = ""; pages.length === 0 || token !== ""; ) {
    const { text } = await send(`/v1/approvals?tenant_id=acme&page_token=${token}`);
    const { approvals, NextToken } = JSON.parse(text);
    pages.push(approvals.map((one: { token_hash: string }) => one.token_hash));
    token = NextToken;
  }
  expect(pages.map(({ length }) => length)).toEqual([8, 8, 4]);
  expect(pages.flat()).toEqual(asked.sort());
  expect((await send("/metrics")).text).toContain("aegis_approvals_pending 20\n");
  await server.stop();
});

test("a page goes on behind the last one, whatever was decided meanwhile", async () => {
  const { server, send, ask } = start();
  const asked: string[] = [];
  for (let at = 0; at < 5; at++) asked.push(JSON.parse((await ask({ at })).text).token_hash);
  const [first = "", second = "", third = "", ...last] = asked.sort();
  const list = async (more: string) => {
    const { status, text } = await send(`/v1/approvals?tenant_id=acme&limit=2${more}`);
    const { approvals = [], NextToken, code } = JSON.parse(text);
    const hashes = approvals.map((one: { token_hash: string }) => one.token_hash);
    return { status, code, hashes, NextToken };
  };
  const page = (hashes: readonly string[], NextToken: string) => ({
    ...{ status: 200, code: undefined, hashes, NextToken },
  });
  expect(await list("")).toEqual(page([first, second], second));
  for (const decided of [second, third]) {
    const path = `/v1/approvals/${decided}?tenant_id=acme`;
    expect((await send(path, { allow: false })).status).toBe(200);
  }
  // As many as fit, and nothing waits behind them: it is the last page.
  expect(await list(`&page_token=${second}`)).toEqual(page(last, ""));
  expect(await list(`&page_token=${"f".repeat(64)}`)).toEqual(page([], ""));
  for (const none of ["abc", "F".repeat(64), `${second}0`]) {
    const refused = await list(`&page_token=${none}`);
    expect([refused.status, refused.code]).toEqual([400, "parameter_invalid"]);
  }
  await server.stop();
});
