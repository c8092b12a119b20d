// SOCKS5 (RFC 1928, RFC 1929): the three messages of a client, strictly, and the answers to them.
// The bytes come from the watched program, or from anybody else on the machine.

import { ipOfBytes } from "../address.ts";
import { type Host, hostOfIp, parseHost } from "../host.ts";

export type SocksStep<T> =
  | { readonly kind: "more" }
  | { readonly kind: "refused"; readonly reason: string; readonly reply: Uint8Array }
  | { readonly kind: "done"; readonly value: T; readonly length: number };

export interface SocksRequest {
  readonly host: Host;
  readonly port: number;
}

export const socksVersion = 5;
const loginVersion = 1;
const commandConnect = 1;
const nothing = new Uint8Array(0);

export const socksMethod = { none: 0, password: 2, refused: 0xff } as const;
export const socksReply = {
  granted: 0,
  failure: 1,
  forbidden: 2,
  networkUnreachable: 3,
  hostUnreachable: 4,
  connectionRefused: 5,
  timedOut: 6,
  commandUnknown: 7,
  addressUnknown: 8,
} as const;

/** The methods a client offers. */
export function parseGreeting(bytes: Uint8Array): SocksStep<readonly number[]> {
  const [version, count] = bytes;
  if (version !== undefined && version !== socksVersion)
    return { kind: "refused", reason: "another version than 5", reply: nothing };
  if (count === undefined) return { kind: "more" };
  if (count === 0)
    return { kind: "refused", reason: "no methods", reply: methodReply(socksMethod.refused) };
  if (bytes.length < 2 + count) return { kind: "more" };
  return { kind: "done", value: [...bytes.subarray(2, 2 + count)], length: 2 + count };
}

/** User name and password. */
export function parseLogin(bytes: Uint8Array): SocksStep<{
  readonly user: Uint8Array;
  readonly password: Uint8Array;
}> {
  const [version, userSize] = bytes;
  if (version !== undefined && version !== loginVersion)
    return { kind: "refused", reason: "an unknown login", reply: loginReply(false) };
  if (userSize === undefined) return { kind: "more" };
  const passwordSize = bytes[2 + userSize];
  if (passwordSize === undefined) return { kind: "more" };
  const length = 3 + userSize + passwordSize;
  if (bytes.length < length) return { kind: "more" };
  const user = bytes.slice(2, 2 + userSize);
  return { kind: "done", value: { user, password: bytes.slice(3 + userSize, length) }, length };
}

/** What to connect to. A name with a NUL or anything else no name has is refused. */
export function parseRequest(bytes: Uint8Array): SocksStep<SocksRequest> {
  const [version, command, reserved, type, size = 0] = bytes;
  if (version !== undefined && version !== socksVersion) return refused("another version than 5");
  if (command !== undefined && command !== commandConnect)
    return refused("another command than CONNECT", socksReply.commandUnknown);
  if (reserved !== undefined && reserved !== 0) return refused("bits without a meaning");
  if (type === undefined) return { kind: "more" };
  const addressSize = type === 1 ? 4 : type === 4 ? 16 : type === 3 ? 1 + size : undefined;
  if (addressSize === undefined)
    return refused("an unknown kind of address", socksReply.addressUnknown);
  const length = 4 + addressSize + 2;
  if (bytes.length < 5 || bytes.length < length) return { kind: "more" };
  const raw = bytes.subarray(4, 4 + addressSize);
  const host = type === 3 ? nameOf(raw.subarray(1)) : hostOfIp(ipOfBytes(raw));
  if (host === undefined) return refused("a name that is no host name", socksReply.forbidden);
  const port = ((bytes[length - 2] ?? 0) << 8) | (bytes[length - 1] ?? 0);
  if (port === 0) return refused("port 0");
  return { kind: "done", value: { host, port }, length };
}

export function methodReply(method: number): Uint8Array {
  return Uint8Array.of(socksVersion, method);
}

export function loginReply(isRight: boolean): Uint8Array {
  return Uint8Array.of(loginVersion, isRight ? 0 : 1);
}

export function requestReply(code: number): Uint8Array {
  return Uint8Array.of(socksVersion, code, 0, 1, 0, 0, 0, 0, 0, 0);
}

/** The answer that says what an errno of connect says. */
export function replyOfErrno(errno: number): Uint8Array {
  return requestReply(errnoReplies.get(errno) ?? socksReply.failure);
}

const errnoReplies: ReadonlyMap<number, number> = new Map([
  [0, socksReply.granted],
  [13, socksReply.forbidden],
  [101, socksReply.networkUnreachable],
  [113, socksReply.hostUnreachable],
  [111, socksReply.connectionRefused],
  [110, socksReply.timedOut],
]);

function refused(reason: string, code: number = socksReply.failure): SocksStep<SocksRequest> {
  return { kind: "refused", reason, reply: requestReply(code) };
}

/** Names travel as bytes; a client that speaks of international names sends UTF-8. */
function nameOf(bytes: Uint8Array): Host | undefined {
  const text = new TextDecoder().decode(bytes);
  return text.includes("\uFFFD") ? undefined : parseHost(text);
}
