// Heads of HTTP/1.x requests, read more strictly than any server does, so that no server can read
// the same bytes as another request. The bytes come from the watched program.

import { httpFieldsMax, httpHeadMaxBytes } from "../../base/limits.ts";

export interface Field {
  /** As it was written. */
  readonly name: string;
  readonly value: string;
}

export type Framing =
  | { readonly kind: "length"; readonly sizeBytes: number }
  | { readonly kind: "chunked" };

export interface RequestHead {
  readonly method: string;
  /** As it was written: `/path?query`, `http://host/path`, `*`, or `host:port` for CONNECT. */
  readonly target: string;
  readonly version: "1.0" | "1.1";
  readonly fields: readonly Field[];
  readonly framing: Framing;
  /** Bytes of the head, the empty line included. */
  readonly sizeBytes: number;
}

export interface HttpFlaw {
  readonly status: number;
  readonly reason: string;
}

export type HeadStep =
  | { readonly kind: "more" }
  | ({ readonly kind: "refused" } & HttpFlaw)
  | { readonly kind: "done"; readonly head: RequestHead };

const requestLine = /^([!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}) ([!-~\x80-\xff]+) HTTP\/1\.([01])$/;
const fieldLine = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t -~\x80-\xff]*?)[ \t]*$/;
const lineFeed = 0x0a;

/** Reads one head, line by line; a fault is found at the end of its line, however bytes arrive. */
export class HeadReader {
  #lines: string[] = [];
  #lineStart = 0;
  #scanned = 0;

  /** `bytes` starts with the head and has everything that came so far. */
  read(bytes: Buffer): HeadStep {
    for (;;) {
      const end = bytes.indexOf(lineFeed, this.#scanned);
      if ((end < 0 ? bytes.length : end) >= httpHeadMaxBytes)
        return flaw(431, `a head of more than ${httpHeadMaxBytes} bytes`);
      if (end < 0) {
        this.#scanned = bytes.length;
        return { kind: "more" };
      }
      const line = bytes.toString("latin1", this.#lineStart, end);
      if (!line.endsWith("\r")) return flaw(400, "a line that ends without CR");
      const text = line.slice(0, -1);
      this.#lineStart = end + 1;
      this.#scanned = end + 1;
      if (text === "" && this.#lines.length > 0) return finish(this.#lines, end + 1);
      const wrong = this.#lines.length === 0 ? flawOfFirst(text) : flawOfField(text);
      if (wrong !== undefined) return wrong;
      if (this.#lines.length > httpFieldsMax) return flaw(431, "too many header fields");
      this.#lines.push(text);
    }
  }
}

/** The values of every field with this name (lower case). */
export function valuesOf({ fields }: RequestHead, name: string): readonly string[] {
  return fields.filter((field) => field.name.toLowerCase() === name).map(({ value }) => value);
}

/** The comma-separated words of a field, in lower case. */
export function wordsOf(head: RequestHead, name: string): readonly string[] {
  return valuesOf(head, name)
    .flatMap((value) => value.split(","))
    .map((word) => word.trim().toLowerCase())
    .filter((word) => word !== "");
}

export function hasBody({ framing }: RequestHead): boolean {
  return framing.kind === "chunked" || framing.sizeBytes > 0;
}

/** The bytes of a head that was changed. */
export function encodeHead(
  { method, version }: RequestHead,
  target: string,
  fields: readonly Field[],
): Buffer {
  const lines = fields.map(({ name, value }) => `${name}: ${value}\r\n`);
  return Buffer.from(`${method} ${target} HTTP/${version}\r\n${lines.join("")}\r\n`, "latin1");
}

type Refusal = { readonly kind: "refused" } & HttpFlaw;

function flaw(status: number, reason: string): Refusal {
  return { kind: "refused", status, reason };
}

function flawOfFirst(line: string): Refusal | undefined {
  const method = requestLine.exec(line)?.[1];
  if (method === undefined)
    return /HTTP\/[2-9]/.test(line)
      ? flaw(505, "another version of HTTP than 1.x")
      : flaw(400, "the first line is no HTTP/1.x request");
  if (method === "TRACE" || method === "TRACK") return flaw(405, `the method ${method}`);
  return undefined;
}

function flawOfField(line: string): Refusal | undefined {
  if (/^[ \t]/.test(line)) return flaw(400, "a header field folded over lines");
  return fieldLine.test(line) ? undefined : flaw(400, "a line that is no header field");
}

function finish([first = "", ...lines]: readonly string[], sizeBytes: number): HeadStep {
  const [, method = "", target = "", minor] = requestLine.exec(first) ?? [];
  const fields = lines.map((line) => {
    const [, name = "", value = ""] = fieldLine.exec(line) ?? [];
    return { name, value };
  });
  const version = minor === "0" ? "1.0" : "1.1";
  const bare = { method, target, version, fields, sizeBytes } as const;
  const none: Framing = { kind: "length", sizeBytes: 0 };
  const head: RequestHead = { ...bare, framing: none };
  const framing = framingOf(head);
  if ("reason" in framing) return flaw(framing.status, framing.reason);
  return { kind: "done", head: { ...bare, framing } };
}

/** RFC 9112 section 6, with everything refused that two readers could understand differently. */
function framingOf(head: RequestHead): Framing | HttpFlaw {
  const lengths = valuesOf(head, "content-length");
  const codings = valuesOf(head, "transfer-encoding");
  if (lengths.length > 1) return { status: 400, reason: "more than one Content-Length" };
  if (codings.length > 1) return { status: 400, reason: "more than one Transfer-Encoding" };
  const [length] = lengths;
  const [coding] = codings;
  if (coding !== undefined) {
    if (length !== undefined)
      return { status: 400, reason: "Content-Length beside Transfer-Encoding" };
    if (head.version === "1.0") return { status: 400, reason: "Transfer-Encoding in HTTP/1.0" };
    if (coding.toLowerCase() !== "chunked")
      return { status: 501, reason: "a Transfer-Encoding that is not chunked" };
    return { kind: "chunked" };
  }
  if (length === undefined) return { kind: "length", sizeBytes: 0 };
  if (!/^\d{1,15}$/.test(length)) return { status: 400, reason: "a Content-Length that is none" };
  return { kind: "length", sizeBytes: Number(length) };
}
