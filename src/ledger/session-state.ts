// What a session's events add up to. Appending and verifying both go through here, so the session
// table can never mean something else than the events it was derived from. Pure.

import type { SessionId } from "../base/ids.ts";
import { ownText } from "../base/own-text.ts";
import { isBoxEvent, type JsonObject, type JsonValue, type SealedEvent } from "../model/event.ts";
import type { Loss, SessionRecord } from "./contract.ts";
import { localTenant } from "./control/foreign.ts";

/** A session record while it is added up, with the end of its chain. */
export interface SessionState extends SessionRecord {
  readonly nextSeq: number;
  /** `hash` of the last event; `""` before the first, and where they were purged. */
  readonly lastHash: string;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/**
 * Whether its events were purged: only then is there no hash of the last one.
 */
export function isPurged({
  nextSeq,
  lastHash,
}: Pick<SessionState, "nextSeq" | "lastHash">): boolean {
  return nextSeq > 0 && lastHash === "";
}

/** A copy that `addEvent` may change. */
export type SessionTally = Mutable<SessionState>;

export function newSession(id: SessionId): SessionTally {
  return {
    id,
    name: "",
    mode: "",
    command: [],
    directory: "",
    policyHash: "",
    tag: undefined,
    openedUnixMs: 0,
    closedUnixMs: undefined,
    exitStatus: undefined,
    accessCount: 0,
    deniedCount: 0,
    nextSeq: 0,
    lastHash: "",
  };
}

const sessionFields = [
  "name",
  "mode",
  "command",
  "directory",
  "policyHash",
  "tag",
  "openedUnixMs",
  "closedUnixMs",
  "exitStatus",
  "accessCount",
  "deniedCount",
  "nextSeq",
  "lastHash",
] as const satisfies readonly (keyof SessionState)[];

/** What a row says otherwise than the events it was derived from. */
export function differences(a: SessionState, b: SessionState): readonly string[] {
  return sessionFields.filter((field) => !Bun.deepEquals(a[field], b[field]));
}

/** Adds the session's next event. */
export function addEvent(tally: SessionTally, event: SealedEvent): void {
  tally.nextSeq = event.seq + 1;
  tally.lastHash = event.hash;
  const { payload } = event;
  const count = accessesOf(payload);
  if (count > 0) {
    tally.accessCount += count;
    if (payload.decision === "deny") tally.deniedCount += count;
  }
  if (event.tenant_id !== localTenant) addForeign(tally, event);
  else if (event.event_type === "SESSION_OPENED" && event.seq === 0) open(tally, event);
  else if (event.event_type === "SESSION_CLOSED") close(tally, event);
  else if (event.event_type === "SESSION_TAGGED") tally.tag = textOf(payload.tag);
}

/** Clients open no session: their first event does. */
function addForeign(tally: SessionTally, event: SealedEvent): void {
  const { seq, user_id, ts_unix_ms, event_type } = event;
  if (seq === 0) {
    tally.name = ownText(user_id);
    tally.mode = "api";
    tally.openedUnixMs = ts_unix_ms;
  }
  // What a box still does is no new beginning.
  if (isBoxEvent(event_type)) return;
  tally.closedUnixMs = event_type === "TERMINATION" ? ts_unix_ms : undefined;
}

function open(tally: SessionTally, { payload, ts_unix_ms }: SealedEvent): void {
  tally.name = textOf(payload.name);
  tally.mode = textOf(payload.mode);
  tally.command = textsOf(payload.command);
  tally.directory = textOf(payload.directory);
  tally.policyHash = textOf(payload.policy_hash);
  tally.tag = typeof payload.tag === "string" ? payload.tag : undefined;
  tally.openedUnixMs = ts_unix_ms;
}

function close(tally: SessionTally, { payload, ts_unix_ms }: SealedEvent): void {
  tally.closedUnixMs = ts_unix_ms;
  tally.exitStatus = Number.isSafeInteger(payload.exit_status)
    ? Number(payload.exit_status)
    : undefined;
}

/** What the event says was done and not stored; undefined for other events. */
export function lossOf({ event_type, payload }: SealedEvent): Omit<Loss, "tsUnixMs"> | undefined {
  if (event_type !== "EVENTS_LOST") return undefined;
  const { accesses, reason } = payload;
  return {
    accesses: Number.isSafeInteger(accesses) ? Number(accesses) : 0,
    reason: textOf(reason),
  };
}

/** How many accesses an event stands for; 0 for events that are none. */
export function accessesOf({ count }: JsonObject): number {
  return Number.isSafeInteger(count) && Number(count) > 0 ? Number(count) : 0;
}

/** `deny` or `allow` of an event that was judged. */
export function decisionOf(payload: JsonObject): "allow" | "deny" | undefined {
  const { decision } = payload;
  return decision === "allow" || decision === "deny" ? decision : undefined;
}

function textOf(value: JsonValue | undefined): string {
  return typeof value === "string" ? value : "";
}

function textsOf(value: JsonValue | undefined): readonly string[] {
  return Array.isArray(value) ? value.map(textOf) : [];
}
