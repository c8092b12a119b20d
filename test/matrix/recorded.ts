// What a place's ledger says about the runs in it, read through the binary the way an auditor
// would.

import { expect } from "bun:test";
import { aegisBinary } from "../support/harness.ts";
import { type Place, runBare } from "./place.ts";

/** An access of the ledger; a row that stands for `count` equal accesses. */
export interface RecordedAccess {
  readonly action: string;
  readonly path: string;
  readonly decision: "allow" | "deny";
  readonly exe: string;
  readonly flags: string;
  readonly port?: number;
  readonly count: number;
}

export interface RecordedSession {
  readonly id: string;
  /** Undefined: no close event, so the session counts as killed. */
  readonly exitStatus: number | undefined;
  readonly accesses: readonly RecordedAccess[];
  readonly eventTypes: readonly string[];
}

interface Log {
  readonly total: number;
  readonly entries: readonly LoggedEvent[];
}

interface LoggedEvent {
  readonly session_id: string;
  readonly event_type: string;
  readonly payload: Readonly<Record<string, unknown>>;
}

const accessTypes = [
  "FILE_READ",
  "FILE_WRITE",
  "FILE_DELETE",
  "DIR_CREATE",
  "DIR_LIST",
  "NET_CONNECT",
  "NET_BIND",
  "PROCESS_SPAWN",
];

/** Sessions of the place's ledger, oldest first, after the ledger was verified. */
export async function recordedSessions(place: Place): Promise<RecordedSession[]> {
  const verified = await runBare(place, [aegisBinary(), "audit", "verify"]);
  expect(verified).toMatchObject({ exitCode: 0 });
  const log = [aegisBinary(), "log", "--last", "100000", "--json"];
  const { stdout, stderr, exitCode } = await runBare(place, log);
  expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
  const { total, entries } = JSON.parse(stdout) as Log;
  expect(entries.length).toBe(total);
  // Ids of sessions begin with the time, so they sort by it.
  const bySession = [...Map.groupBy(entries, (event) => event.session_id)].sort(([a], [b]) =>
    a < b ? -1 : 1,
  );
  return bySession.map(([id, own]) => toSession(id, own));
}

/** The session that was opened last. */
export async function lastSession(place: Place): Promise<RecordedSession> {
  const session = (await recordedSessions(place)).at(-1);
  if (session === undefined) throw new Error(`no session in the ledger of ${place.home}`);
  return session;
}

/** How many accesses, not rows, fit. */
export function countAccesses(
  session: RecordedSession,
  fits: (access: RecordedAccess) => boolean,
): number {
  return session.accesses.filter(fits).reduce((sum, access) => sum + access.count, 0);
}

function toSession(id: string, events: readonly LoggedEvent[]): RecordedSession {
  const closed = events.find((event) => event.event_type === "SESSION_CLOSED");
  return {
    id,
    exitStatus: closed?.payload.exit_status as number | undefined,
    accesses: events
      .filter((event) => accessTypes.includes(event.event_type))
      .map((event) => event.payload as unknown as RecordedAccess),
    eventTypes: events.map((event) => event.event_type),
  };
}
