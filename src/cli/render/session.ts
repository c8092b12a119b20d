// Sessions as rows, as details and as JSON.

import type { SessionRecord } from "../../ledger/contract.ts";
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

export function sessionRow(session: SessionRecord): string[] {
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

export function sessionFacts(session: SessionRecord): Fact[] {
  const { closedUnixMs, exitStatus } = session;
  return [
    ["Session", session.id],
    ["Config", session.name],
    ["Tag", session.tag ?? "(none)"],
    ["Command", commandText(session.command)],
    ["Mode", session.mode],
    ["Directory", session.directory],
    ["Policy", session.policyHash],
    ["Start time", fullTime(session.openedUnixMs)],
    ["End time", closedUnixMs === undefined ? "(still running)" : fullTime(closedUnixMs)],
    ["Exit code", exitStatus === undefined ? "-" : String(exitStatus)],
    ["Total actions", String(session.accessCount)],
    ["Denied", String(session.deniedCount)],
  ];
}

export function sessionView(session: SessionRecord): Session {
  const { closedUnixMs } = session;
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
  };
}

/** A session without an end may run still or have been killed: the ledger cannot tell. */
function statusOf(session: SessionRecord): string {
  if (session.closedUnixMs === undefined) return "open";
  return session.exitStatus === 0 ? "ok" : `exit ${session.exitStatus ?? "?"}`;
}
