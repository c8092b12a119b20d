// A connection that was just accepted: who is it, and what does it want. Until the preamble is
// there and its token is right, it is a stranger, and there is room for few of them.

import { formatIp, type Ip } from "../base/ip.ts";
import { gatewayGreetingMs, gatewayStrangersMax } from "../base/limits.ts";
import type { Waiting } from "./ask.ts";
import { checkDatagram } from "./datagram.ts";
import { type Endpoint, type EndpointEvents, silent } from "./endpoint.ts";
import type { Host } from "./host.ts";
import { Gather } from "./protocol/gather.ts";
import {
  type Preamble,
  type PreambleKind,
  parsePreamble,
  preambleKind,
} from "./protocol/preamble.ts";
import { ProxyGreeting } from "./proxy.ts";
import type { Caller } from "./record.ts";
import type { Resolver } from "./resolver.ts";
import { serveResolver } from "./resolver-stream.ts";
import { type Arrival, type Strangers, sourceOf } from "./strangers.ts";
import { openStream, type StreamContext, type StreamRequest } from "./stream.ts";

export interface ClientContext extends StreamContext {
  readonly token: Uint8Array;
  /** Of the proxy: `user:password`. */
  readonly login: string;
  /** The name an address stands for, or the address. */
  readonly hostOf: (ip: Ip) => Host;
  readonly resolver: Resolver;
  /** The local UDP port may ask the resolver from now on. */
  readonly announce: (port: number, caller: Caller) => void;
  readonly clients: Clients;
  /** Those that another connection may speak for. */
  readonly arrivals: Strangers;
  /** Clients at once. */
  readonly clientsMax: number;
}

/** Everybody who is connected. */
export interface Clients {
  readonly strangers: Set<Endpoint>;
  readonly known: Set<Endpoint>;
  /** What is being done for them. */
  readonly work: Set<Promise<void>>;
}

/** Who logs in with the password of the proxy is in the box, and nothing more is known. */
const anybody: Caller = { pid: 0, exe: "" };

export function acceptClient(context: ClientContext, client: Endpoint): void {
  const { strangers, known } = context.clients;
  // Those who wait longest go: the helper says who it is at once, so no crowd keeps it out.
  const [oldest] = strangers;
  if (oldest !== undefined && strangers.size >= gatewayStrangersMax) oldest.reset();
  strangers.add(client);
  const timer = setTimeout(() => client.reset(), gatewayGreetingMs);
  const gather = new Gather();
  const closed = (): void => {
    clearTimeout(timer);
    context.arrivals.left(client);
    strangers.delete(client);
    known.delete(client);
  };
  const settled = (): void => {
    clearTimeout(timer);
    strangers.delete(client);
    known.add(client);
  };
  client.hand({
    ...silent,
    closed,
    end: () => client.reset(),
    data: (chunk) => {
      gather.push(chunk);
      const step = parsePreamble(gather.view(), context.token);
      if (step.kind === "more") return;
      context.arrivals.left(client);
      if (step.kind === "done" && isFull(context, step.preamble)) {
        client.hand({ ...silent, closed });
        turnAway(context, client, step.preamble);
        return;
      }
      if (step.kind === "done") settled();
      const early = gather.take(gather.length);
      const arrival = { early, closed, settled };
      if (step.kind === "refused") client.reset();
      else if (step.kind === "foreign") speakAsProxy(context, client, arrival, undefined);
      else {
        const rest = early.subarray(step.length);
        if (step.preamble.source !== undefined)
          serveAnother(context, client, step.preamble, closed);
        else serve(context, client, step.preamble, { ...arrival, early: rest });
      }
    },
  });
  const take = (): Arrival => {
    settled();
    return { early: gather.take(gather.length), settled, closed };
  };
  context.arrivals.came({ client, take });
}

/** Who only announces a port is gone at once. */
function isFull({ clients, clientsMax }: ClientContext, { kind }: Preamble): boolean {
  return kind !== preambleKind.resolverClient && clients.known.size >= clientsMax;
}

