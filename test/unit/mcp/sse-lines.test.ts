// Receivers of events do not agree on what ends a line: some take U+2028, U+0085 and others for an
// end, and would find an event where the proxy saw a comment.

import { afterEach, expect, test } from "bun:test";
import { sseBlocks, sseText } from "../../../src/mcp/http/sse.ts";
import { call, result } from "../../support/mcp-gate.ts";
import { content, endHttpScenes, event, httpScene, stream } from "../../support/mcp-http.ts";

afterEach(endHttpScenes);

const breaks = ["\u000b", "\u000c", "\u001c", "\u001d", "\u001e", "\u0085", "\u2028", "\u2029"];
/** As Python's `str.splitlines`. */
const receivedLines = (text: string) =>
  text.split(new RegExp(`\\r\\n|[\\r\\n${breaks.join("")}]`)).filter((line) => line !== "");

async function blocksOf(text: string) {
  const body = new Response(text).body ?? new ReadableStream();
  return Array.fromAsync(sseBlocks(body, 1 << 20));
}

test.each(breaks.map((one) => [one.charCodeAt(0).toString(16), one]))(
  "U+%s hides no event",
  async (_, one) => {
    for (const field of [": x", "id: 1", "event: message", "retry: 1", "x", "da"]) {
      const hidden = `${field}${one}data: {"hidden":1}`;
      const text = `${hidden}\nid: 7\ndata: {"shown":1}\n\n${hidden}\n\n`;
      const blocks = await blocksOf(text);
      const raw = Buffer.concat(blocks.map((block) => block.raw)).toString();
      expect(receivedLines(raw)).toEqual(["id: 7", 'data: {"shown":1}']);
      expect(blocks[0]).toMatchObject({ id: "7", data: '{"shown":1}' });
    }
  },
);

test("in a text of a message it is written as its number, in blocks and in events", async () => {
  const message = JSON.stringify({ text: "a\u2028b\u2029c\u0085d" });
  const [block] = await blocksOf(`data: ${message}\r\n\r\n`);
  const raw = new TextDecoder().decode(block?.raw);
  for (const text of [raw, sseText(message)]) {
    const [data = ""] = receivedLines(text).filter((line) => line.startsWith("data: "));
    expect(JSON.parse(data.slice("data: ".length))).toEqual(JSON.parse(message));
  }
  expect(block?.data).toBe(raw.trim().slice("data: ".length));
});

test("everything else passes byte for byte", async () => {
  const text = ': \u00e9\u2027\r\nid: 1\r\ndata: {"a":"\u2030"}\r\n\r\ndata\n\n';
  const blocks = await blocksOf(text);
  expect(Buffer.concat(blocks.map((block) => block.raw)).toString()).toBe(text);
});

test("a client gets one answer, the one that is recorded", async () => {
  const hidden = JSON.stringify(result(1, { content: ["hidden"] }));
  const shown = event(result(1, content));
  const { send, types } = httpScene(() => stream(`: x\u2028data: ${hidden}\u2028\u2028\n${shown}`));
  const lines = receivedLines(await (await send(call(1))).text());
  expect(lines).toEqual([shown.trim()]);
  expect((await types()).at(-1)).toBe("TOOL_RESULT");
});
