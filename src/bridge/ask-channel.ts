// What the helper's lender and aegis tell each other, from and to bytes; the layout is in
// native/README.md. Paths and programs are what a hostile box chose: nothing here trusts them, and
// a text that is no UTF-8 is marked, because two of those could look the same. No I/O.

import { hasLoneBytes, textOfBytes } from "../base/byte-text.ts";
import { AegisError } from "../base/errors.ts";
import type { PathAction } from "../model/capability.ts";
import { judgedActions } from "./encode-plan.ts";

/** By number; what the helper calls making a file is `make` of something that may be written. */
const deeds = [
  "open",
  "make",
  "remove",
  "move",
  "arrive",
  "link",
  "be-linked",
  "point",
  "size",
  "mode",
  "owner",
  "times",
  "times",
  "attribute",
  "attribute",
  "connect",
] as const;
export type AskedDeed = (typeof deeds)[number];

/** One access that no rule is about. */
export interface AskedAccess {
  readonly id: number;
  /** Process id as seen inside the box. */
  readonly pid: number;
  readonly actions: readonly PathAction[];
  /** The kernel's own name for the object. */
  readonly path: string;
  /** The path has bytes that are no text. */
  readonly isGarbled: boolean;
  readonly exe: string;
  readonly deed: AskedDeed;
  /** The other path of a move or link, or what a symbolic link says; "" for the rest. */
  readonly other: string;
}

export type AskMessage =
  | { readonly kind: "asked"; readonly access: AskedAccess }
  | { readonly kind: "withdrawn"; readonly id: number };

/** By number. `unasked`: no, and nobody was asked. */
export const askAnswers = ["no", "once", "session", "always", "folder", "unasked"] as const;
export type AskAnswer = (typeof askAnswers)[number];

/** The fixed part, and three texts of 4 KiB at most. */
const messageSizeMax = 14_000;
const headerSize = 8;
const files: readonly string[] = ["FileRead", "FileWrite", "FileDelete", "DirCreate", "DirList"];

export interface AskDecoder {
  /** @throws {AegisError} `enforce/helper` on anything that is no message */
  push(bytes: Uint8Array): AskMessage[];
}

export function createAskDecoder(): AskDecoder {
  let rest: Uint8Array = new Uint8Array(0);
  return {
    push(bytes) {
      const data = new Uint8Array(rest.length + bytes.length);
      data.set(rest);
      data.set(bytes, rest.length);
      const messages: AskMessage[] = [];
      let at = 0;
      while (data.length - at >= headerSize) {
        const size = new DataView(data.buffer, at).getUint32(0, true);
        if (size < headerSize || size > messageSizeMax) throw malformed(`a size of ${size}`);
        if (data.length - at < size) break;
        messages.push(readMessage(data.subarray(at, at + size)));
        at += size;
      }
      rest = data.slice(at);
      return messages;
    },
  };
}

export function encodeAnswer(id: number, answer: AskAnswer): Uint8Array {
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, id, true);
  view.setUint32(4, askAnswers.indexOf(answer), true);
  return bytes;
}

function readMessage(bytes: Uint8Array): AskMessage {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const kind = view.getUint16(4, true);
  if (kind === 2 && bytes.length === 12)
    return { kind: "withdrawn", id: view.getUint32(headerSize, true) };
  if (kind !== 1) throw malformed(`the unknown kind ${kind}`);
  return { kind: "asked", access: readAccess(bytes, view) };
}

function readAccess(bytes: Uint8Array, view: DataView): AskedAccess {
  const textsAt = 20;
  if (bytes.length < textsAt) throw malformed("a payload cut short");
  const path = textAt(bytes, view, textsAt);
  const exe = textAt(bytes, view, path.end);
  const other = textAt(bytes, view, exe.end);
  if (other.end !== bytes.length) throw malformed("bytes behind its payload");
  const bits = view.getUint16(16, true);
  const actions = judgedActions.filter(
    (action, bit): action is PathAction & (typeof judgedActions)[number] =>
      ((bits >> bit) & 1) === 1 && files.includes(action),
  );
  if (actions.length === 0) throw malformed("no action");
  const deed = deeds[view.getUint16(18, true)];
  if (deed === undefined) throw malformed("an unknown deed");
  return {
    id: view.getUint32(8, true),
    pid: view.getUint32(12, true),
    actions,
    path: path.text,
    isGarbled: hasLoneBytes(path.text),
    exe: exe.text,
    deed,
    other: other.text,
  };
}

function textAt(
  bytes: Uint8Array,
  view: DataView,
  at: number,
): { readonly text: string; readonly end: number } {
  const size = at + 2 > bytes.length ? 0 : view.getUint16(at, true);
  const end = at + 2 + size;
  if (end > bytes.length) throw malformed("a payload cut short");
  return { text: textOfBytes(bytes.subarray(at + 2, end)), end };
}

function malformed(what: string): AegisError {
  return new AegisError("enforce/helper", `Cannot read a question of the helper: it has ${what}`);
}
