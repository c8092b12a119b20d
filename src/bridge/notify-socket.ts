// What a service tells systemd about itself: one datagram for each state, to the socket that
// NOTIFY_SOCKET names. Bun has no Unix datagrams, so the C library sends them. The name comes from
// whoever started the process.

import { ptr } from "bun:ffi";
import { openLibrary } from "./library.ts";

const functions = {
  socket: { args: ["i32", "i32", "i32"], returns: "i32" },
  sendto: { args: ["i32", "ptr", "u64", "i32", "ptr", "u32"], returns: "i64" },
  close: { args: ["i32"], returns: "i32" },
} as const;

const afUnix = 1;
/** SOCK_DGRAM | SOCK_CLOEXEC */
const datagram = 0x2 | 0x80000;
/** MSG_NOSIGNAL | MSG_DONTWAIT: whoever does not read must not keep a server from answering. */
const flags = 0x4000 | 0x40;
const pathMax = 108;

/**
 * The bytes of a `sockaddr_un`, undefined for what is no Unix socket's name. `@` stands for the
 * zero byte that an abstract name begins with.
 */
export function unixAddress(name: string): Uint8Array | undefined {
  const path = new TextEncoder().encode(name);
  const isAbstract = name.startsWith("@");
  if (!(isAbstract || name.startsWith("/")) || path.length < 2 || path.includes(0))
    return undefined;
  // A path ends with a zero byte, an abstract name with its length.
  const bytes = new Uint8Array(2 + path.length + (isAbstract ? 0 : 1));
  if (bytes.length > 2 + pathMax) return undefined;
  new DataView(bytes.buffer).setUint16(0, afUnix, true);
  bytes.set(path, 2);
  if (isAbstract) bytes[2] = 0;
  return bytes;
}

/** @returns whether all of it was sent; false as well where too many wait to be read */
export function sendDatagram(address: Uint8Array, text: string): boolean {
  const libc = openLibrary(functions);
  if (libc === undefined) return false;
  const fd = libc.socket(afUnix, datagram, 0);
  if (fd < 0) return false;
  const bytes = new TextEncoder().encode(text);
  const sent = libc.sendto(
    fd,
    ptr(bytes),
    BigInt(bytes.length),
    flags,
    ptr(address),
    address.length,
  );
  libc.close(fd);
  return Number(sent) === bytes.length;
}
