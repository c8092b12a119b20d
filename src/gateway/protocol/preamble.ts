// The message that stands before every connection the helper makes for the box: what the caller
// wanted, and who it is. Layout in docs/network.md. Anybody on the machine can reach the port, so
// nothing in it counts before the token is right.

import type { Ip } from "../../base/ip.ts";
import { pathMaxBytes } from "../../base/limits.ts";
import { ipOfBytes } from "../address.ts";

export const preambleKind = {
  stream: 1,
  proxy: 2,
  datagram: 3,
  icmp: 4,
  resolverClient: 5,
  resolverStream: 6,
} as const;
export type PreambleKind = (typeof preambleKind)[keyof typeof preambleKind];

export interface Preamble {
  readonly kind: PreambleKind;
  /** The caller does not wait: it is answered before the connection is made. */
  readonly isNonBlocking: boolean;
  /** The caller's socket reaches no IPv6 address. */
  readonly takesIpv4Only: boolean;
  readonly pid: number;
  readonly exe: string;
  readonly ip: Ip;
  readonly port: number;
  /** The connection it speaks for, by where that comes from; undefined: itself. */
  readonly source: { readonly ip: Ip; readonly port: number } | undefined;
}

export type PreambleStep =
  | { readonly kind: "more" }
  /** It does not start like one: whoever this is was not sent by the helper. */
  | { readonly kind: "foreign" }
  | { readonly kind: "refused"; readonly reason: string }
  | { readonly kind: "done"; readonly preamble: Preamble; readonly length: number };

export const tokenSize = 32;
export const preambleFixedSize = 66;
const magic = [0x41, 0x45, 0x47, 0x47];
const version = 1;
const nonBlocking = 1;
const forAnother = 2;
const ipv4Only = 4;
const sourceSize = 20;

/** Reads what has come so far; asks for more until the whole message is there. */
export function parsePreamble(bytes: Uint8Array, token: Uint8Array): PreambleStep {
  if (magic.some((byte, at) => at < bytes.length && bytes[at] !== byte)) return { kind: "foreign" };
  if (bytes.length < preambleFixedSize) return { kind: "more" };
  if (!areEqual(bytes.subarray(8, 8 + tokenSize), token)) return refused("wrong token");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const kind = kindOf(bytes[5]);
  const flags = bytes[6] ?? 0;
  const family = bytes[46];
  const exeSize = view.getUint16(64, true);
  if (bytes[4] !== version) return refused(`version ${bytes[4]}, known is ${version}`);
  if (kind === undefined) return refused(`unknown kind ${bytes[5]}`);
  if ((flags & ~(nonBlocking | forAnother | ipv4Only)) !== 0 || bytes[7] !== 0 || bytes[47] !== 0)
    return refused("bits without a meaning");
  if (family !== 4 && family !== 6) return refused(`unknown family ${family}`);
  if (family === 4 && bytes.subarray(52, 64).some(Boolean)) return refused("a long IPv4 address");
  if (exeSize >= pathMaxBytes) return refused(`a path of ${exeSize} bytes`);
  const sourceAt = preambleFixedSize + exeSize;
  const length = sourceAt + ((flags & forAnother) === 0 ? 0 : sourceSize);
  if (bytes.length < length) return { kind: "more" };
  const preamble: Preamble = {
    kind,
    isNonBlocking: (flags & nonBlocking) !== 0,
    takesIpv4Only: (flags & ipv4Only) !== 0,
    pid: view.getUint32(40, true),
    port: view.getUint16(44, true),
    ip: ipOfBytes(bytes.subarray(48, family === 4 ? 52 : 64)),
    exe: new TextDecoder().decode(bytes.subarray(preambleFixedSize, sourceAt)),
    source: length === sourceAt ? undefined : sourceIn(bytes.subarray(sourceAt, length)),
  };
  return { kind: "done", preamble, length };
}

/** The helper has shown its token before it says this. */
function sourceIn(bytes: Uint8Array): { readonly ip: Ip; readonly port: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const size = bytes[0] === 4 ? 4 : 16;
  return { ip: ipOfBytes(bytes.subarray(4, 4 + size)), port: view.getUint16(2, true) };
}

/** Takes the same time wherever the first difference is. */
export function areEqual(given: Uint8Array, secret: Uint8Array): boolean {
  let difference = given.length ^ secret.length;
  for (let at = 0; at < secret.length; at += 1) difference |= (given[at] ?? 0) ^ (secret[at] ?? 0);
  return difference === 0;
}

function refused(reason: string): PreambleStep {
  return { kind: "refused", reason };
}

function kindOf(byte: number | undefined): PreambleKind | undefined {
  return Object.values(preambleKind).find((kind) => kind === byte);
}