/** A connection of aegis' own costs what one of the box does, so there is an end to them. */
function turnAway(context: ClientContext, client: Endpoint, preamble: Preamble): void {
  const { pid, exe, ip, port, kind } = preamble;
  const protocol = protocolOf(kind);
  const caller = { pid, exe };
  const host = context.hostOf(ip).text;
  const subject = { host, port, protocol, caller, flags: "connect" } as const;
  const reason = `there are ${context.clientsMax} connections already`;
  const judgement = { isAllowed: false, rule: "", reason };
  // The number says that no rule about the host was the reason.
  const connection = context.nextConnection();
  const recorded = context.recorder.record({ action: "NetConnect", ...subject }, judgement, {
    connection,
  });
  answerLater(
    context,
    client,
    Promise.resolve(recorded).then(() => Uint8Array.of(noPortErrno)),
  );
}

/** EADDRNOTAVAIL, as the kernel says when it has no port left for one more. */
const noPortErrno = 99;

function protocolOf(kind: PreambleKind): "tcp" | "udp" | "icmp" {
  if (kind === preambleKind.icmp) return "icmp";
  return kind === preambleKind.datagram ? "udp" : "tcp";
}

/** How the helper is told what became of a connection it asked for. */
interface Answering {
  yes(): void;
  no(code: number): void;
}

/** The connection that comes from where the preamble says is what is asked for here. */
function serveAnother(
  context: ClientContext,
  speaker: Endpoint,
  preamble: Preamble,
  closed: () => void,
): void {
  const { ip, port } = preamble.source ?? { ip: preamble.ip, port: 0 };
  const { stream, proxy, resolverStream } = preambleKind;
  const kinds: readonly number[] = [stream, proxy, resolverStream];
  if (!kinds.includes(preamble.kind)) {
    speaker.reset();
    return;
  }
  const source = sourceOf(formatIp(ip), port);
  let isAnswered = false;
  let client: Endpoint | undefined;
  const answer = (code: number): void => {
    isAnswered = true;
    finish(speaker, Uint8Array.of(code));
  };
  speaker.hand({
    ...silent,
    end: () => speaker.reset(),
    closed: () => {
      closed();
      context.arrivals.forget(source);
      // The caller waits no more; what was answered before goes on by itself.
      if (!isAnswered) client?.reset();
    },
  });
  const isExpected = context.arrivals.expect(source, (stranger) => {
    client = stranger.client;
    const { closed: gone, ...arrival } = stranger.take();
    const lost = (error?: string): void => {
      gone(error);
      if (!isAnswered) speaker.reset();
    };
    const no = (code: number): void => {
      answer(code);
      stranger.client.reset();
    };
    serve(
      context,
      stranger.client,
      preamble,
      { ...arrival, closed: lost },
      { yes: () => answer(0), no },
    );
  });
  if (!isExpected) answer(refusedErrno);
}

const refusedErrno = 13;

function serve(
  context: ClientContext,
  client: Endpoint,
  preamble: Preamble,
  arrival: Arrival,
  answering: Answering = answeringBy(client),
): void {
  const { pid, exe, ip, port, isNonBlocking, takesIpv4Only } = preamble;
  const caller = { pid, exe };
  const { stream, datagram, icmp, proxy, resolverClient, resolverStream } = preambleKind;
  const host = context.hostOf(ip);
  switch (preamble.kind) {
    case proxy:
      answering.yes();
      speakAsProxy(context, client, arrival, caller);
      break;
    case resolverClient:
      context.announce(port, caller);
      finish(client, Uint8Array.of(0));
      break;
    case resolverStream:
      answering.yes();
      serveResolver(context.resolver, client, caller, arrival);
      break;
    case datagram:
    case icmp: {
      const protocol = protocolOf(preamble.kind);
      const target = { host, port: protocol === "icmp" ? 0 : port, protocol } as const;
      const { waiting, leaving } = watched(client, arrival.closed);
      client.hand({ ...silent, ...leaving });
      const asked = { target, caller, waiting, takesIpv4Only };
      answerLater(context, client, checkDatagram(context, asked));
      break;
    }
    case stream: {
      const answer = (code: number): void => {
        if (code === 0) answering.yes();
        else answering.no(code);
      };
      const target = { host, port, protocol: "tcp" } as const;
      const asked = { client, target, caller, flags: "connect", isProxied: false, isNonBlocking };
      start(context, { ...asked, answer }, arrival);
    }
  }
}

