// Frames from bytes written down by hand after native/README.md, in pieces of every size.

import { describe, expect, test } from "bun:test";
import { AegisError } from "../../../src/base/errors.ts";
import { createFrameDecoder } from "../../../src/bridge/decode-frames.ts";
import type { Frame } from "../../../src/bridge/frame.ts";

const hex = (text: string) => Uint8Array.fromHex(text.replaceAll(" ", ""));

const started = "10000000 0100 0000 39300000 07000000";
const program = "15000000 0200 0000 01000000 0700 2f62696e2f7368";
const access =
  "32000000 0300 0000 0008fe5318010000 05000000 02000000 01000000 00000800 0101 01 00 0000 0000" +
  "0300 2fc3a9 0300 2e2f61";
const connect =
  "33000000 0300 0000 0008fe5318010000 05000000 ffffffff 00000000 00000000 2a00 06 01 bb01 0100" +
  "0700 6578616d706c65 0000";
const spawn =
  `4e000000 0300 0000 0008fe5318010000 05000000 02000000 00000000 00000000 3b00 05 01 0000 0000` +
  `0200 2f78 0000 ${"ab".repeat(32)}`;
const refused =
  "2a000000 1100 0000 0008fe5318010000 05000000 01000000 1001 0000001000000000 ffffffffffffffff";
const exited =
  "28000000 0400 0000 8f000000 0f000000 dc05000000000000 e803000000000000 0000100000000000";
const failed = "18000000 0500 0000 0d000000 0400 65786563 0400 6e6f7065";

const frames: readonly Frame[] = [
  { kind: "started", pid: 12345, landlockAbi: 7 },
  {
    kind: "access",
    tsUnixMs: 1_204_000_000_000,
    pid: 5,
    action: "FileWrite",
    allowed: false,
    rule: 2,
    syscall: 257,
    flags: 0x80000,
    path: "/é",
    requested: "./a",
    exe: "/bin/sh",
    port: undefined,
  },
  {
    kind: "access",
    tsUnixMs: 1_204_000_000_000,
    pid: 5,
    action: "NetConnect",
    allowed: true,
    rule: undefined,
    syscall: 42,
    flags: 0,
    path: "example",
    requested: undefined,
    exe: "",
    port: 443,
  },
  {
    kind: "access",
    tsUnixMs: 1_204_000_000_000,
    pid: 5,
    action: "ProcessSpawn",
    allowed: true,
    rule: 2,
    syscall: 59,
    flags: 0,
    path: "/x",
    requested: undefined,
    exe: "",
    port: undefined,
    sha256: "ab".repeat(32),
  },
  {
    kind: "refused",
    tsUnixMs: 1_204_000_000_000,
    pid: 5,
    exe: "/bin/sh",
    syscall: 272,
    arguments: [0x10000000n, 0xffff_ffff_ffff_ffffn],
  },
  {
    kind: "exited",
    status: 143,
    signal: 15,
    userMs: 1.5,
    systemMs: 1,
    maxRssBytes: 1048576,
  },
  { kind: "failed", errno: 13, step: "exec", message: "nope" },
];

const stream = hex(started + program + access + connect + spawn + refused + exited + failed);

for (const size of [1, 2, 7, 16, 64, 1000]) {
  test(`frames in pieces of ${size} bytes are the same frames`, () => {
    const decoder = createFrameDecoder();
    const seen: Frame[] = [];
    for (let at = 0; at < stream.length; at += size)
      seen.push(...decoder.push(stream.subarray(at, at + size)));
    decoder.end();
    expect(seen).toEqual([...frames]);
  });
}

test("a piece may be written over once it was pushed", () => {
  const decoder = createFrameDecoder();
  const piece = stream.slice(0, 20);
  const first = decoder.push(piece);
  piece.fill(0xff);
  expect([...first, ...decoder.push(stream.subarray(20))]).toEqual([...frames]);
});

describe("anything else is refused", () => {
  const rows: [name: string, bytes: string, message: string][] = [
    ["an unknown kind", "08000000 0600 0000", "the unknown kind 6"],
    ["a size below the header", "07000000 0100 0000", "a size of 7"],
    ["a size beyond all bounds", "ffffff7f 0100 0000", "a size of 2147483647"],
    ["a payload cut short", "0c000000 0100 0000 39300000", "a payload cut short"],
    [
      "bytes behind the payload",
      `14000000${started.slice(8)} 00000000`,
      "bytes behind its payload",
    ],
    ["a string beyond its frame", "0e000000 0200 0000 01000000 0500", "a payload cut short"],
    ["a program that was not named", access, "program 1 without its name"],
    ["an action there is none of", connect.replace("2a00 06", "2a00 08"), "an unknown action"],
  ];
  for (const [name, bytes, message] of rows) {
    test(name, () => {
      const push = () => createFrameDecoder().push(hex(bytes));
      expect(push).toThrow(AegisError);
      expect(push).toThrow(message);
    });
  }

  test("a stream that ends inside a frame", () => {
    const decoder = createFrameDecoder();
    decoder.push(hex(started).subarray(0, 15));
    expect(() => decoder.end()).toThrow("an end in the middle of one");
  });
});
