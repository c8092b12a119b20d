// Tells Linux which of the sockets that share a port gets new connections. Without it an old one
// gets its part of them until it is closed, and those it had not taken by then are lost.

import { ptr } from "bun:ffi";
import { readdirSync } from "node:fs";
import { openLibrary } from "../../bridge/library.ts";

const solSocket = 1;
const acceptsConnections = 30;
const attachReusePortFilter = 51;
const functions = {
  getsockopt: { args: ["i32", "i32", "i32", "ptr", "ptr"], returns: "i32" },
  setsockopt: { args: ["i32", "i32", "i32", "ptr", "u32"], returns: "i32" },
  getsockname: { args: ["i32", "ptr", "ptr"], returns: "i32" },
} as const;

/**
 * @param place of the socket among those of this process that listen on the port
 * @returns whether the kernel took it
 */
export function steerTo(port: number, place: number): boolean {
  const libc = openLibrary(functions);
  if (libc === undefined) return false;
  const isListening = (fd: number): boolean => {
    const value = new Int32Array(1);
    const size = new Uint32Array([4]);
    const known = libc.getsockopt(fd, solSocket, acceptsConnections, ptr(value), ptr(size));
    if (known !== 0 || value[0] !== 1) return false;
    const address = new Uint8Array(128);
    const length = new Uint32Array([address.length]);
    if (libc.getsockname(fd, ptr(address), ptr(length)) !== 0) return false;
    return ((address[2] ?? 0) << 8) + (address[3] ?? 0) === port;
  };
  const fds = readdirSync("/proc/self/fd").map(Number);
  const listening = fds.find(isListening);
  if (listening === undefined) return false;
  // One instruction: return the place.
  const filter = new Uint8Array([0x06, 0, 0, 0, place, 0, 0, 0]);
  const program = new BigUint64Array([1n, BigInt(ptr(filter))]);
  return libc.setsockopt(listening, solSocket, attachReusePortFilter, ptr(program), 16) === 0;
}
