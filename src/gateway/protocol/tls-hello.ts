// The first message of a TLS client, for the name of the server it wants. Nothing is decrypted;
// what cannot be read without doubt is refused. The bytes come from the watched program.

import { tlsHelloMaxBytes } from "../../base/limits.ts";

export interface ClientHello {
  /** As it was sent; undefined when the client named no server. */
  readonly serverName: string | undefined;
  /** Another name may be encrypted in it, which nobody but the server can read. */
  readonly hasEncryptedHello: boolean;
  /** The server may ask for another hello (RFC 8446 section 4.1.4), and reads the name in that. */
  readonly mayRetry: boolean;
  /** What follows at once may be data, which the server skips when it asks for another hello. */
  readonly hasEarlyData: boolean;
}

export type HelloStep =
  | { readonly kind: "more" }
  | { readonly kind: "refused"; readonly reason: string }
  /** @property length bytes of the records it is in */
  | { readonly kind: "done"; readonly hello: ClientHello; readonly length: number };

export const recordHandshake = 22;
const recordMaxBytes = 1 << 14;
/** Clients that cut their hello on purpose make two or three. */
const recordsMax = 64;
const clientHello = 1;
const extensionName = 0;
const extensionEncryptedHello = 0xfe0d;
const extensionEarlyData = 42;
/** There since TLS 1.3, where the server may ask for another hello. */
const extensionVersions = 43;

/** `bytes` has everything the client sent so far. */
export function parseClientHello(bytes: Uint8Array): HelloStep {
  const parts: Uint8Array[] = [];
  let collected = 0;
  let at = 0;
  for (;;) {
    const [type, major, , high = 0, low = 0] = bytes.subarray(at, at + 5);
    if (type !== undefined && type !== recordHandshake) return refused("no handshake comes first");
    if (major !== undefined && major !== 3) return refused("another protocol than TLS");
    if (parts.length >= recordsMax) return refused("a hello in too many records");
    if (at + 5 > bytes.length) return { kind: "more" };
    const size = (high << 8) | low;
    if (size === 0 || size > recordMaxBytes) return refused("a record of a size TLS does not have");
    const body = bytes.subarray(at + 5, at + 5 + size);
    parts.push(body);
    collected += body.length;
    const needed = sizeOfMessage(parts);
    if (typeof needed === "string") return refused(needed);
    if (needed !== undefined && collected >= needed) {
      const message = Buffer.concat(parts);
      if (collected > needed) return refused("more than one message in a record");
      // The record may go on beyond what has come: then there is more behind the message.
      if (body.length < size) return refused("more than one message in a record");
      const hello = parseMessage(message);
      if (typeof hello === "string") return refused(hello);
      return { kind: "done", hello, length: at + 5 + size };
    }
    if (body.length < size) return { kind: "more" };
    at += 5 + size;
  }
}

/** Bytes of the handshake message with its header; a text says what is wrong with it. */
function sizeOfMessage(parts: readonly Uint8Array[]): number | string | undefined {
  const header: number[] = [];
  for (const part of parts) {
    header.push(...part.subarray(0, 4 - header.length));
    if (header.length >= 4) break;
  }
  const [type, high = 0, middle = 0, low = 0] = header;
  if (type !== undefined && type !== clientHello) return "the first message is no ClientHello";
  if (header.length < 4) return undefined;
  const size = (high << 16) | (middle << 8) | low;
  return size > tlsHelloMaxBytes ? `a ClientHello of ${size} bytes` : size + 4;
}

function refused(reason: string): HelloStep {
  return { kind: "refused", reason };
}

/** Reads forward only; `undefined` once something is missing. */
class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  number(size: number): number | undefined {
    const bytes = this.bytes(size);
    return bytes?.reduce((value, byte) => value * 256 + byte, 0);
  }

  bytes(size: number): Uint8Array | undefined {
    if (this.#at + size > this.#bytes.length) return undefined;
    this.#at += size;
    return this.#bytes.subarray(this.#at - size, this.#at);
  }

  /** Bytes behind a length of `lengthSize` bytes. */
  vector(lengthSize: number): Uint8Array | undefined {
    const size = this.number(lengthSize);
    return size === undefined ? undefined : this.bytes(size);
  }
}

/** A text says what is wrong with it. */
function parseMessage(message: Uint8Array): ClientHello | string {
  const reader = new Reader(message.subarray(4));
  const version = reader.number(2);
  const random = reader.bytes(32);
  const session = reader.vector(1);
  const ciphers = reader.vector(2);
  const compressions = reader.vector(1);
  if (version === undefined || version >> 8 !== 3 || random === undefined)
    return "a ClientHello that is cut off";
  if (session === undefined || session.length > 32) return "a wrong session id";
  if (ciphers === undefined || ciphers.length < 2 || ciphers.length % 2 !== 0)
    return "a wrong list of ciphers";
  if (compressions === undefined || compressions.length === 0)
    return "a wrong list of compressions";
  if (reader.isAtEnd) return parseExtensions(reader);
  const extensions = reader.vector(2);
  if (extensions === undefined || !reader.isAtEnd) return "wrong extensions";
  return parseExtensions(new Reader(extensions));
}

function parseExtensions(reader: Reader): ClientHello | string {
  const seen = new Set<number>();
  let serverName: string | undefined;
  while (!reader.isAtEnd) {
    const type = reader.number(2);
    const body = reader.vector(2);
    if (type === undefined || body === undefined) return "an extension that is cut off";
    if (seen.has(type)) return "the same extension twice";
    seen.add(type);
    if (type !== extensionName) continue;
    serverName = parseServerName(body);
    if (serverName === undefined) return "a server name that is none";
  }
  return {
    serverName,
    hasEncryptedHello: seen.has(extensionEncryptedHello),
    mayRetry: seen.has(extensionVersions),
    hasEarlyData: seen.has(extensionEarlyData),
  };
}

/** RFC 6066 section 3: a list, of which there is only one entry and one type. */
function parseServerName(body: Uint8Array): string | undefined {
  const outer = new Reader(body);
  const list = outer.vector(2);
  if (list === undefined || !outer.isAtEnd) return undefined;
  const inner = new Reader(list);
  const type = inner.number(1);
  const name = inner.vector(2);
  if (type !== 0 || name === undefined || name.length === 0 || !inner.isAtEnd) return undefined;
  if (name.some((byte) => byte <= 0x20 || byte >= 0x7f)) return undefined;
  return String.fromCharCode(...name);
}
