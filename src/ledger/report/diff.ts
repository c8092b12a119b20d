// Two sessions side by side: what each touched, and what only one of them did. Pure but for
// `collectDiff`, which reads a ledger.

import type { SessionId } from "../../base/ids.ts";
import type { SealedEvent } from "../../model/event.ts";
import type { Ledger, SessionRecord } from "../contract.ts";
import { sessionEvents } from "../session-events.ts";
import { accessesOf } from "../session-state.ts";
import { actionOf } from "./entry.ts";

export interface DiffedSession {
  readonly session_id: string;
  readonly name: string;
  readonly command: readonly string[];
  /** RFC 3339, UTC. */
  readonly start_time: string;
  readonly total_actions: number;
  readonly denied_actions: number;
}

/** Resources are paths, `host:port`, URLs, tools and programs; each list is sorted. */
export interface SessionDiff {
  readonly a: DiffedSession;
  readonly b: DiffedSession;
  readonly only_in_a: readonly string[];
  readonly only_in_b: readonly string[];
  readonly common: readonly string[];
  /** Denied in one session and allowed in the other. */
  readonly decided_otherwise: readonly string[];
}

/** What one session did to each resource. */
export interface TouchedResources {
  add(events: readonly SealedEvent[]): void;
  readonly resources: ReadonlyMap<string, { readonly allowed: number; readonly denied: number }>;
}

export function createTouchedResources(): TouchedResources {
  const resources = new Map<string, { allowed: number; denied: number }>();
  return {
    resources,
    add(events) {
      for (const event of events) {
        const count = accessesOf(event.payload);
        const { resource } = actionOf(event);
        if (count === 0 || resource === undefined) continue;
        const counts = resources.get(resource) ?? { allowed: 0, denied: 0 };
        if (event.payload.decision === "deny") counts.denied += count;
        else counts.allowed += count;
        resources.set(resource, counts);
      }
    },
  };
}

export function diffSessions(
  a: SessionRecord,
  touchedByA: TouchedResources,
  b: SessionRecord,
  touchedByB: TouchedResources,
): SessionDiff {
  const inA = touchedByA.resources;
  const inB = touchedByB.resources;
  const common = [...inA.keys()].filter((resource) => inB.has(resource)).sort();
  return {
    a: diffedSession(a),
    b: diffedSession(b),
    only_in_a: [...inA.keys()].filter((resource) => !inB.has(resource)).sort(),
    only_in_b: [...inB.keys()].filter((resource) => !inA.has(resource)).sort(),
    common,
    decided_otherwise: common.filter((resource) => {
      const [x, y] = [inA.get(resource), inB.get(resource)];
      return (x?.denied ?? 0) > 0 !== (y?.denied ?? 0) > 0;
    }),
  };
}

/** Reads both sessions, page by page. */
export async function collectDiff(
  ledger: Ledger,
  a: SessionRecord,
  b: SessionRecord,
): Promise<SessionDiff> {
  const [touchedByA, touchedByB] = [await touchedIn(ledger, a.id), await touchedIn(ledger, b.id)];
  return diffSessions(a, touchedByA, b, touchedByB);
}

async function touchedIn(ledger: Ledger, id: SessionId): Promise<TouchedResources> {
  const touched = createTouchedResources();
  for await (const events of sessionEvents(ledger, id)) touched.add(events);
  return touched;
}

/** @param safe makes one value safe for the terminal it goes to */
export function renderDiff(diff: SessionDiff, safe: (text: string) => string): string {
  const { a, b } = diff;
  const change = b.total_actions - a.total_actions;
  const lines = [
    "Session Comparison",
    "==================",
    sessionLine("A", a, safe),
    sessionLine("B", b, safe),
    "",
    ...resourceLines(`Only in A (${diff.only_in_a.length})`, diff.only_in_a, safe),
    ...resourceLines(`Only in B (${diff.only_in_b.length})`, diff.only_in_b, safe),
    ...resourceLines(`Common (${diff.common.length})`, diff.common, safe),
    ...resourceLines("Decided otherwise", diff.decided_otherwise, safe),
    `Actions: A=${a.total_actions} B=${b.total_actions} (${change < 0 ? "" : "+"}${change})`,
  ];
  if (a.denied_actions > 0 || b.denied_actions > 0) {
    lines.push(`Denied: A=${a.denied_actions} B=${b.denied_actions}`);
  }
  return `${lines.join("\n")}\n`;
}

function sessionLine(letter: string, session: DiffedSession, safe: (text: string) => string) {
  const id = session.session_id.slice(-8);
  return `Session ${letter}: ${id}  ${session.start_time}  ${safe(session.command.join(" "))}`;
}

function resourceLines(
  title: string,
  resources: readonly string[],
  safe: (text: string) => string,
): readonly string[] {
  if (resources.length === 0) return [];
  return [`${title}:`, ...resources.map((resource) => `  ${safe(resource)}`), ""];
}

function diffedSession(session: SessionRecord): DiffedSession {
  return {
    session_id: session.id,
    name: session.name,
    command: session.command,
    start_time: new Date(session.openedUnixMs).toISOString(),
    total_actions: session.accessCount,
    denied_actions: session.deniedCount,
  };
}
