// Sessions as rows, as details and as JSON.

import type { Ledger, Loss, SessionRecord } from "../../ledger/contract.ts";
import { lossOf } from "../../ledger/session-state.ts";
import type { Session } from "../../wire/entry.ts";
import { commandText } from "./command-text.ts";
import type { Fact } from "./facts.ts";
import type { Column } from "./table.ts";
import { fullTime, isoTime, shortTime } from "./time.ts";

export const sessionColumns: readonly Column[] = [
  { title: "SESSION ID", shrinkTo: 13 },
  { title: "STATUS" },
  { title: "START TIME" },
  { title: "TOTAL", align: "right" },
  { title: "DENIED", align: "right" },
  { title: "TAG", shrinkTo: 6 },
  { title: "COMMAND", shrinkTo: 12 },
];

/** A session and what it says it could not store. */
export interface ShownSession extends SessionRecord {
  readonly loss: Omit<Loss, "tsUnixMs"> | undefined;
}

export async function shownSession(ledger: Ledger, session: SessionRecord): Promise<ShownSession> {
  // One that a box joined may have an end of its own.
  const isOpenOrApi = session.closedUnixMs === undefined || session.mode === "api";
  const mayLack = isOpenOrApi && session.purged !== true;
  const filter = { session: session.id, type: "EVENTS_LOST" };
  const found = mayLack ? await ledger.events(filter, { limit: 1, offset: 0 }) : undefined;
  const [event] = found?.events ?? [];
  return { ...session, loss: event === undefined ? undefined : lossOf(event) };
}

export function sessionRow(session: ShownSession): string[] {
  return [
    session.id,
    statusOf(session),
    shortTime(session.openedUnixMs),
    String(session.accessCount),
    String(session.deniedCount),
    session.tag ?? "-",
    commandText(session.command),
  ];
}

export function sessionFacts(session: ShownSession): Fact[] {
  const { closedUnixMs, exitStatus, loss } = session;
  const unended = loss === undefined ? "(still running)" : "(ended: it could not be recorded)";
  return [
    ["Session", session.id],
    ["Config", session.name],
    ["Tag", session.tag ?? "(none)"],
    ["Command", commandText(session.command)],
    ["Mode", session.mode],
    ["Directory", session.directory],
    ["Policy", session.policyHash],
    ["Start time", fullTime(session.openedUnixMs)],
    ["End time", closedUnixMs === undefined ? unended : fullTime(closedUnixMs)],
    ["Exit code", exitStatus === undefined ? "-" : String(exitStatus)],
    ["Total actions", String(session.accessCount)],
    ["Denied", String(session.deniedCount)],
    ...(session.purged === true ? [["Entries", "purged"] as const] : []),
    ...(loss === undefined ? [] : [["Not stored", `${loss.accesses}: ${loss.reason}`] as const]),
  ];
}

export function sessionView(session: ShownSession): Session {
  const { closedUnixMs, loss } = session;
  return {
    id: session.id,
    name: session.name,
    mode: session.mode,
    command: [...session.command],
    directory: session.directory,
    policy_hash: session.policyHash,
    tag: session.tag ?? null,
    start_time: isoTime(session.openedUnixMs),
    end_time: closedUnixMs === undefined ? null : isoTime(closedUnixMs),
    exit_status: session.exitStatus ?? null,
    total_actions: session.accessCount,
    denied_actions: session.deniedCount,
    purged: session.purged === true,
    lost: loss === undefined ? null : { actions: loss.accesses, reason: loss.reason },
  };
}

/** A session without an end may run still or have been killed: the ledger cannot tell. */
function statusOf(session: ShownSession): string {
  if (session.purged === true) return "purged";
  if (session.loss !== undefined) return "incomplete";
  if (session.closedUnixMs === undefined) return "open";
  return session.exitStatus === 0 ? "ok" : `exit ${session.exitStatus ?? "?"}`;
}
