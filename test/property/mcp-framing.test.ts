// Lines and events are the same however their bytes come in, and nothing of them is lost.
// AEGIS_MCP_CASES raises the number of cases.

import { expect, test } from "bun:test";
import { sseBlocks } from "../../src/mcp/http/sse.ts";
import { linesOf } from "../../src/mcp/lines.ts";

const cases = Number(process.env.AEGIS_MCP_CASES ?? 2000);
const pieces = [
  "data: ",
  "a",
  "é",
  ":",
  "id: 1",
  "\n",
  "\r\n",
  "\r",
  "\n\n",
  "\r\n\r\n",
  "\r\r",
  " ",
];

/** Numbers that are the same in every run. */
function createRandom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** In the same memory again and again, as streams may have it. */
async function* inChunks(bytes: Uint8Array, sizeOf: () => number): AsyncGenerator<Uint8Array> {
  const memory = new Uint8Array(8);
  for (let at = 0; at < bytes.length; ) {
    const piece = bytes.subarray(at, at + sizeOf());
    memory.set(piece);
    yield memory.subarray(0, piece.length);
    memory.fill(0x78);
    at += piece.length;
  }
}

async function collected<T>(from: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of from) items.push(item);
  return items;
}

test(`${cases} texts are cut the same in any chunks`, async () => {
  const random = createRandom(3);
  for (let at = 0; at < cases; at++) {
    const length = random(30);
    const text = Array.from({ length }, () => pieces[random(pieces.length)]).join("");
    const bytes = new TextEncoder().encode(text);
    const whole = await collected(
      sseBlocks(
        inChunks(bytes, () => 8),
        1000,
      ),
    );
    const cut = await collected(
      sseBlocks(
        inChunks(bytes, () => 1 + random(3)),
        1000,
      ),
    );
    const raw = Buffer.concat(cut.map((block) => block.raw)).toString();
    expect(raw).toBe(Buffer.concat(whole.map((block) => block.raw)).toString());
    expect(text.startsWith(raw)).toBe(true);
    const told = (blocks: typeof cut) => blocks.map(({ data }) => data).filter((one) => one);
    expect(told(cut)).toEqual(told(whole));
    const lines = await collected(
      linesOf(
        inChunks(bytes, () => 1 + random(3)),
        1000,
      ),
    );
    const texts = lines.map((line) => (line === "too long" ? line : Buffer.from(line).toString()));
    expect(texts).toEqual(text.split("\n").filter((line) => /[^ \t\r]/.test(line)));
  }
});

test("a line or an event that is too long does not take the next one with it", async () => {
  const bytes = new TextEncoder().encode(`${"x".repeat(100)}\nshort\n${"y".repeat(100)}`);
  const lines = await collected(
    linesOf(
      inChunks(bytes, () => 8),
      50,
    ),
  );
  expect(lines.map((line) => (line === "too long" ? line : line.length))).toEqual([
    "too long",
    5,
    "too long",
  ]);
  await expect(
    collected(
      sseBlocks(
        inChunks(bytes, () => 8),
        50,
      ),
    ),
  ).rejects.toThrow("over 50");
});
