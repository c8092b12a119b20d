// Signed notes, checkpoints, keys and receipts against the worked example, and against whatever a
// sender could get wrong on purpose.

import { describe, expect, test } from "bun:test";
import {
  formatCheckpoint,
  parseCheckpoint,
  readCheckpoint,
  verifyCheckpoint,
} from "../../../../src/ledger/tree/checkpoint.ts";
import { appendLeaves, emptyTree, leafHash, rootOf } from "../../../../src/ledger/tree/merkle.ts";
import {
  formatNote,
  parseNote,
  parseVerifierKey,
  verifyNote,
} from "../../../../src/ledger/tree/note.ts";
import { formatReceipt, parseReceipt, verifyReceipt } from "../../../../src/ledger/tree/receipt.ts";
import { createSigner } from "../../../../src/ledger/tree/signer.ts";

const origin = "aegis.example/test/ledger-1";
const logKey = `${origin}+6ee7e97f+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4`;
const witnessKey = "witness.aegis.example/w1+847cc410+BOpKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs";
const text = `${origin}\n5\n60ggvtHN0PVogqM624CeMI6ZxmpEyTaSLDjUrCDGXAA=\n`;
const logLine = `— ${origin} bufpf+WMVY0BtlxZJI2FV+1u0blkBB3caTRw/k8f6BKmrPuTc8cjdlnti6TE6pxYVh1diS09lQq5O8JKwT/biiY1Fwg=\n`;
const witnessLine =
  "— witness.aegis.example/w1 hHzEEAAAAABpVbkAdjW9g0agicwcpNIgTprnY5hH0F0TgF06OFW+8rZxJyPJFMJB37wnP7RlppcswZi6KN70VshizTaSnBrgExKyBw==\n";
const note = `${text}\n${logLine}${witnessLine}`;
const seed = Uint8Array.from({ length: 32 }, (_, i) => i);

describe("the worked example", () => {
  test("is what our signer writes from its seed", async () => {
    const signer = await createSigner(origin, seed);
    expect(signer.verifierKey).toBe(logKey);
    expect(await signer.sign(text)).toBe(`${text}\n${logLine}`);
  });

  test("verifies with the keys of the log and of the witness, who adds a time", async () => {
    const { signers } = await verifyNote(note, [logKey, witnessKey]);
    expect(signers).toEqual([
      { name: origin, unixSeconds: undefined },
      { name: "witness.aegis.example/w1", unixSeconds: 1_767_225_600 },
    ]);
    const root = "60ggvtHN0PVogqM624CeMI6ZxmpEyTaSLDjUrCDGXAA=";
    expect(await verifyCheckpoint(note, [logKey])).toEqual({ origin, size: 5, root, note });
  });

  test("reads and writes back to the same text", () => {
    expect(formatNote(parseNote(note))).toBe(note);
    expect(formatCheckpoint(parseCheckpoint(text))).toBe(text);
  });

  test("is no checkpoint of the log when only the witness is known", async () => {
    expect(verifyCheckpoint(note, [witnessKey])).rejects.toThrow("did not sign it");
  });
});

describe("verifyNote()", () => {
  const changed = (from: string, to: string) => note.replace(from, to);
  const strangerLine = `— stranger.example AAAAAEGB\n`;

  test("skips lines of unknown keys", async () => {
    const { signers } = await verifyNote(note + strangerLine, [logKey]);
    expect(signers).toHaveLength(1);
  });

  test.each([
    ["another size", changed("\n5\n", "\n6\n"), [logKey], "signature of aegis.example"],
    ["another witness time", changed("hHzEEAAAAABp", "hHzEEAAAAABq"), [witnessKey], "is wrong"],
    [
      "a signature cut short",
      note.replace(logLine, `— ${origin} bufpf+WMVQ==\n`),
      [logKey],
      "is wrong",
    ],
    ["no key that signed", note, [], "no known key"],
    ["only a line of a stranger", `${text}\n${strangerLine}`, [logKey], "no known key"],
    ["no signature", `${text}\n`, [logKey], "cut off"],
    ["no empty line", text + logLine, [logKey], "it is not a note"],
    ["a last line without its end", note.trimEnd(), [logKey], "cut off"],
    ["a control character", changed("\n5\n", "\n5\r\n"), [logKey], "it is not a note"],
    ["half a surrogate pair", `\ud800${note}`, [logKey], "it is not a note"],
    ["a hyphen for the dash", note.replaceAll("—", "-"), [logKey], "signature line"],
    ["two spaces", note.replaceAll("— ", "—  "), [logKey], "signature line"],
    ["base64 without padding", note.replaceAll("=", ""), [logKey], "signature line"],
    ["a flood of lines", `${text}\n${strangerLine.repeat(65)}`, [logKey], "over 64"],
  ])("refuses a note with %s", async (_, bad, keys, why) => {
    expect(verifyNote(bad, keys)).rejects.toThrow(why);
  });

  test.each([
    ["the id of another", logKey.replace("6ee7e97f", "6ee7e97e"), "another id"],
    ["another type", `${origin}+6ee7e97f+${btoa(`\u0002${"k".repeat(32)}`)}`, "not a verifier key"],
    ["a short key", `${origin}+6ee7e97f+AQID`, "not a verifier key"],
    ["a space in its name", logKey.replace("/test", " test"), "not a verifier key"],
    ["no parts", "key", "not a verifier key"],
  ])("refuses a key with %s", (_, key, why) => {
    expect(() => parseVerifierKey(key)).toThrow(why);
  });
});

