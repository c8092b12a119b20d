// One connection of the box from the question to its end: judge the name, resolve it once, judge
// every address, record, dial what was judged, relay, record the byte counts. Everything the client
// sends comes from the watched program.

import type { Clock } from "../base/clock.ts";
import { formatIp } from "../base/ip.ts";
import { type AskConnection, askTarget, type Waiting, wasAsked, withAnswer } from "./ask.ts";
import { type Credential, wrappedPlace } from "./credential.ts";
import { type DialResult, dial } from "./dial.ts";
import type { Endpoint } from "./endpoint.ts";
import type { StartMove } from "./flow.ts";
import type { Target } from "./judge.ts";
import type { PatienceLimits } from "./patience.ts";
import { type PermitContext, permit, shownIp } from "./permit.ts";
import type { Gather } from "./protocol/gather.ts";
import type { Caller, Judgement, Recorder, Subject } from "./record.ts";
import { type RelayOutcome, startRelay } from "./relay.ts";

export interface StreamContext extends PermitContext {
  readonly recorder: Recorder;
  readonly clock: Clock;
  readonly credentials: readonly Credential[];
  /** Certificates of authorities (PEM) trusted instead of the usual ones. */
  readonly authorities: readonly string[];
  readonly patience: PatienceLimits;
  /** What moves many bytes; undefined where there is nothing. */
  readonly startMove: StartMove | undefined;
  /** Who is asked about what no rule is about; undefined: nobody. */
  readonly ask: AskConnection | undefined;
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
  readonly waiting: Waiting;
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
  const { client, caller, answer } = request;
  const place = wrappedPlace(context.credentials, request.target.host.text, request.target.port);
  const isWrapped = place !== undefined;
  const target = isWrapped ? { ...request.target, port: place.port } : request.target;
  const { host, port, protocol } = target;
  const flags = isWrapped ? `${request.flags}, with TLS by the gateway` : request.flags;
  const subject = { action: "NetConnect", host: host.text, port, protocol, caller, flags } as const;
  const ask = askTarget(context, caller, request.waiting);
  const permission = await permit(context, target, { ask });
  const { judgement, ips, failure } = permission;
  const connection = context.nextConnection();
  await context.recorder.record(subject, judgement, {
    ...(judgement.isAllowed ? { connection } : {}),
    ...shownIp(target, permission),
    ...(failure === undefined ? {} : { error: failure.error }),
  });
  if (!judgement.isAllowed || failure !== undefined) {
    answer(failure?.errno ?? denied);
    return;
  }
  if (request.isNonBlocking) answer(0);
  const startMs = context.clock.monotonicMs();
  const opened = { subject, judgement, connection, startMs };
  const { authorities } = context;
  const dialled = await dial({ ips, port, authorities, ...(isWrapped && { tlsName: host.text }) });
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
    const { recorder, startMove, credentials, patience } = context;
    const asked = wasAsked(judgement);
    const judge = asked ? withAnswer(context.judge, target, judgement) : context.judge;
    const setting = { target, judge, isProxied, isWrapped, credentials };
    const parts = { ...setting, client, upstream, caller, connection, recorder, startMove };
    startRelay({ ...parts, patience, onOver }, early.take(early.length));
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
    ...(dialled === undefined ? {} : { address: formatIp(dialled.ip) }),
    bytes_sent: dialled?.endpoint.bytesSent ?? 0,
    bytes_received: dialled?.endpoint.bytesReceived ?? 0,
    duration_ms: Math.round(clock.monotonicMs() - startMs),
    ...(error === undefined ? {} : { error }),
    ...(serverName === undefined ? {} : { server_name: serverName }),
  });
}
