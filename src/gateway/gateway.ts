// The gateway: every connection of the box goes through this process, which judges it by name and
// address, records it, and makes it. It listens on loopback, where everybody on the machine can
// reach it, so nobody is served before showing the token.

import type { Clock } from "../base/clock.ts";
import { AegisError } from "../base/errors.ts";
import { randomSecret } from "../base/ids.ts";
import type { Ip } from "../base/ip.ts";
import { gatewayConnectionsMax, movesMax, sniffSilenceMs, sniffTotalMs } from "../base/limits.ts";
import type { Capabilities } from "../model/capability.ts";
import type { AddressClass } from "./address.ts";
import type { AskConnection } from "./ask.ts";
import { acceptClient, type ClientContext, type Clients, track } from "./client.ts";
import type { Credential } from "./credential.ts";
import { Endpoint, endpointHandlers, silent } from "./endpoint.ts";
import type { StartMove } from "./flow.ts";
import { hostOfIp } from "./host.ts";
import { createJudge } from "./judge.ts";
import { createMachineNames } from "./machine-names.ts";
import { createNames } from "./names.ts";
import { classHere } from "./own-address.ts";
import type { PatienceLimits } from "./patience.ts";
import type { ResolveName } from "./permit.ts";
import { tokenSize } from "./protocol/preamble.ts";
import { type Caller, createRecorder, type RecordEvents } from "./record.ts";
import { createResolver } from "./resolver.ts";
import { createStrangers } from "./strangers.ts";

export interface GatewayOptions {
  readonly capabilities: Capabilities;
  readonly agent: string;
  readonly clock: Clock;
  readonly record: RecordEvents;
  /** Default: the machine's own resolver. */
  readonly resolve?: ResolveName;
  /** Default: none. */
  readonly credentials?: readonly Credential[];
  /** Certificates of authorities (PEM) trusted instead of the usual ones, for credentials. */
  readonly authorities?: readonly string[];
  /** With a client that does not tell what it speaks; default: what real ones need. */
  readonly patience?: PatienceLimits;
  /** Moves many bytes without copying them; default: everything is copied. */
  readonly startMove?: StartMove;
  /** Who is asked about connections no rule is about. Default: they are denied. */
  readonly ask?: AskConnection;
  /** Connections of the box at once; default: what one process holds easily. */
  readonly connectionsMax?: number;
  /** What kind of place an address is. Default: as this machine sees it. */
  readonly classOf?: (ip: Ip) => AddressClass;
}

export interface Gateway {
  /** TCP, on 127.0.0.1 and, where the machine has it, ::1. */
  readonly port: number;
  /** UDP, on 127.0.0.1. */
  readonly resolverPort: number;
  /** Shown by the helper in every preamble; the box never sees it. */
  readonly token: Uint8Array;
  /** `NAME=value` for the box. */
  readonly environment: readonly string[];
  /** Ends every connection; done when their last rows are recorded. */
  close(): Promise<void>;
}

const user = "aegis";
const passwordSize = 24;

/** @throws {AegisError} `enforce/unsupported` when there is no loopback to listen on */
export async function openGateway(options: GatewayOptions): Promise<Gateway> {
  const token = randomSecret(tokenSize);
  const judge = createJudge(options.capabilities, options.agent, {
    asks: options.ask !== undefined,
    classOf: options.classOf ?? ((ip) => classHere(ip)),
  });
  const recorder = createRecorder(options.clock, options.record);
  const names = createNames();
  const resolver = createResolver(judge, names, recorder);
  const askers = new Map<number, Caller>();
  const clients: Clients = { strangers: new Set(), known: new Set(), work: new Set() };
  const password = randomSecret(passwordSize).toHex();
  let connections = 0;
  const context: ClientContext = {
    token,
    login: `${user}:${password}`,
    judge,
    recorder,
    clock: options.clock,
    credentials: options.credentials ?? [],
    authorities: options.authorities ?? [],
    patience: options.patience ?? { silenceMs: sniffSilenceMs, totalMs: sniffTotalMs },
    startMove: options.startMove && limited(options.startMove),
    ask: options.ask,
    resolve: options.resolve ?? createMachineNames(),
    nextConnection: () => {
      connections += 1;
      return connections;
    },
    hostOf: (ip) => {
      const name = names.nameOf(ip);
      return name === undefined ? hostOfIp(ip) : { text: name, ip: undefined };
    },
    resolver,
    announce: (port, caller) => askers.set(port, caller),
    clients,
    arrivals: createStrangers(),
    clientsMax: options.connectionsMax ?? gatewayConnectionsMax,
  };
  const listeners = listen(context);
  const udp = await listenForQuestions(context, askers);
  const port = listeners[0]?.port ?? 0;
  return {
    port,
    resolverPort: udp.port,
    token,
    environment: [...proxyVariables(port, password), ...context.credentials.map(variableOf)],
    close: async () => {
      for (const listener of listeners) listener.stop();
      udp.close();
      // Before the listeners close what is left: an end that is not a reset waits for the server's.
      for (const client of [...clients.strangers, ...clients.known]) client.reset();
      for (const listener of listeners) listener.stop(true);
      while (clients.work.size > 0) await Promise.all(clients.work);
    },
  };
}

