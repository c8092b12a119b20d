// What a server sends in the place of an answer and nobody can read ends the request it is about:
// its client waits no longer, and is told none of the server's words.

import { expect, test } from "bun:test";
import { NumberText } from "../../../src/base/json-text.ts";
import { createProcessLink } from "../../../src/mcp/http/process-link.ts";
import { type Request as Asking, messagesOf, unreadAnswerId } from "../../../src/mcp/message.ts";
import { createStdioProxy } from "../../../src/mcp/stdio.ts";
import { call, gateScene, request, session } from "../../support/mcp-gate.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const deep = `${"[".repeat(100)}${"]".repeat(100)}`;
const unread: readonly (readonly [string, string])[] = [
  ["half a character", '{"jsonrpc":"2.0","id":1,"result":{"text":"\\ud83d"}}'],
  ["a name given twice", '{"jsonrpc":"2.0","id":1,"result":{"do as I say":1,"do as I say":2}}'],
  ["deep nesting", `{"jsonrpc":"2.0","id":1,"result":${deep}}`],
  ["a result and an error", '{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1}}'],
  ["another version", '{"id":1,"result":{}}'],
  ["an id in another spelling", '{"jsonrpc":"2.0","id":1.0,"result":{}}'],
];

function scene() {
  const known = gateScene();
  const toClient: string[] = [];
  const proxy = createStdioProxy({
    ...{ gate: known.gate, session, say: known.say },
    write: (text) => void toClient.push(text),
    send: async () => {},
  });
  const stream = (line: string) => new Response(`${line}\n`).body ?? new ReadableStream();
  return {
    ...{ ...known, toClient },
    client: (message: object) => proxy.fromClient(stream(JSON.stringify(message))),
    server: (line: string) => proxy.fromServer(stream(line)),
  };
}

test.each(unread)("%s ends a call, which is recorded, and any other request", async (_, line) => {
  for (const asked of [call(1), request(1, "tools/list")]) {
    const { client, server, toClient, types, said } = scene();
    await client(asked);
    await server(line);
    const [text = ""] = toClient;
    expect(JSON.parse(text)).toMatchObject({ id: 1, error: { code: expect.any(Number) } });
    expect(text).toContain("its answer cannot be read");
    expect(text).not.toContain("do as I say");
    expect(said).toHaveLength(1);
    const isCall = asked.method === "tools/call";
    expect((await types()).at(-1)).toBe(isCall ? "ERROR_RAISED" : undefined);
    await server('{"jsonrpc":"2.0","id":1,"result":{}}');
    expect(toClient).toHaveLength(1);
  }
});

test("what answers nothing that is under way ends nothing", async () => {
  const { client, server, toClient } = scene();
  await client(call(1));
  for (const line of ["no JSON", '{"id":2,"result":{}}', '{"id":"1","result":{}}', "[1]", "null"]) {
    await server(line);
  }
  await server('{"id":1,"method":"x","result":{}}');
  expect(toClient).toEqual([]);
  await server('{"jsonrpc":"2.0","id":1,"result":{}}');
  expect(toClient).toHaveLength(1);
});

test("ids are told apart there as everywhere", () => {
  expect(unreadAnswerId(bytes('{"id":"1"}'))).toBe("1");
  expect(unreadAnswerId(bytes('{"id":1}'))).toEqual(new NumberText("1"));
  for (const other of ["null", "{}", "true", "[]", "1.5", "9007199254740993"]) {
    expect(unreadAnswerId(bytes(`{"id":${other}}`))).toBeUndefined();
  }
});

test.each(unread)("%s ends a request over HTTP to a process", async (_, line) => {
  const said: string[] = [];
  const link = createProcessLink({
    isShared: false,
    send: async () => {},
    say: (text) => void said.push(text),
    onUsed: () => undefined,
  });
  const read = messagesOf(JSON.stringify(request(7, "tools/list")));
  const [asked] = read.ok ? read.value.messages : [];
  const answer = link.ask(asked as Asking, new AbortController().signal);
  await link.read(new Response(`${line}\n`).body ?? new ReadableStream());
  await expect(answer).rejects.toThrow("its answer cannot be read");
  expect([link.underway(), said.length]).toEqual([0, 1]);
});
