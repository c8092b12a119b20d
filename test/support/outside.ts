// What stands outside a box for tests of the network: servers of the test's own on loopback and in
// a folder, each of which can tell whether anything reached it.

import { chmodSync } from "node:fs";
import { programs } from "./box.ts";
import { waitFor } from "./harness.ts";
import { tempDir } from "./temp.ts";

export interface Outside extends AsyncDisposable {
  /** Ports of 127.0.0.1. */
  readonly tcp: number;
  readonly udp: number;
  /** Holds `stream`, `packets` and `datagram`, sockets everybody may write to. */
  readonly folder: string;
  /** Abstract sockets are `@NAME-stream` and so on. */
  readonly name: string;
  /** Connections and datagrams that have arrived; what was sent before the call is counted. */
  arrivals(): Promise<{ readonly tcp: number; readonly udp: number }>;
}

interface Seen {
  tcp: number;
  udp: number;
  /** Of each kind, the last of which says that all before it has been counted. */
  marks: number;
}

const mark = "the end of a count";

export async function standOutside(): Promise<Outside> {
  const seen: Seen = { tcp: 0, udp: 0, marks: 0 };
  const count = (kind: "tcp" | "udp", data: Uint8Array) => {
    if (new TextDecoder().decode(data) === mark) seen.marks += 1;
    else if (kind === "udp") seen.udp += 1;
  };
  const tcp = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open: () => {
        seen.tcp += 1;
      },
      data: (_, data) => count("tcp", data),
    },
  });
  const udp = await Bun.udpSocket({
    hostname: "127.0.0.1",
    port: 0,
    socket: { data: (_, data) => count("udp", data) },
  });
  const folder = tempDir("sockets");
  chmodSync(folder, 0o755);
  const name = `aegis-test-${process.pid}-${tcp.port}`;
  const servers = await serve(folder, name);
  return {
    tcp: tcp.port,
    udp: udp.port,
    folder,
    name,
    arrivals: async () => {
      await markEnd(tcp.port, udp.port, seen);
      // The connection that carried the mark is none of those asked about.
      const arrived = { tcp: seen.tcp - 1, udp: seen.udp };
      Object.assign(seen, { tcp: 0, udp: 0, marks: 0 });
      return arrived;
    },
    [Symbol.asyncDispose]: async () => {
      servers.stdin.end();
      tcp.stop(true);
      udp.close();
      await servers.exited;
    },
  };
}

async function serve(folder: string, name: string) {
  const servers = Bun.spawn([programs().attempt, "serve", folder, name], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ready = await servers.stdout.getReader().read();
  if (new TextDecoder().decode(ready.value) !== "ready\n") throw new Error("no servers outside");
  return servers;
}

/** Sends one mark of each kind and waits for both: loopback keeps the order of arrival. */
async function markEnd(tcp: number, udp: number, seen: Seen): Promise<void> {
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port: tcp,
    socket: { data: () => undefined },
  });
  const sender = await Bun.udpSocket({});
  socket.write(mark);
  sender.send(mark, udp, "127.0.0.1");
  await waitFor("the marks", () => seen.marks === 2);
  socket.end();
  sender.close();
}
