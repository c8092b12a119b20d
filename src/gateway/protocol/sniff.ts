// What a client speaks, from its first bytes. The danger is to take something for a foreign
// protocol that a server would read as HTTP or TLS, since only those two can ask a shared server
// for another host. So whatever resembles a request counts as one, and the strict parser has the
// last word.

import { sniffMaxBytes } from "../../base/limits.ts";

export type Speech = "tls" | "http" | "other";

/** Undefined: more bytes are needed. What is decided stays decided whatever follows. */
export function sniff(bytes: Buffer, isComplete = false): Speech | undefined {
  const [first, second] = bytes;
  if (first === tlsHandshake) {
    if (second === undefined) return isComplete ? "other" : undefined;
    return second === tlsMajor ? "tls" : "other";
  }
  const start = bytes.findIndex((byte) => !isSpace(byte));
  if (start > spacesMax || (start < 0 && bytes.length > spacesMax)) return "http";
  if (start < 0) return isComplete ? "other" : undefined;
  const word = bytes.subarray(start, start + wordMax);
  const wordEnd = word.findIndex((byte) => !isToken(byte));
  if (wordEnd < 0) return word.length === wordMax || isComplete ? "other" : undefined;
  if (wordEnd === 0 || !isBlank(word[wordEnd] ?? 0)) return "other";
  const head = bytes.subarray(0, sniffMaxBytes);
  const lineEnd = head.findIndex((byte, at) => at > start && endsLine(byte, word, wordEnd));
  if (lineEnd < 0 && !isComplete) return head.length < sniffMaxBytes ? undefined : "http";
  const line = head.toString("latin1", start, lineEnd < 0 ? head.length : lineEnd);
  if (lineEnd >= 0 && head[lineEnd] !== lineFeed) return "other";
  return /http\//i.test(line) || shortRequest.test(line) ? "http" : "other";
}

const tlsHandshake = 0x16;
const tlsMajor = 3;
/** Longest method any server knows, with room. */
const wordMax = 40;
/** Servers skip empty lines before a request. */
const spacesMax = 256;
/** HTTP/0.9, which some servers still answer. */
const shortRequest =
  /^(get|head|post|put|delete|options|patch|connect|trace|pri)[ \t]+(\/|\*|\w+:)/i;

const lineFeed = 0x0a;
const methodLike = /^[A-Za-z-]+$/;

/**
 * Behind a word that may be a method only a line feed ends the line. Other protocols say their
 * first words in bytes no text has, and may send no line at all.
 */
function endsLine(byte: number, word: Buffer, wordEnd: number): boolean {
  if (byte === lineFeed) return true;
  if (byte >= 0x20 || byte === 0x09 || byte === 0x0d) return false;
  return !methodLike.test(word.toString("latin1", 0, wordEnd));
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);
}

function isBlank(byte: number): boolean {
  return byte === 0x20 || byte === 0x09;
}

function isToken(byte: number): boolean {
  return byte > 0x20 && byte < 0x7f;
}
