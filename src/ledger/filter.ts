// What the fields of an event filter mean, once for every store. SQLite narrows down in SQL what it
// can; the text search is always answered here. Pure.

import type { SessionId } from "../base/ids.ts";
import { eventTypeOfAction, type JsonObject, type JsonValue } from "../model/event.ts";
import type { EventFilter } from "./contract.ts";
import type { StoredEvent } from "./store.ts";

/** A filter in terms of columns. `types` undefined: every type; empty: nothing matches. */
export interface ColumnFilter {
  readonly session: SessionId | undefined;
  readonly types: readonly string[] | undefined;
  readonly decision: "allow" | "deny" | undefined;
  readonly principal: string | undefined;
  readonly fromUnixMs: number | undefined;
  readonly toUnixMs: number | undefined;
}

export function columnFilter(filter: EventFilter): ColumnFilter {
  return {
    session: filter.session,
    types: typesOf(filter),
    decision: filter.decision,
    principal: filter.principal,
    fromUnixMs: filter.fromUnixMs,
    toUnixMs: filter.toUnixMs,
  };
}

function typesOf({ type, action }: EventFilter): readonly string[] | undefined {
  if (action === undefined) return type === undefined ? undefined : [type];
  const known = Object.entries(eventTypeOfAction).find(([name]) => name === action)?.[1];
  const isContradiction = type !== undefined && type !== known;
  return known === undefined || isContradiction ? [] : [known];
}

export function matchesColumns(filter: ColumnFilter, event: StoredEvent, name: string): boolean {
  const { session, types, decision, principal, fromUnixMs, toUnixMs } = filter;
  return (
    (session === undefined || event.session === session) &&
    (types === undefined || types.includes(event.type)) &&
    (decision === undefined || event.decision === decision) &&
    (principal === undefined || name === principal) &&
    (fromUnixMs === undefined || event.tsUnixMs >= fromUnixMs) &&
    (toUnixMs === undefined || event.tsUnixMs <= toUnixMs)
  );
}

/** @param needle in lower case */
export function matchesSearch(payload: JsonObject, needle: string): boolean {
  const { reason, path, requested, host, command } = payload;
  const words = Array.isArray(command) ? command.filter(isText).join(" ") : undefined;
  return [reason, path, requested, host, words].some(
    (text) => isText(text) && text.toLowerCase().includes(needle),
  );
}

function isText(value: JsonValue | undefined): value is string {
  return typeof value === "string";
}
