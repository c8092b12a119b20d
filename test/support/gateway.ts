// A gateway with a policy and names of its own, servers on loopback, and clients that speak to it
// the way the helper does.

import { systemClock } from "../../src/base/clock.ts";
import { formatIp, type Ip, parseIp } from "../../src/base/ip.ts";
import type { AddressClass } from "../../src/gateway/address.ts";
import type { AskConnection } from "../../src/gateway/ask.ts";
import type { Credential } from "../../src/gateway/credential.ts";
import type { StartMove } from "../../src/gateway/flow.ts";
import { type Gateway, openGateway } from "../../src/gateway/gateway.ts";
import type { PatienceLimits } from "../../src/gateway/patience.ts";
import type { GatewayEvent } from "../../src/gateway/record.ts";
import type { Atom, Capability } from "../../src/model/capability.ts";
import type { AccessPayload } from "../../src/model/event.ts";
import { waitFor } from "./harness.ts";
import { forbid, permit } from "./ir.ts";

export const host = (name: string): Atom => ({ kind: "host-equals", host: name, negated: false });
export const hostLike = (pattern: string): Atom => ({
  kind: "host-like",
  parts: pattern.split("*"),
  negated: false,
});

export function net(...where: readonly Atom[]): Capability {
  return permit("NetConnect NetRequest", ...where);
}

export function noNet(...where: readonly Atom[]): Capability {
  return forbid("NetConnect NetRequest", ...where);
}

export interface TestGateway extends AsyncDisposable {
  readonly gateway: Gateway;
  readonly events: GatewayEvent[];
  /** Rows without what differs from run to run. */
  rows(): Partial<AccessPayload>[];
}

export interface TestGatewayOptions {
  /** Names and what they resolve to. */
  readonly names?: Readonly<Record<string, readonly string[]>>;
  /** Instead of them. */
  readonly resolve?: (name: string) => Promise<readonly string[]>;
  readonly credentials?: readonly Credential[];
  readonly authorities?: readonly string[];
  readonly patience?: PatienceLimits;
  readonly ask?: AskConnection;
  readonly classOf?: (ip: Ip) => AddressClass;
  readonly startMove?: StartMove;
  readonly connectionsMax?: number;
  /** Takes the rows first. */
  readonly record?: (events: readonly GatewayEvent[]) => void | Promise<void>;
}

export async function testGateway(
  capabilities: readonly Capability[],
  { names = {}, record, resolve, ...rest }: TestGatewayOptions = {},
): Promise<TestGateway> {
  const events: GatewayEvent[] = [];
  const gateway = await openGateway({
    ...rest,
    capabilities: { version: 1, capabilities },
    agent: "agent",
    clock: systemClock,
    record: (rows) => {
      events.push(...rows);
      return record?.(rows);
    },
    resolve:
      resolve ??
      (async (name) => {
        const found = names[name];
        if (found === undefined) throw new Error(`${name} does not resolve`);
        return found;
      }),
  });
  return {
    gateway,
    events,
    rows: () => events.map(({ payload }) => payload),
    [Symbol.asyncDispose]: () => gateway.close(),
  };
}

export interface PreambleFields {
  readonly kind?: number;
  readonly flags?: number;
  readonly token?: Uint8Array;
  readonly pid?: number;
  readonly exe?: string;
  readonly address?: string;
  readonly port?: number;
  /** It speaks for the connection that comes from here. */
  readonly source?: { readonly address: string; readonly port: number };
}

/** The bytes the helper sends, by the layout in docs/network.md. */
export function preamble(gateway: Pick<Gateway, "token">, fields: PreambleFields): Buffer {
  const { kind = 1, flags = 0, pid = 7, exe = "/usr/bin/x", port: to = 0 } = fields;
  const address = parseIp(fields.address ?? "127.0.0.1");
  if (address === undefined) throw new Error(`no address: ${fields.address}`);
  const path = Buffer.from(exe);
  const bytes = Buffer.alloc(66 + path.length);
  bytes.write("AEGG");
  bytes[4] = 1;
  bytes[5] = kind;
  bytes[6] = flags;
  bytes.set(fields.token ?? gateway.token, 8);
  bytes.writeUInt32LE(pid, 40);
  bytes.writeUInt16LE(to, 44);
  bytes[46] = address.family;
  bytes.set(address.bytes, 48);
  bytes.writeUInt16LE(path.length, 64);
  bytes.set(path, 66);
  if (fields.source === undefined) return bytes;
  const source = parseIp(fields.source.address);
  if (source === undefined) throw new Error(`no address: ${fields.source.address}`);
  const tail = Buffer.alloc(20);
  bytes[6] = flags | 2;
  tail[0] = source.family;
  tail.writeUInt16LE(fields.source.port, 2);
  tail.set(source.bytes, 4);
  return Buffer.concat([bytes, tail]);
}

/** A TCP client that keeps what it received. */
export interface TestClient extends Disposable {
  send(bytes: string | Uint8Array): void;
  end(): void;
  /** Everything received so far, one character a byte. */
  received(): string;
  /** Waits for `count` bytes and takes them out. */
  take(count: number): Promise<string>;
  /** Waits for the other side to end or cut the connection; the rest of what was received. */
  rest(): Promise<string>;
  readonly closedBy: "end" | "reset" | undefined;
  readonly localPort: number;
}

