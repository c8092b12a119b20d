// Everything that is recorded: one envelope for tool calls, kernel accesses and sessions.

import type { SessionId } from "../base/ids.ts";
import type { Action, Protocol } from "./capability.ts";
import type { Coverage } from "./coverage.ts";
import type { LimitName } from "./limits.ts";

export type JsonValue =
  | null
  | boolean
  | number
  | string
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue };
export type JsonObject = { readonly [key: string]: JsonValue };

/**
 * Kernel and session events of the runtime; the control plane's own types join this list with it.
 */
export const eventTypes = [
  "FILE_READ",
  "FILE_WRITE",
  "FILE_DELETE",
  "DIR_CREATE",
  "DIR_LIST",
  "NET_CONNECT",
  "NET_BIND",
  "NET_REQUEST",
  "TOOL_CALL",
  "PROCESS_SPAWN",
  "PROCESS_EXIT",
  "API_USAGE",
  "SESSION_OPENED",
  "SESSION_CLOSED",
  "EVENTS_LOST",
  "COVERAGE",
  "POLICY_LOADED",
  "SESSION_TAGGED",
  "SESSION_PURGED",
  "LIMIT_HIT",
  "CALL_REFUSED",
  "ACCESS_ASKED",
  "DRY_RUN",
  "BOX_OPENED",
  "BOX_CLOSED",
] as const;
export type EventType = (typeof eventTypes)[number];

/** Recorded by this machine alone, also in the session of a client that a box joined. */
const boxEventTypes: ReadonlySet<string> = new Set(
  eventTypes.filter((type) => type !== "TOOL_CALL" && type !== "API_USAGE"),
);

/** True for what nobody may claim over an API. */
export function isBoxEvent(type: string): boolean {
  return boxEventTypes.has(type);
}

/** The event that records an action. */
export const eventTypeOfAction: Readonly<Record<Action, EventType>> = {
  FileRead: "FILE_READ",
  FileWrite: "FILE_WRITE",
  FileDelete: "FILE_DELETE",
  DirCreate: "DIR_CREATE",
  DirList: "DIR_LIST",
  NetConnect: "NET_CONNECT",
  NetBind: "NET_BIND",
  NetRequest: "NET_REQUEST",
  ToolCall: "TOOL_CALL",
  ProcessSpawn: "PROCESS_SPAWN",
  ProcessExit: "PROCESS_EXIT",
  ApiUsage: "API_USAGE",
};

/** What a producer hands to the ledger; the ledger adds tenant, session, seq and hashes. */
export interface EventDraft {
  readonly type: EventType;
  /** Milliseconds since the Unix epoch, an integer. */
  readonly tsUnixMs: number;
  readonly payload: JsonObject;
}

/**
 * Payload of the access events (`FILE_*`, `DIR_*`, `NET_*`, `PROCESS_SPAWN`): one row per
 * coalesced access.
 */
export interface AccessPayload {
  readonly action: Action;
  /** Links resolved; for NET_* the address text or host. */
  readonly path: string;
  /** As the program asked, when it differs from `path`; else absent. */
  readonly requested?: string;
  readonly decision: "allow" | "deny";
  /** Rule id that decided, `""` when none matched. */
  readonly rule: string;
  readonly reason: string;
  /** Process id as seen inside the box. */
  readonly pid: number;
  /** Path of the calling program. */
  readonly exe: string;
  /** System call and the flags that matter, e.g. "openat O_RDONLY". */
  readonly flags: string;
  /**
   * How many equal accesses this row stands for, at least 1; 0 for a row that adds to an earlier
   * one.
   */
  readonly count: number;
  /** False when the decision is only what the policy says: the access was not stopped. */
  readonly enforced?: false;
  /** Hex; of the program as it was when its execution was judged. */
  readonly sha256?: string;
  readonly host?: string;
  readonly port?: number;
  /** What the gateway knows of a connection; absent where the kernel alone decided. */
  readonly protocol?: NetProtocol;
  /**
   * Address the connection goes to, or was refused for, when the host is a name that was resolved.
   */
  readonly address?: string;
  /** Number of the connection in its session; rows with the same number are about the same one. */
  readonly connection?: number;
  /** `closed`: the connection is over, `count` is 0 and the fields below are there. */
  readonly phase?: "closed";
  readonly bytes_sent?: number;
  readonly bytes_received?: number;
  readonly duration_ms?: number;
  /** Why the connection failed or was ended, when it did not end by itself. */
  readonly error?: string;
  /** Name the TLS client asked for. */
  readonly server_name?: string;
  /** Of a request: its method, and its URL without a query. */
  readonly method?: string;
  readonly url?: string;
  /** Names of the credentials put into the request. */
  readonly credentials?: readonly string[];
  /** Names of those whose placeholder was in a request to a host they are not for. */
  readonly strayed_credentials?: readonly string[];
}