test.each([
  ["an extension line", `${text}more\n`],
  ["a leading zero", text.replace("\n5\n", "\n05\n")],
  ["a negative size", text.replace("\n5\n", "\n-5\n")],
  ["a size beyond integers", text.replace("\n5\n", "\n9007199254740993\n")],
  ["a short root", text.replace("60gg", "")],
  ["no origin", text.replace(origin, "")],
  ["a plus in its origin", text.replace(origin, "a+b")],
  ["no last line feed", text.trimEnd()],
])("parseCheckpoint() refuses %s", (_, bad) => {
  expect(() => parseCheckpoint(bad)).toThrow("Cannot accept the checkpoint");
});

describe("receipts", () => {
  const events = ["a", "b", "c", "d", "e"].map((letter) => new TextEncoder().encode(letter));
  const leaves = events.map(leafHash);
  const root = rootOf(appendLeaves(emptyTree, leaves, () => undefined)).toBase64();
  const rightOf4 = rootOf(appendLeaves(emptyTree, leaves.slice(0, 4), () => undefined));

  async function receiptOf4(): Promise<string> {
    const signer = await createSigner(origin, seed);
    const signed = await signer.sign(formatCheckpoint({ origin, size: 5, root }));
    return formatReceipt({ index: 4, hashes: [rightOf4], note: signed });
  }

  test("prove their event and no other", async () => {
    const receipt = await receiptOf4();
    const [a, , , , e] = events;
    if (a === undefined || e === undefined) throw new Error("five events");
    expect(await verifyReceipt(receipt, e, [logKey])).toBe(true);
    expect(await verifyReceipt(receipt, a, [logKey])).toBe(false);
    expect(await verifyReceipt(receipt.replace("index 4", "index 3"), e, [logKey])).toBe(false);
    expect(parseReceipt(receipt).hashes).toEqual([rightOf4]);
    expect(readCheckpoint(parseReceipt(receipt).note).size).toBe(5);
  });

  test("have the published form", async () => {
    const lines = (await receiptOf4()).split("\n");
    expect(lines.slice(0, 5)).toEqual([
      "c2sp.org/tlog-proof@v1",
      "index 4",
      rightOf4.toBase64(),
      "",
      origin,
    ]);
  });

  test("carry an extra line that nobody believes", async () => {
    const receipt = (await receiptOf4()).replace("@v1\n", "@v1\nextra AAAA\n");
    const [event] = events.slice(4);
    expect(event && (await verifyReceipt(receipt, event, [logKey]))).toBe(true);
  });

  test.each([
    ["another version", (receipt: string) => receipt.replace("@v1", "@v2")],
    ["no index", (receipt: string) => receipt.replace("index 4\n", "")],
    ["an index with a sign", (receipt: string) => receipt.replace("index 4", "index +4")],
    ["a hash that is none", (receipt: string) => receipt.replace("index 4\n", "index 4\nAAAA\n")],
    [
      "too many hashes",
      (receipt: string) => receipt.replace("index 4\n", `index 4\n${`${root}\n`.repeat(64)}`),
    ],
    ["no note", () => "c2sp.org/tlog-proof@v1\nindex 4\n"],
  ])("are refused with %s", async (_, change) => {
    const receipt = change(await receiptOf4());
    expect(() => parseReceipt(receipt)).toThrow("Cannot accept the receipt");
  });
});