export async function connectTo(port: number, hostname = "127.0.0.1"): Promise<TestClient> {
  let received = "";
  let closedBy: "end" | "reset" | undefined;
  const waiting: Uint8Array[] = [];
  const flush = (socket: Bun.Socket): void => {
    for (let chunk = waiting[0]; chunk !== undefined; chunk = waiting[0]) {
      const sent = Math.max(socket.write(chunk), 0);
      if (sent < chunk.length) {
        waiting[0] = chunk.subarray(sent);
        return;
      }
      waiting.shift();
    }
  };
  const socket = await Bun.connect({
    hostname,
    port,
    allowHalfOpen: true,
    socket: {
      data: (_, chunk) => {
        received += chunk.toString("latin1");
      },
      drain: flush,
      end: () => {
        closedBy ??= "end";
      },
      close: (_, error) => {
        closedBy ??= error === undefined ? "end" : "reset";
      },
    },
  });
  return {
    send: (bytes) => {
      waiting.push(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes);
      if (waiting.length === 1) flush(socket);
    },
    end: () => socket.shutdown(),
    received: () => received,
    take: async (count) => {
      await waitFor(
        `${count} bytes, has ${JSON.stringify(received)}`,
        () => received.length >= count,
      );
      const taken = received.slice(0, count);
      received = received.slice(count);
      return taken;
    },
    rest: async () => {
      await waitFor("the end of the connection", () => closedBy !== undefined);
      return received;
    },
    get closedBy() {
      return closedBy;
    },
    localPort: socket.localPort,
    [Symbol.dispose]: () => socket.terminate(),
  };
}

export interface TestServer extends Disposable {
  readonly port: number;
  /** What the connections sent, in the order they came. */
  readonly received: string[];
}

/** A server on loopback that answers whatever `reply` says to each chunk, or echoes. */
export function server(
  options: {
    readonly greeting?: string;
    readonly reply?: (chunk: string, socket: Bun.Socket<number>) => string;
    readonly hostname?: string;
    readonly port?: number;
  } = {},
): TestServer {
  const { greeting, reply = (chunk: string) => chunk, hostname = "127.0.0.1" } = options;
  const received: string[] = [];
  const listener = Bun.listen<number>({
    hostname,
    port: options.port ?? 0,
    allowHalfOpen: true,
    data: 0,
    socket: {
      open: (socket) => {
        socket.data = received.push("") - 1;
        if (greeting !== undefined) socket.write(greeting);
      },
      data: (socket, chunk) => {
        const text = chunk.toString("latin1");
        received[socket.data] += text;
        const answer = reply(text, socket);
        if (answer !== "") socket.write(Buffer.from(answer, "latin1"));
      },
      end: (socket) => {
        socket.end();
      },
    },
  });
  return { port: listener.port, received, [Symbol.dispose]: () => listener.stop(true) };
}

/** Connects like the helper: the first byte that comes back is taken out. */
export async function through(
  { gateway }: TestGateway,
  fields: PreambleFields,
): Promise<{ readonly client: TestClient; readonly status: number }> {
  const client = await connectTo(gateway.port);
  client.send(preamble(gateway, fields));
  const status = (await client.take(1)).charCodeAt(0);
  return { client, status };
}

/** A DNS question as programs send it. */
export function question(name: string, type = 1, id = 0x1234): Buffer {
  const labels = name.split(".").flatMap((label) => [label.length, ...Buffer.from(label)]);
  return Buffer.from([
    id >> 8,
    id & 0xff,
    1,
    0,
    0,
    1,
    0,
    0,
    0,
    0,
    0,
    0,
    ...labels,
    0,
    0,
    type,
    0,
    1,
  ]);
}

/** The address the resolver gives a name; undefined when it gives none. */
export async function resolved(
  { gateway }: TestGateway,
  name: string,
): Promise<string | undefined> {
  const reply = await ask(gateway, question(name));
  return reply.readUInt16BE(6) === 0
    ? undefined
    : formatIp({ family: 4, bytes: [...reply.subarray(-4)] });
}

/** Asks the resolver over UDP, announced like the helper does. */
export async function ask(gateway: Gateway, message: Uint8Array): Promise<Buffer> {
  let reply: Buffer | undefined;
  const socket = await Bun.udpSocket({
    hostname: "127.0.0.1",
    socket: {
      data: (_, bytes) => {
        reply = Buffer.from(bytes);
      },
    },
  });
  const { client } = await announced(gateway, socket.port);
  socket.send(message, gateway.resolverPort, "127.0.0.1");
  const found = await waitFor("an answer of the resolver", () => reply);
  socket.close();
  client[Symbol.dispose]();
  return found;
}

async function announced(gateway: Gateway, port: number): Promise<{ client: TestClient }> {
  const client = await connectTo(gateway.port);
  client.send(preamble(gateway, { kind: 5, port }));
  await client.take(1);
  return { client };
}
