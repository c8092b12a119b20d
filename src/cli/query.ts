// What `log`, `audit query` and `audit watch` share: the flags that select entries and how a page
// of them is shown.

import { findSession } from "../app/ledger/find-session.ts";
import { AegisError } from "../base/errors.ts";
import type { EventFilter, EventPage, Ledger } from "../ledger/contract.ts";
import { actions } from "../model/capability.ts";
import type { SealedEvent } from "../model/event.ts";
import type { EntryPage } from "../wire/entry.ts";
import type { CliContext } from "./context.ts";
import { entryColumns, entryRow } from "./render/entry.ts";
import { renderTable } from "./render/table.ts";
import { tableWidth } from "./width.ts";

export const sessionFlag = {
  kind: "text",
  value: "ID",
  summary: "Only this session; its id or the end of it",
} as const;

export const decisionFlag = {
  kind: "choice",
  choices: ["allow", "deny"],
  summary: "Only accesses decided so",
} as const;

export const filterFlags = {
  from: { kind: "text", value: "TIME", summary: "Not before; RFC 3339, or a date in UTC" },
  to: { kind: "text", value: "TIME", summary: "Not after" },
  action: { kind: "choice", value: "ACTION", choices: actions, summary: "Only this action" },
  decision: decisionFlag,
  principal: { kind: "text", value: "AGENT", summary: "Only this agent" },
  search: {
    kind: "text",
    value: "TEXT",
    summary: "Only with this text in path, command or reason",
  },
  session: sessionFlag,
} as const;

interface FilterValues {
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly action?: (typeof actions)[number] | undefined;
  readonly decision?: "allow" | "deny" | undefined;
  readonly principal?: string | undefined;
  readonly search?: string | undefined;
  readonly session?: string | undefined;
}

/** @throws {AegisError} `usage` on a malformed time, `ledger/not-found` on an unknown session */
export async function filterOf(ledger: Ledger, flags: FilterValues): Promise<EventFilter> {
  const { action, decision, principal, search } = flags;
  return {
    ...(flags.session === undefined
      ? {}
      : { session: (await findSession(ledger, flags.session)).id }),
    ...(flags.from === undefined ? {} : { fromUnixMs: timeOf("--from", flags.from) }),
    ...(flags.to === undefined ? {} : { toUnixMs: timeOf("--to", flags.to) }),
    ...(action === undefined ? {} : { action }),
    ...(decision === undefined ? {} : { decision }),
    ...(principal === undefined ? {} : { principal }),
    ...(search === undefined ? {} : { search }),
  };
}

const timeForm = /^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2}))?$/i;

function timeOf(flag: string, text: string): number {
  const unixMs = timeForm.test(text) ? Date.parse(text.replace(" ", "T")) : Number.NaN;
  if (Number.isFinite(unixMs) && isDay(text.slice(0, 10))) return unixMs;
  throw new AegisError("usage", `Cannot use "${text}" for "${flag}": it is no point in time`, {
    hint: "write it like 2026-03-01 or 2026-03-01T09:30:00Z",
  });
}

/** The engine takes February 30 for March 2. */
function isDay(text: string): boolean {
  return new Date(`${text}T00:00:00Z`).toISOString().startsWith(text);
}

/** The table with the line that says what part of the result it is. */
export function renderEntries(
  events: readonly SealedEvent[],
  context: Pick<CliContext, "colour" | "environment">,
): string {
  const width = tableWidth(context.environment);
  return renderTable(entryColumns(context.colour), events.map(entryRow), width);
}

export function entryPage(ledger: string, page: EventPage): EntryPage {
  return { ledger, total: page.total, entries: page.events.map(entryOf) };
}

/** The envelope as it leaves aegis: its own keys and no others. */
export function entryOf(event: SealedEvent): SealedEvent {
  return {
    tenant_id: event.tenant_id,
    user_id: event.user_id,
    session_id: event.session_id,
    seq: event.seq,
    ts_unix_ms: event.ts_unix_ms,
    event_type: event.event_type,
    payload: event.payload,
    prev_hash: event.prev_hash,
    hash: event.hash,
  };
}
