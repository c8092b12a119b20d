// Requests whose headers say something else than their body: none passes, however they are spelled,
// and every one that says the same does. AEGIS_MCP_CASES raises the number of cases.

import { expect, test } from "bun:test";
import { headerMismatch } from "../../src/mcp/http/headers.ts";
import { messagesOf } from "../../src/mcp/message.ts";

const cases = Number(process.env.AEGIS_MCP_CASES ?? 20_000);
const version = "2026-07-28";
const methods = { "tools/call": "name", "prompts/get": "name", "resources/read": "uri" } as const;
const alphabet = ["a", "b", "A", "é", "/", "=", "?", " ", "%", "=?base64?YQ==?="];

/** Numbers that are the same in every run. */
function createRandom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const inBase64 = (text: string): string =>
  `=?base64?${Buffer.from(text, "utf8").toString("base64")}?=`;

test(`headers that do not fit are found in ${cases} requests`, () => {
  const random = createRandom(7);
  const pick = <T>(list: readonly T[]): T => list[random(list.length)] as T;
  const word = () => Array.from({ length: 1 + random(3) }, () => pick(alphabet)).join("");
  let found = 0;
  for (let at = 0; at < cases; at++) {
    const method = pick(Object.keys(methods)) as keyof typeof methods;
    const [name, other] = [word(), word()];
    const _meta = { "io.modelcontextprotocol/protocolVersion": version };
    const params = { [methods[method]]: name, _meta };
    const read = messagesOf(JSON.stringify({ jsonrpc: "2.0", id: at, method, params }));
    if (!read.ok || read.value.messages[0] === undefined) throw new Error("no message");
    const headers = new Headers({
      "MCP-Protocol-Version": version,
      "Mcp-Method": method,
      "Mcp-Name": inBase64(name),
    });
    expect(headerMismatch(read.value.messages[0], headers)).toBeUndefined();
    const change = random(4);
    if (change === 0) headers.set("Mcp-Name", inBase64(other));
    if (change === 1) headers.set("Mcp-Method", pick(["tools/list", "Tools/call", "ping"]));
    if (change === 2) headers.delete(pick(["Mcp-Method", "Mcp-Name", "MCP-Protocol-Version"]));
    if (change === 3) headers.append(pick(["Mcp-Method", "Mcp-Name"]), "again");
    const isSame = change === 0 && other === name;
    if (!isSame) found += 1;
    expect(headerMismatch(read.value.messages[0], headers) === undefined).toBe(isSame);
  }
  console.log(`${cases} requests, ${found} of them with headers that did not fit`);
});