/**
 * For programs that use a proxy; what is local stays local. Both spellings, because programs know
 * one or the other.
 */
function proxyVariables(port: number, password: string): readonly string[] {
  const place = `${user}:${password}@127.0.0.1:${port}`;
  const values = {
    HTTP_PROXY: `http://${place}`,
    HTTPS_PROXY: `http://${place}`,
    ALL_PROXY: `socks5h://${place}`,
    NO_PROXY: "localhost,127.0.0.1,::1",
  };
  return Object.entries(values).flatMap(([name, value]) => [
    `${name}=${value}`,
    `${name.toLowerCase()}=${value}`,
  ]);
}

function variableOf({ name, placeholder }: Credential): string {
  return `${name}=${placeholder}`;
}

/** Beyond some at once the rest is copied. */
function limited(start: StartMove): StartMove {
  let running = 0;
  return (source, sink) => {
    const move = running < movesMax ? start(source, sink) : undefined;
    if (move === undefined) return undefined;
    running += 1;
    move.ended.then(() => {
      running -= 1;
    });
    return move;
  };
}

/** Nobody is answered whose port the helper did not announce. */
function listenForQuestions(
  { resolver, clients }: ClientContext,
  askers: ReadonlyMap<number, Caller>,
): Promise<Bun.udp.Socket<"buffer">> {
  return Bun.udpSocket({
    hostname: "127.0.0.1",
    socket: {
      data: (socket, message, port, address) => {
        const caller = address === "127.0.0.1" ? askers.get(port) : undefined;
        if (caller === undefined) return;
        const answered = resolver.answer(message, caller).then((reply) => {
          if (reply !== undefined && !socket.closed) socket.send(reply, port, address);
        });
        const task = answered.catch(() => {
          // ignored: a refusal that cannot be recorded is a question without an answer
        });
        track(clients, task);
      },
      // An asker was gone before its answer: without this the runtime prints that.
      error: () => undefined,
    },
  });
}

type Listener = Bun.TCPSocketListener<Endpoint | undefined>;

/** Tries again when the port that is free on 127.0.0.1 is taken on ::1. */
function listen(context: ClientContext): readonly Listener[] {
  for (let attempt = 0; attempt < 8; attempt += 1) {
    const v4 = listenOn(context, "127.0.0.1", 0);
    try {
      return [v4, listenOn(context, "::1", v4.port)];
    } catch (error) {
      const isTaken = error instanceof Error && "code" in error && error.code === "EADDRINUSE";
      if (!isTaken) return [v4];
      v4.stop(true);
    }
  }
  throw new AegisError("enforce/unsupported", "Cannot open the gateway: no port is free on ::1");
}

function listenOn(context: ClientContext, hostname: string, port: number): Listener {
  return Bun.listen<Endpoint | undefined>({
    hostname,
    port,
    exclusive: true,
    allowHalfOpen: true,
    data: undefined,
    socket: {
      ...endpointHandlers,
      open: (socket) => {
        socket.setNoDelay(true);
        acceptClient(context, new Endpoint(socket, silent));
      },
    },
  });
}
