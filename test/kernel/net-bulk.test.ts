// Many bytes through the gateway, moved by the kernel: they arrive whole and in order, in both
// directions and with ends of every kind, slow readers hold them back, and all are counted.

import { afterAll, expect } from "bun:test";
import { readFileSync } from "node:fs";
import { loadHelper } from "../../src/bridge/helper.ts";
import { startPump } from "../../src/bridge/pump.ts";
import type { MoveReport, StartMove } from "../../src/gateway/flow.ts";
import { testWith } from "../support/features.ts";
import { host, net, preamble, type TestGateway, testGateway } from "../support/gateway.ts";
import { waitFor } from "../support/harness.ts";
import { tempDir } from "../support/temp.ts";

const needs = ["linux"] as const;
const MB = 1 << 20;
const size = 24 * MB;
const helper = await loadHelper(tempDir("helper"));

const pattern = Buffer.alloc(size);
for (let at = 0; at < size; at += 4) pattern.writeUInt32LE(Math.imul(at, 2654435761) >>> 0, at);
const whole = hashOf(pattern);

function hashOf(bytes: Uint8Array): string {
  return new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
}

/** One end of a connection that may send much, and hashes what it hears. */
class Talker {
  heard = 0;
  sent = 0;
  hasEnded = false;
  closedBy: string | undefined;
  readonly #hash = new Bun.CryptoHasher("sha256");
  #socket: Bun.Socket<Talker> | undefined;
  #waiting: Uint8Array = new Uint8Array(0);
  #endsThen = false;
  /** Left out at the start: the answer to the preamble. */
  #skip: number;

  constructor(skip = 0) {
    this.#skip = skip;
  }

  get hash(): string {
    return this.#hash.copy().digest("hex");
  }

  opened(socket: Bun.Socket<Talker>): void {
    this.#socket = socket;
  }

  say(bytes: Uint8Array, endsThen = false): void {
    this.#waiting = bytes;
    this.#endsThen = endsThen;
    this.flush();
  }

