// Many bytes through the gateway: all of them, in order, in both directions, at the speed of the
// slower side, with memory bounded.

import { expect, test } from "bun:test";
import { host, net, preamble, type TestGateway, testGateway } from "../../support/gateway.ts";
import { waitFor } from "../../support/harness.ts";

const size = 48 << 20;

/** Bytes that show where they stand: 32-bit counters, with a byte in front that is no text. */
function pattern(from: number, length: number): Uint8Array {
  const words = new Uint32Array(Math.ceil(length / 4) + 1);
  for (let at = 0; at < words.length; at += 1) words[at] = ((from >> 2) + at) * 2_654_435_761;
  return new Uint8Array(words.buffer).subarray(0, length);
}

interface Peer {
  readonly socket: Bun.Socket<unknown>;
  received: number;
  isRight: boolean;
  closed: string | undefined;
}

/** Sends the pattern as fast as it can and checks what it gets against it. */
function peerHandlers(send: number, onPeer: (peer: Peer) => void, skip = 0) {
  const peers = new Map<Bun.Socket<unknown>, Peer & { sent: number; skip: number }>();
  const push = (socket: Bun.Socket<unknown>): void => {
    const peer = peers.get(socket);
    while (peer !== undefined && peer.sent < send) {
      const chunk = pattern(peer.sent, Math.min(1 << 18, send - peer.sent));
      const sent = Math.max(socket.write(chunk), 0);
      // Whole words only would not be enough: what was taken may end anywhere.
      if (sent < chunk.length) {
        rest.set(socket, chunk.subarray(sent));
        peer.sent += chunk.length;
        return;
      }
      peer.sent += sent;
      if (peer.sent === send) socket.shutdown();
    }
  };
  const rest = new Map<Bun.Socket<unknown>, Uint8Array>();
  return {
    start: push,
    handlers: {
      open: (socket: Bun.Socket<unknown>) => {
        const peer = { socket, received: 0, isRight: true, closed: undefined };
        peers.set(socket, { ...peer, sent: 0, skip });
        const kept = peers.get(socket);
        if (kept !== undefined) onPeer(kept);
        if (skip === 0) push(socket);
      },
      drain: (socket: Bun.Socket<unknown>) => {
        const waiting = rest.get(socket);
        if (waiting !== undefined) {
          const sent = Math.max(socket.write(waiting), 0);
          if (sent < waiting.length) {
            rest.set(socket, waiting.subarray(sent));
            return;
          }
          rest.delete(socket);
          if (peers.get(socket)?.sent === send) socket.shutdown();
        }
        push(socket);
      },
      data: (socket: Bun.Socket<unknown>, bytes: Uint8Array) => {
        const peer = peers.get(socket);
        if (peer === undefined) return;
        let chunk = bytes;
        if (peer.skip > 0) {
          peer.skip -= 1;
          chunk = bytes.subarray(1);
          push(socket);
        }
        const start = peer.received & 3;
        const wanted = pattern(peer.received - start, chunk.length + start).subarray(start);
        if (Buffer.compare(wanted, chunk) !== 0) peer.isRight = false;
        peer.received += chunk.length;
      },
      end: (socket: Bun.Socket<unknown>) => {
        if (send === 0) socket.end();
      },
      close: (socket: Bun.Socket<unknown>, error?: Error) => {
        const peer = peers.get(socket);
        if (peer !== undefined) peer.closed = error === undefined ? "" : String(error);
      },
    },
  };
}

interface Run {
  readonly box: TestGateway;
  readonly client: Peer;
  readonly server: Peer;
}

async function run(
  sends: { readonly client: number; readonly server: number },
  during: (run: Run) => Promise<void>,
): Promise<void> {
  let server: Peer | undefined;
  let client: Peer | undefined;
  using listener = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    allowHalfOpen: true,
    socket: peerHandlers(sends.server, (peer) => {
      server = peer;
    }).handlers,
  });
  await using box = await testGateway([net(host("127.0.0.1"))]);
  const side = peerHandlers(
    sends.client,
    (peer) => {
      client = peer;
    },
    1,
  );
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port: box.gateway.port,
    allowHalfOpen: true,
    socket: side.handlers,
  });
  socket.write(preamble(box.gateway, { port: listener.port }));
  const ends = await waitFor("both ends", () => client && server && { client, server });
  await during({ box, ...ends });
  socket.terminate();
}

test("many bytes arrive whole and in order, both ways at once", async () => {
  await run({ client: size, server: size }, async ({ client, server, box }) => {
    await waitFor("all bytes", () => client.received === size && server.received === size);
    expect([client.isRight, server.isRight]).toEqual([true, true]);
    await waitFor("the ends", () => client.closed === "" && server.closed === "");
    await waitFor("the last row", () => box.events.length === 2);
    expect(box.rows()[1]).toMatchObject({ bytes_sent: size, bytes_received: size });
  });
});

test("a client that reads late, after it said all, still gets everything", async () => {
  await run({ client: 4, server: size }, async ({ client }) => {
    client.socket.pause();
    await Bun.sleep(100);
    client.socket.resume();
    await waitFor("all bytes", () => client.received === size);
    expect(client.isRight).toBe(true);
  });
});

test("a side that does not read stops the other, and nothing piles up", async () => {
  await run({ client: 4 * size, server: 0 }, async ({ server, client }) => {
    server.socket.pause();
    const before = process.memoryUsage().rss;
    let sent = -1;
    await waitFor("the client to be stopped", () => {
      const now = client.socket.bytesWritten;
      const isStill = now === sent && now > 0;
      sent = now;
      return isStill ? Bun.sleep(50).then(() => client.socket.bytesWritten === now) : false;
    });
    expect(sent).toBeLessThan(size);
    expect(process.memoryUsage().rss - before).toBeLessThan(size);
    server.socket.resume();
    await waitFor("all bytes", () => server.received === 4 * size);
    expect(server.isRight).toBe(true);
  });
});
