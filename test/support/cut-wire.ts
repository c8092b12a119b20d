// A wire to a server on this machine that is cut at a chosen moment: when a client has said
// something, before or after the server hears it.

import { afterThisTest } from "./endings.ts";

export interface CutWire {
  readonly port: number;
  /** The next time a client says `words`: before or after the server hears it. */
  cutAt(words: string, when: "before" | "after", howLong?: "once" | "for good"): void;
  /** How often it was cut. */
  cuts(): number;
}

interface Ends {
  server: Bun.Socket<undefined> | undefined;
  waiting: Buffer[];
}

export function cutWire(serverPort: number): CutWire {
  let armed: readonly [...Parameters<CutWire["cutAt"]>] | undefined;
  let cuts = 0;
  const open = new Set<Bun.Socket<Ends>>();
  const listener = Bun.listen<Ends>({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      async open(client) {
        client.data = { server: undefined, waiting: [] };
        open.add(client);
        const server = await Bun.connect<undefined>({
          hostname: "127.0.0.1",
          port: serverPort,
          socket: {
            data: (_, bytes) => {
              if (open.has(client)) client.write(bytes);
            },
            close() {
              client.end();
            },
          },
        });
        client.data.server = server;
        for (const bytes of client.data.waiting.splice(0)) server.write(bytes);
      },
      data(client, bytes) {
        const [words = "", when, howLong] = armed ?? [];
        if (armed === undefined || !bytes.includes(words)) {
          pass(client.data, Buffer.from(bytes));
          return;
        }
        armed = undefined;
        cuts += 1;
        open.delete(client);
        if (howLong === "for good") listener.stop(true);
        if (when === "after") pass(client.data, Buffer.from(bytes));
        client.terminate();
        // What was passed on is heard before the end of the connection is.
        client.data.server?.end();
      },
      close(client) {
        open.delete(client);
        client.data.server?.end();
      },
    },
  });
  afterThisTest(async () => listener.stop(true));
  return {
    port: listener.port,
    cutAt(...cut) {
      armed = cut;
    },
    cuts: () => cuts,
  };
}

function pass({ server, waiting }: Ends, bytes: Buffer): void {
  if (server === undefined) waiting.push(bytes);
  else server.write(bytes);
}
