// One connection of the box from the question to its end: judge the name, resolve it once, judge
// every address, record, dial what was judged, relay, record the byte counts. Everything the client
// sends comes from the watched program.

import { type Address, formatAddress, parseAddress } from "../base/address.ts";
import type { Clock } from "../base/clock.ts";
import { dialAddressesMax, resolveTimeoutMs } from "../base/limits.ts";
import { type DialFailure, type DialResult, dial } from "./dial.ts";
import type { Endpoint } from "./endpoint.ts";
import type { Gather } from "./gather.ts";
import type { Judge, Target } from "./judge.ts";
import type { Caller, Judgement, Recorder, Subject } from "./record.ts";
import { type RelayOutcome, startRelay } from "./relay.ts";

/** Addresses of a name as text, the preferred one first. @throws when there are none */
export type ResolveName = (name: string) => Promise<readonly string[]>;

export interface StreamContext {
  readonly judge: Judge;
  readonly recorder: Recorder;
  readonly resolve: ResolveName;
  readonly clock: Clock;
  /** A number no connection before had. */
  readonly nextConnection: () => number;
}

export interface StreamRequest {
  readonly client: Endpoint;
  readonly target: Target;
  readonly caller: Caller;
  /** How it was asked, for the record. */
  readonly flags: string;
  /** The client is told before the connection is made. */
  readonly isNonBlocking: boolean;
  /** Tells the client: 0, or the errno of its connect. Called once. */
  readonly answer: (errno: number) => void;
  /** What the client sent already; more may join it until the relay starts. */
  readonly early: Gather;
  /** The client speaks to a proxy: one request with a whole URL. */
  readonly isProxied: boolean;
}

const denied = 13;

/**
 * Done when the connection is over and recorded. The client is paused when this is called.
 *
 * @throws when a row cannot be recorded: the client must be cut off
 */
export async function openStream(context: StreamContext, request: StreamRequest): Promise<void> {
  const { client, target, caller, flags, answer } = request;
  const { host, port, protocol } = target;
  const subject = { action: "NetConnect", host: host.text, port, protocol, caller, flags } as const;
  const permission = await permit(context, target);
  const { judgement, addresses, failure } = permission;
  const connection = context.nextConnection();
  const first = addresses[0];
  await context.recorder.record(subject, judgement, {
    ...(judgement.isAllowed ? { connection } : {}),
    ...(first === undefined || host.address !== undefined ? {} : { address: formatAddress(first) }),
    ...(failure === undefined ? {} : { error: failure.error }),
  });
  if (!judgement.isAllowed || failure !== undefined) {
    answer(failure?.errno ?? denied);
    return;
  }
  if (request.isNonBlocking) answer(0);
  const startMs = context.clock.monotonicMs();
  const opened = { subject, judgement, connection, startMs };
  const dialled = await dial({ addresses, port });
  if (!dialled.ok) {
    await recordClose(context, opened, undefined, { error: dialled.error });
    if (request.isNonBlocking) client.reset();
    else answer(dialled.errno);
    return;
  }
  const { endpoint: upstream } = dialled;
  if (client.isClosed) {
    upstream.reset();
    await recordClose(context, opened, dialled, { error: "the client went away" });
    return;
  }
  if (!request.isNonBlocking) answer(0);
  const { isProxied, early } = request;
  await new Promise<void>((settle, fail) => {
    const onOver = (outcome: RelayOutcome): void => {
      recordClose(context, opened, dialled, outcome).then(settle, fail);
    };
    const { judge, recorder } = context;
    const parts = { client, upstream, target, caller, connection, judge, recorder, isProxied };
    startRelay({ ...parts, onOver }, early.take(early.length));
  });
}

interface Opened {
  readonly subject: Subject;
  readonly judgement: Judgement;
  readonly connection: number;
  readonly startMs: number;
}

async function recordClose(
  { recorder, clock }: StreamContext,
  { subject, judgement, connection, startMs }: Opened,
  dialled: Extract<DialResult, { ok: true }> | undefined,
  { error, serverName }: Partial<RelayOutcome>,
): Promise<void> {
  await recorder.close(subject, judgement, {
    connection,
    ...(dialled === undefined ? {} : { address: formatAddress(dialled.address) }),
    bytes_sent: dialled?.endpoint.bytesSent ?? 0,
    bytes_received: dialled?.endpoint.bytesReceived ?? 0,
    duration_ms: Math.round(clock.monotonicMs() - startMs),
    ...(error === undefined ? {} : { error }),
    ...(serverName === undefined ? {} : { server_name: serverName }),
  });
}

interface Permission {
  readonly judgement: Judgement;
  /** What may be dialled. */
  readonly addresses: readonly Address[];
  /** Allowed, but there is nothing to dial. */
  readonly failure: DialFailure | undefined;
}

async function permit(context: StreamContext, target: Target): Promise<Permission> {
  const judgement = context.judge.connect(target);
  const { address } = target.host;
  if (!judgement.isAllowed) return { judgement, addresses: [], failure: undefined };
  if (address !== undefined) return { judgement, addresses: [address], failure: undefined };
  const found = await lookup(context.resolve, target.host.text);
  if (found.length === 0) {
    const failure = { errno: 113, error: `${target.host.text} does not resolve` };
    return { judgement, addresses: [], failure };
  }
  const flaws = found.map((candidate) => context.judge.flawOfAddress(candidate, target));
  const addresses = found.filter((_, at) => flaws[at] === undefined);
  const flaw = flaws.find((one) => one !== undefined);
  if (addresses.length === 0 && flaw !== undefined)
    return { judgement: flaw, addresses, failure: undefined };
  return { judgement, addresses: addresses.slice(0, dialAddressesMax), failure: undefined };
}

/** The addresses of a name, none when it has none or nobody knows in time. */
async function lookup(resolve: ResolveName, name: string): Promise<readonly Address[]> {
  if (name === "localhost") return [Uint8Array.of(127, 0, 0, 1), loopbackV6];
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<readonly string[]>((settle) => {
    timer = setTimeout(() => settle([]), resolveTimeoutMs);
  });
  try {
    const texts = await Promise.race([resolve(name), late]);
    return texts.map(parseAddress).filter((address) => address !== undefined);
  } catch {
    // ignored: a name that cannot be resolved has no address, which the caller is told
    return [];
  } finally {
    clearTimeout(timer);
  }
}

const loopbackV6 = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);