  flush(): void {
    while (this.#waiting.length > 0) {
      const written = Math.max(this.#socket?.write(this.#waiting) ?? 0, 0);
      this.sent += written;
      this.#waiting = this.#waiting.subarray(written);
      if (written === 0) return;
    }
    if (this.#endsThen) this.#socket?.shutdown();
    this.#endsThen = false;
  }

  hear(chunk: Uint8Array): void {
    const rest = chunk.subarray(this.#skip);
    this.#skip -= chunk.length - rest.length;
    this.heard += rest.length;
    this.#hash.update(rest);
  }

  pause(): void {
    this.#socket?.pause();
  }

  resume(): void {
    this.#socket?.resume();
  }

  end(): void {
    this.#socket?.shutdown();
  }

  /** Once it has shut its own side, the end of the other closes it. */
  get isOver(): boolean {
    return this.hasEnded || this.closedBy !== undefined;
  }

  leave(): void {
    this.#socket?.terminate();
  }
}

const handlers: Bun.SocketHandler<Talker> = {
  open: (socket) => socket.data.opened(socket),
  data: (socket, chunk) => socket.data.hear(chunk),
  drain: (socket) => socket.data.flush(),
  end: (socket) => {
    socket.data.hasEnded = true;
  },
  close: (socket, error) => {
    socket.data.closedBy = error === undefined ? "end" : "reset";
  },
  error: () => undefined,
};

const servers: Bun.TCPSocketListener<Talker>[] = [];
afterAll(() => {
  for (const server of servers) server.stop(true);
});

interface Scene extends AsyncDisposable {
  readonly box: TestGateway;
  readonly client: Talker;
  readonly server: Talker;
  readonly moves: MoveReport[];
  readonly started: () => number;
}

/** A granted connection through the gateway; nothing was said on it. */
async function scene(moves = true): Promise<Scene> {
  const server = new Talker();
  const listener = Bun.listen<Talker>({
    hostname: "127.0.0.1",
    port: 0,
    allowHalfOpen: true,
    data: server,
    socket: {
      ...handlers,
      open: (socket) => server.opened(Object.assign(socket, { data: server })),
    },
  });
  servers.push(listener);
  const reports: MoveReport[] = [];
  let started = 0;
  const startMove: StartMove = (source, sink) => {
    const pump = moves ? startPump(helper, source, sink) : undefined;
    if (pump !== undefined) started += 1;
    pump?.ended.then((report) => reports.push(report));
    return pump;
  };
  const box = await testGateway([net(host("127.0.0.1"))], { startMove });
  const client = new Talker(1);
  await Bun.connect<Talker>({
    hostname: "127.0.0.1",
    port: box.gateway.port,
    allowHalfOpen: true,
    data: client,
    socket: handlers,
  });
  client.say(preamble(box.gateway, { address: "127.0.0.1", port: listener.port }));
  await waitFor("the connection", () => box.rows().length > 0);
  await waitFor("the server", () => listener.data !== undefined);
  return {
    box,
    client,
    server,
    moves: reports,
    started: () => started,
    [Symbol.asyncDispose]: async () => {
      await box.gateway.close();
    },
  };
}

const closing = ({ box }: Scene) =>
  waitFor("the last row", () => box.rows().find(({ phase }) => phase === "closed"));

/** What a foreign protocol says first, so that everything after it passes unread. */
const hello = Buffer.from("\0hello, this is no request\n");
const greet = async ({ client, server }: Scene) => {
  client.say(hello);
  await waitFor("the greeting", () => server.heard === hello.length);
};

for (const moves of [true, false]) {
  const how = moves ? "moved" : "copied";

  testWith(needs, `${how}: what the server sends arrives whole, and its end too`, async () => {
    await using all = await scene(moves);
    await greet(all);
    const { client, server } = all;
    server.say(pattern, true);
    await waitFor("the end", () => client.isOver);
    expect([client.heard, client.hash]).toEqual([size, whole]);
    client.end();
    expect(await closing(all)).toMatchObject({
      bytes_received: size,
      bytes_sent: hello.length,
    });
    expect(all.started()).toBe(moves ? 1 : 0);
    if (moves) expect(all.moves[0]).toMatchObject({ end: "end", errno: 0 });
    expect(all.moves.every(({ bytes }) => bytes > size / 2)).toBe(true);
  });

  testWith(needs, `${how}: what the client sends arrives whole, and the answer to it`, async () => {
    await using all = await scene(moves);
    const { client, server } = all;
    const text = Buffer.concat([hello, pattern]);
    client.say(text, true);
    await waitFor("the end", () => server.isOver);
    expect([server.heard, server.hash]).toEqual([text.length, hashOf(text)]);
    server.say(Buffer.from("thanks"), true);
    await waitFor("the answer", () => client.isOver);
    expect(client.heard).toBe(6);
    expect(await closing(all)).toMatchObject({ bytes_received: 6, bytes_sent: text.length });
  });

  testWith(needs, `${how}: both directions at once`, async () => {
    await using all = await scene(moves);
    await greet(all);
    const { client, server } = all;
    server.say(pattern, true);
    client.say(pattern, true);
    await waitFor("both ends", () => client.isOver && server.isOver);
    expect([client.hash, server.heard]).toEqual([whole, size + hello.length]);
    expect(await closing(all)).toMatchObject({
      bytes_received: size,
      bytes_sent: size + hello.length,
    });
  });

  testWith(needs, `${how}: a client that said its last word still hears everything`, async () => {
    await using all = await scene(moves);
    const { client, server } = all;
    client.say(hello, true);
    await waitFor("the end", () => server.isOver);
    client.pause();
    server.say(pattern, true);
    await waitFor("what waits", () => server.sent > 3 * MB);
    client.resume();
    await waitFor("the rest", () => client.isOver);
    expect([client.heard, client.hash]).toEqual([size, whole]);
  });

  testWith(needs, `${how}: a slow reader holds the sender back, and loses nothing`, async () => {
    await using all = await scene(moves);
    await greet(all);
    const { client, server } = all;
    const much = Buffer.concat(new Array<Buffer>(6).fill(pattern));
    server.say(much.subarray(0, 4 * MB));
    await waitFor("a beginning", () => client.heard === 4 * MB);
    client.pause();
    server.say(much.subarray(4 * MB), true);
    let last = -1;
    // Until it stands still for a while.
    await waitFor("a full way", async () => {
      const before = last;
      last = server.sent;
      await Bun.sleep(100);
      return before === server.sent;
    });
    // The kernel's own buffers of two connections hold some tens of megabytes.
    expect(server.sent).toBeLessThan(much.length * 0.75);
    client.resume();
    await waitFor("everything", () => client.isOver);
    expect([client.heard, client.hash]).toEqual([much.length, hashOf(much)]);
  });

  testWith(needs, `${how}: a server that breaks off is a broken connection`, async () => {
    await using all = await scene(moves);
    await greet(all);
    const { client, server } = all;
    server.say(pattern);
    await waitFor("much of it", () => client.heard > 4 * MB);
    server.leave();
    await waitFor("the break", () => client.isOver);
    const row = await closing(all);
    expect(row.bytes_received).toBeGreaterThanOrEqual(client.heard);
  });

  testWith(needs, `${how}: a client that leaves ends the connection to the server`, async () => {
    await using all = await scene(moves);
    await greet(all);
    const { client, server } = all;
    const much = Buffer.concat([pattern, pattern, pattern, pattern]);
    server.say(much);
    await waitFor("much of it", () => client.heard > 4 * MB);
    client.leave();
    await waitFor("the end", () => server.isOver);
    const row = await closing(all);
    expect(row.bytes_received).toBeLessThanOrEqual(much.length);
    expect(row.bytes_received).toBeGreaterThanOrEqual(client.heard);
  });

  testWith(
    needs,
    `${how}: the end of the gateway ends what is under way, and counts it`,
    async () => {
      const all = await scene(moves);
      await greet(all);
      const { client, server } = all;
      const much = Buffer.concat([pattern, pattern, pattern, pattern]);
      server.say(much);
      await waitFor("much of it", () => client.heard > 4 * MB);
      client.pause();
      await all.box.gateway.close();
      const row = await closing(all);
      expect(row.bytes_received).toBeGreaterThanOrEqual(client.heard);
      await waitFor("the end", () => server.isOver);
    },
  );
}

/** Processes of this one that move bytes. */
function pumps(): readonly number[] {
  const children = readFileSync(`/proc/self/task/${process.pid}/children`, "utf8");
  const pids = children.split(" ").filter((pid) => pid !== "");
  return pids
    .filter((pid) => readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("pump"))
    .map(Number);
}

testWith(needs, "what a terminal sends to all ends nothing", async () => {
  await using all = await scene();
  await greet(all);
  const { client, server } = all;
  server.say(pattern.subarray(0, 4 * MB));
  await waitFor("a beginning", () => client.heard === 4 * MB && all.started() === 1);
  const pump = await waitFor("the pump", () => pumps()[0]);
  // It has moved something, so it is there for good.
  await waitFor("its signals", () =>
    readFileSync(`/proc/${pump}/status`, "utf8").includes("SigIgn:\t0000000000001007"),
  );
  for (const signal of ["SIGINT", "SIGQUIT", "SIGHUP"]) process.kill(pump, signal);
  server.say(pattern.subarray(4 * MB), true);
  await waitFor("the rest", () => client.isOver);
  expect([client.heard, client.hash]).toEqual([size, whole]);
  expect(all.moves[0]?.end ?? "end").toBe("end");
});

testWith(needs, "one that dies cuts the connection, and the row says so", async () => {
  await using all = await scene();
  await greet(all);
  const { client, server } = all;
  server.say(pattern.subarray(0, 4 * MB));
  await waitFor("a beginning", () => client.heard === 4 * MB && all.started() === 1);
  const pump = await waitFor("the pump", () => pumps()[0]);
  process.kill(pump, "SIGKILL");
  await waitFor("both ends", () => client.isOver && server.isOver);
  expect(await closing(all)).toMatchObject({ error: "EIO" });
});