function answeringBy(client: Endpoint): Answering {
  return {
    yes: () => void client.write(Uint8Array.of(0)),
    no: (code) => finish(client, Uint8Array.of(code)),
  };
}

function speakAsProxy(
  context: ClientContext,
  client: Endpoint,
  { early, settled, closed }: Arrival,
  caller: Caller | undefined,
): void {
  const greeting = new ProxyGreeting({
    client,
    caller,
    login: context.login,
    onRefused: (reason, asked) => {
      if (caller === undefined) return;
      const place = { host: asked?.host.text ?? "?", port: asked?.port ?? 0 };
      const subject = { ...place, protocol: "tcp", caller, flags: "proxy" } as const;
      const judgement = { isAllowed: false, rule: "", reason };
      const { recorder, clients } = context;
      const recorded = recorder.record({ action: "NetConnect", ...subject }, judgement);
      if (recorded !== undefined)
        track(
          clients,
          recorded.catch(() => client.reset()),
        );
    },
    onRequest: ({ host: named, port, early: behind, ...rest }) => {
      settled();
      if (caller === undefined && context.clients.known.size > context.clientsMax) {
        client.reset();
        return;
      }
      // What the resolver of the box answered stands for the name here as well.
      const isStandIn = named.ip !== undefined && !rest.isProxied;
      const host = isStandIn ? context.hostOf(named.ip) : named;
      const target = { host, port, protocol: "tcp" } as const;
      const asked = { client, target, caller: caller ?? anybody, isNonBlocking: false };
      start(context, { ...asked, ...rest }, { early: behind, closed });
    },
  });
  client.hand({
    ...silent,
    closed,
    end: () => client.end(),
    data: (chunk) => greeting.read(chunk),
  });
  greeting.read(early);
}

/** Kept of what a client says before its connection is there. */
const earlyMaxBytes = 1 << 16;

/** Only who reads notices that a client leaves, which matters while a person is asked. */
function watched(
  client: Endpoint,
  closed: (error?: string) => void,
): { waiting: Waiting; leaving: Pick<EndpointEvents, "closed" | "end"> } {
  const gone = new AbortController();
  let isAsking = false;
  const waiting = {
    signal: gone.signal,
    begin: () => {
      isAsking = true;
      client.resume();
    },
    end: () => {
      isAsking = false;
      client.pause();
    },
  };
  const leaving = {
    closed: (error?: string) => {
      gone.abort();
      closed(error);
    },
    end: () => {
      if (isAsking) client.reset();
    },
  };
  return { waiting, leaving };
}

function start(
  { clients, ...context }: ClientContext,
  request: Omit<StreamRequest, "early" | "waiting">,
  { early, closed }: Pick<Arrival, "early" | "closed">,
): void {
  const { client } = request;
  const gather = new Gather();
  const { waiting, leaving } = watched(client, closed);
  gather.push(early);
  client.pause();
  // What was read before the pause may still come, and while a person is asked.
  client.hand({
    ...silent,
    ...leaving,
    data: (chunk) => {
      gather.push(chunk);
      if (gather.length > earlyMaxBytes) client.pause();
    },
  });
  const opened = openStream(context, { ...request, early: gather, waiting });
  // What cannot be judged or recorded does not happen.
  track(clients, opened.catch(() => client.reset()).finally(closed));
}

function answerLater(
  { clients }: ClientContext,
  client: Endpoint,
  answer: Promise<Uint8Array>,
): void {
  const work = answer.then(
    (bytes) => finish(client, bytes),
    () => client.reset(),
  );
  track(clients, work);
}

/** Remembers what is being done until it is; it must not fail. */
export function track({ work }: Clients, task: Promise<void>): void {
  const tracked = task.finally(() => work.delete(tracked));
  work.add(tracked);
}

function finish(client: Endpoint, answer: Uint8Array): void {
  client.write(answer);
  client.end();
  client.resume();
}
