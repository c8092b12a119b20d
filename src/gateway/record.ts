// The rows the gateway writes: one for every verdict, before it takes effect, and one with the byte
// counts when a connection is over. URLs appear without their query, secrets never.

import type { Clock } from "../base/clock.ts";
import type { AccessPayload, NetProtocol } from "../model/event.ts";

export interface GatewayEvent {
  readonly tsUnixMs: number;
  readonly payload: AccessPayload;
}

/** Takes rows; what it promises is waited for before the verdict takes effect. */
export type RecordEvents = (events: readonly GatewayEvent[]) => void | Promise<void>;

/** Who tried. */
export interface Caller {
  readonly pid: number;
  readonly exe: string;
}

/** What a verdict came to, whatever it was about. */
export interface Judgement {
  readonly isAllowed: boolean;
  /** Rule id, empty when none matched. */
  readonly rule: string;
  readonly reason: string;
}

export interface Subject {
  readonly action: "NetConnect" | "NetRequest";
  readonly host: string;
  readonly port: number;
  readonly protocol: NetProtocol;
  readonly caller: Caller;
  /** How it was asked, e.g. `connect`, `socks5`, `dns AAAA`. */
  readonly flags: string;
}

export type Details = Partial<
  Pick<
    AccessPayload,
    | "requested"
    | "address"
    | "connection"
    | "phase"
    | "bytes_sent"
    | "bytes_received"
    | "duration_ms"
    | "error"
    | "server_name"
    | "method"
    | "url"
    | "credentials"
    | "strayed_credentials"
  >
>;

export interface Recorder {
  record(subject: Subject, judgement: Judgement, details?: Details): void | Promise<void>;
  /** The row at the end of a connection: it counts no access of its own. */
  close(subject: Subject, judgement: Judgement, details: Details): void | Promise<void>;
}

export function createRecorder(clock: Clock, record: RecordEvents): Recorder {
  const write = (payload: AccessPayload): void | Promise<void> =>
    record([{ tsUnixMs: clock.nowUnixMs(), payload }]);
  return {
    record: (subject, judgement, details = {}) => write(payloadOf(subject, judgement, 1, details)),
    close: (subject, judgement, details) =>
      write(payloadOf(subject, judgement, 0, { ...details, phase: "closed" })),
  };
}

function payloadOf(
  { action, host, port, protocol, caller, flags }: Subject,
  { isAllowed, rule, reason }: Judgement,
  count: number,
  details: Details,
): AccessPayload {
  return {
    action,
    path: host,
    decision: isAllowed ? "allow" : "deny",
    rule,
    reason,
    pid: caller.pid,
    exe: caller.exe,
    flags,
    count,
    host,
    port,
    protocol,
    ...details,
  };
}
