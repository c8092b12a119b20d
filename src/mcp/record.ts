// What a tool call leaves in the ledger, event by event. What cannot be recorded does not happen:
// every caller treats a refusal here as the end of the call.

import { type JsonMembers, type JsonTree, NumberText, parseJsonText } from "../base/json-text.ts";
import { err, ok, type Result } from "../base/result.ts";
import type { ControlLog } from "../ledger/control/contract.ts";
import type { JsonValue } from "../model/event.ts";

/** The session a call belongs to: unit of budgets and taint. */
export interface CallSession {
  readonly tenant: string;
  readonly id: string;
  /** Who calls, as the events name them. */
  readonly user: string;
}

export interface CallName {
  readonly tool: string;
  readonly callId: string;
}

export interface RecordParts {
  readonly log: ControlLog;
  readonly nowMs: () => number;
}

export type EventMembers = Readonly<Record<string, JsonTree | undefined>>;

/** @returns the position in the session, or why it is not recorded */
export async function record(
  { log, nowMs }: RecordParts,
  { tenant, id, user }: CallSession,
  type: string,
  members: EventMembers,
): Promise<Result<number, string>> {
  const present = Object.entries(members).filter(
    (entry): entry is [string, JsonTree] => entry[1] !== undefined,
  );
  const payload: JsonMembers = new Map(present);
  const request = { tenant, session: id, user, type, payload, tsUnixMs: nowMs() };
  try {
    const [outcome] = await log.append([request]);
    if (outcome === undefined) return err("no answer of the ledger");
    if (outcome.kind !== "refused") return ok(outcome.seq);
    // Which names and numbers a result has nobody is to be told who may not have the result.
    const isContent = outcome.code === "event_invalid";
    return err(isContent ? "the event is not valid" : outcome.message);
  } catch (error) {
    return err(error instanceof Error ? error.message : String(error));
  }
}

export function numberTree(value: number): NumberText {
  return new NumberText(String(value));
}

export function treeOf(value: JsonValue): JsonTree {
  return parseJsonText(JSON.stringify(value));
}
