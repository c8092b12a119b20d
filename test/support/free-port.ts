// A port that a program is told to listen on, or that nobody listens on, for a while. Not one that
// the kernel handed out and took back: it may hand it to anybody's next connection.

import { randomInt } from "node:crypto";
import { readFileSync } from "node:fs";

const count = 8000;

/** One of loopback that nothing uses now, and that the kernel gives to nobody by itself. */
export function freePort(): number {
  const first = firstHandedOut() - count;
  for (;;) {
    const port = first + randomInt(count);
    try {
      Bun.listen({ hostname: "127.0.0.1", port, socket: { data: () => undefined } }).stop(true);
      return port;
    } catch (error) {
      // ignored: it is taken, another one is not
      if (!(error instanceof Error) || !("code" in error) || error.code !== "EADDRINUSE")
        throw error;
    }
  }
}

/** Linux begins at 32,768, macOS at 49,152, unless somebody said otherwise. */
function firstHandedOut(): number {
  if (process.platform !== "linux") return 49_152;
  const range = readFileSync("/proc/sys/net/ipv4/ip_local_port_range", "utf8");
  return Math.max(Number(/^\d+/.exec(range)?.[0]), 1024 + count);
}
