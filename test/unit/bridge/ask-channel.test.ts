import { describe, expect, test } from "bun:test";
import {
  type AskMessage,
  askAnswers,
  createAskDecoder,
  encodeAnswer,
} from "../../../src/bridge/ask-channel.ts";

const text = (value: string) => new TextEncoder().encode(value);

function question(path: Uint8Array, exe: Uint8Array, bits = 1, deed = 0): Uint8Array {
  const other = text("/other");
  const bytes = new Uint8Array(20 + 2 + path.length + 2 + exe.length + 2 + other.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length, true);
  view.setUint16(4, 1, true);
  view.setUint32(8, 5, true);
  view.setUint32(12, 77, true);
  view.setUint16(16, bits, true);
  view.setUint16(20, path.length, true);
  bytes.set(path, 22);
  view.setUint16(22 + path.length, exe.length, true);
  bytes.set(exe, 24 + path.length);
  view.setUint16(18, deed, true);
  view.setUint16(24 + path.length + exe.length, other.length, true);
  bytes.set(other, 26 + path.length + exe.length);
  return bytes;
}

const asked = question(text("/data/ü"), text("/bin/cat"), 0b11, 3);
const withdrawn = new Uint8Array([12, 0, 0, 0, 2, 0, 0, 0, 5, 0, 0, 0]);
const expected: AskMessage[] = [
  {
    kind: "asked",
    access: {
      id: 5,
      pid: 77,
      actions: ["FileRead", "FileWrite"],
      path: "/data/ü",
      isGarbled: false,
      exe: "/bin/cat",
      deed: "move",
      other: "/other",
    },
  },
  { kind: "withdrawn", id: 5 },
];

describe("questions", () => {
  test("are read in pieces of any size", () => {
    const all = new Uint8Array([...asked, ...withdrawn]);
    for (const size of [1, 2, 7, all.length]) {
      const decoder = createAskDecoder();
      const messages: AskMessage[] = [];
      for (let at = 0; at < all.length; at += size)
        messages.push(...decoder.push(all.slice(at, at + size)));
      expect(messages).toEqual(expected);
    }
  });

  test("about a name that is no text say so", () => {
    const [message] = createAskDecoder().push(question(new Uint8Array([47, 255]), text("/x")));
    expect(message?.kind === "asked" && message.access.isGarbled).toBe(true);
  });

  const bad: readonly [name: string, bytes: Uint8Array][] = [
    ["a size below the header", new Uint8Array([4, 0, 0, 0, 1, 0, 0, 0])],
    ["a size beyond all bounds", new Uint8Array([255, 255, 255, 0, 1, 0, 0, 0])],
    ["an unknown kind", new Uint8Array([8, 0, 0, 0, 9, 0, 0, 0])],
    ["no action", question(text("/x"), text("/y"), 0)],
    ["an action that is not asked about", question(text("/x"), text("/y"), 1 << 6)],
    ["an unknown deed", question(text("/x"), text("/y"), 1, 16)],
    ["a text beyond its end", asked.map((byte, at) => (at === 20 ? 255 : byte))],
  ];
  for (const [name, bytes] of bad) {
    test(`with ${name} are refused`, () => {
      expect(() => createAskDecoder().push(bytes)).toThrow("Cannot read a question");
    });
  }
});

test("answers are eight bytes, the number of the question first", () => {
  for (const [number, answer] of askAnswers.entries())
    expect([...encodeAnswer(0x01020304, answer)]).toEqual([4, 3, 2, 1, number, 0, 0, 0]);
});