/** `dns`: a question to the gateway's resolver. */
export type NetProtocol = Protocol | "dns";

/** Payload of `LIMIT_HIT`: the box came to a limit, once for each limit. */
export interface LimitPayload {
  readonly limit: LimitName;
  /** `refused`: calls failed and the box went on; `ended`: the box was ended. */
  readonly effect: "refused" | "ended";
  /** Bytes, milliseconds or a number, by the limit. */
  readonly value: number;
  readonly seen: number;
  /** Who asked for the limit. */
  readonly source: string;
  /** Process id as seen inside the box, 0 when no process in particular is to blame. */
  readonly pid: number;
  readonly exe: string;
}

/** Payload of `CALL_REFUSED`: a system call that no box may make; it is no access. */
export interface RefusedPayload {
  readonly call: string;
  /** What it was for, where one of its numbers tells: `CLONE_NEWUSER`, `0x5412`. */
  readonly argument?: string;
  readonly decision: "deny";
  readonly rule: string;
  readonly reason: string;
  /** Process id as seen inside the box. */
  readonly pid: number;
  readonly exe: string;
  /** How many equal ones this event stands for. */
  readonly times: number;
}

/** Payload of `EVENTS_LOST`: what the session did and could not store; it has no end. */
export interface LostPayload {
  readonly accesses: number;
  readonly reason: string;
}

/** Payload of `ACCESS_ASKED`: a person was asked about an access. */
export interface AskedPayload {
  /** Actions, separated by spaces. */
  readonly asked: string;
  readonly path: string;
  /** What is done to a file, unless it is opened. */
  readonly deed?: string;
  /** The other path of a move or link, or what a symbolic link says. */
  readonly other?: string;
  /** What the person said: `no once session always folder deny quit`, `timeout` or `unasked`. */
  readonly answer: string;
  readonly outcome: "allow" | "deny";
  /** Process id as seen inside the box. */
  readonly pid: number;
  readonly exe: string;
  readonly waited_ms: number;
  /** File a line was added to. */
  readonly written?: string;
}

/**
 * The sealed envelope. `hash` is the SHA-256, base64, of the RFC 8785 form of the object without
 * `hash`. `prev_hash` is the `hash` of the event before it in the same session, `""` for `seq` 0.
 */
export interface SealedEvent {
  /** `local` for what this machine recorded itself. */
  readonly tenant_id: string;
  /** For sessions of the runtime the agent's name: the Cedar principal. */
  readonly user_id: string;
  readonly session_id: SessionId;
  readonly seq: number;
  readonly ts_unix_ms: number;
  readonly event_type: string;
  readonly payload: JsonObject;
  readonly prev_hash: string;
  readonly hash: string;
}

/**
 * Facts about a session known when it opens; all of it is in the payload of `SESSION_OPENED` or,
 * the coverage, of `COVERAGE`.
 */
export interface SessionOpening {
  /** Agent or config name: the Cedar principal. */
  readonly name: string;
  /** `run` or `wrap`. */
  readonly mode: string;
  readonly command: readonly string[];
  readonly directory: string;
  readonly policyHash: string;
  readonly tag: string | undefined;
  readonly coverage: Coverage;
}
