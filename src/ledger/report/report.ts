// The compliance report as data: what the events add up to, session by session, with the proof that
// they are all there. Pure but for `collectReport`, which reads a ledger. It states facts and what
// is not evidenced; it never says that anything complies with anything.

import { ledgerPageSize } from "../../base/limits.ts";
import type { JsonValue, SealedEvent } from "../../model/event.ts";
import type {
  Checkpoint,
  FindingKind,
  Ledger,
  PolicyLoad,
  SessionRecord,
  VerifyReport,
} from "../contract.ts";
import { accessesOf } from "../session-state.ts";
import { actionOf } from "./entry.ts";

export interface Tally {
  readonly name: string;
  /** Accesses: a coalesced row counts as often as it happened. */
  readonly count: number;
}

export interface DeniedAccess {
  readonly action: string;
  readonly resource: string;
  readonly rule: string;
  readonly reason: string;
  readonly count: number;
}

/** A protection that was not in force, as the sessions recorded it. */
export interface CoverageGap {
  readonly protection: string;
  readonly level: string;
  readonly why: string;
  /** Sessions it was so in. */
  readonly sessions: number;
}

export interface ReportedSession {
  readonly session_id: string;
  readonly name: string;
  readonly mode: string;
  readonly command: readonly string[];
  readonly directory: string;
  readonly tag: string | null;
  readonly policy_hash: string;
  /** RFC 3339, UTC. */
  readonly start_time: string;
  /** Null while it runs, or when it was killed. */
  readonly end_time: string | null;
  readonly exit_status: number | null;
  readonly total_actions: number;
  readonly denied_actions: number;
  /** What it did is not part of what is counted above: its entries are not there any more. */
  readonly purged: boolean;
}

export interface ComplianceReport {
  readonly configuration: string;
  /** Events in the ledger. */
  readonly total_entries: number;
  readonly total_sessions: number;
  readonly allow_count: number;
  readonly deny_count: number;
  /** Denied part of all accesses, 0 to 1. */
  readonly deny_rate: number;
  /** By action name, most frequent first, as the two below. */
  readonly entries_by_action: readonly Tally[];
  readonly entries_by_principal: readonly Tally[];
  readonly top_resources: readonly Tally[];
  readonly top_denied: readonly DeniedAccess[];
  readonly policy_changes: number;
  readonly policies: readonly {
    readonly policy_hash: string;
    readonly timestamp: string;
    readonly session_id: string;
    readonly sources: readonly string[];
  }[];
  /** RFC 3339; null in an empty ledger. */
  readonly earliest_entry: string | null;
  readonly latest_entry: string | null;
  readonly integrity_valid: boolean;
  readonly integrity: {
    readonly findings: readonly {
      readonly kind: FindingKind;
      readonly index: number | null;
      readonly message: string;
    }[];
    readonly warnings: readonly string[];
    readonly unclosed_sessions: readonly string[];
    readonly checkpoint: Checkpoint | null;
  };
  readonly coverage_gaps: readonly CoverageGap[];
  /** Oldest first. */
  readonly sessions: readonly ReportedSession[];
}

const topResourcesMax = 10;
const topDeniedMax = 20;

/** What is known beside the events when a report is finished. */
export interface ReportContext {
  /** Name of the configuration, for the title. */
  readonly configuration: string;
  /** In any order. */
  readonly sessions: readonly SessionRecord[];
  /** Newest first. */
  readonly policies: readonly PolicyLoad[];
  readonly integrity: VerifyReport;
}

export interface ReportBuilder {
  add(events: readonly SealedEvent[]): void;
  finish(context: ReportContext): ComplianceReport;
}

/** Reads the whole ledger, page by page, and verifies it. */
export async function collectReport(
  ledger: Ledger,
  configuration: string,
): Promise<ComplianceReport> {
  const integrity = await ledger.verify();
  const builder = createReportBuilder();
  for (let after = -1; ; ) {
    const page = await ledger.eventsAfter(after, ledgerPageSize);
    const last = page.at(-1);
    if (last === undefined) break;
    builder.add(page.map(({ event }) => event));
    after = last.index;
  }
  const everything = Number.MAX_SAFE_INTEGER;
  const sessions = await ledger.sessions({ last: everything });
  const policies = await ledger.policyHistory(everything);
  return builder.finish({ configuration, sessions, policies, integrity });
}

export function createReportBuilder(): ReportBuilder {
  const actions = new Map<string, number>();
  const principals = new Map<string, number>();
  const resources = new Map<string, number>();
  const denied = new Map<string, DeniedAccess>();
  const gaps = new Map<string, CoverageGap>();
  let entries = 0;
  let allowCount = 0;
  let denyCount = 0;
  let earliestMs = Infinity;
  let latestMs = -Infinity;

  function addOne(event: SealedEvent): void {
    entries += 1;
    earliestMs = Math.min(earliestMs, event.ts_unix_ms);
    latestMs = Math.max(latestMs, event.ts_unix_ms);
    if (event.event_type === "COVERAGE") addGaps(gaps, event.payload.coverage);
    const count = accessesOf(event.payload);
    if (count === 0) return;
    const { name, resource } = actionOf(event);
    increase(actions, name, count);
    increase(principals, event.user_id, count);
    if (resource !== undefined) increase(resources, resource, count);
    if (event.payload.decision !== "deny") {
      allowCount += count;
      return;
    }
    denyCount += count;
    addDenied(denied, event, count);
  }

  return {
    add: (events) => events.forEach(addOne),
    finish(context) {
      const accesses = allowCount + denyCount;
      return {
        ...contextFields(context),
        total_entries: entries,
        allow_count: allowCount,
        deny_count: denyCount,
        deny_rate: accesses === 0 ? 0 : denyCount / accesses,
        entries_by_action: ranked(actions),
        entries_by_principal: ranked(principals),
        top_resources: ranked(resources).slice(0, topResourcesMax),
        top_denied: [...denied.values()].sort(byCount).slice(0, topDeniedMax),
        earliest_entry: entries === 0 ? null : isoTime(earliestMs),
        latest_entry: entries === 0 ? null : isoTime(latestMs),
        coverage_gaps: [...gaps.values()],
      };
    },
  };
}

type ContextFields = Pick<
  ComplianceReport,
  | "configuration"
  | "total_sessions"
  | "policy_changes"
  | "policies"
  | "integrity_valid"
  | "integrity"
  | "sessions"
>;

function contextFields(context: ReportContext): ContextFields {
  const { findings, warnings, unclosed, checkpoint, valid } = context.integrity;
  const inOrder = [...context.sessions].sort((a, b) => a.openedUnixMs - b.openedUnixMs);
  return {
    configuration: context.configuration,
    total_sessions: context.sessions.length,
    policy_changes: context.policies.length,
    policies: context.policies.map(({ snapshot, tsUnixMs, session }) => ({
      policy_hash: snapshot.hash,
      timestamp: isoTime(tsUnixMs),
      session_id: session,
      sources: snapshot.sources.map(({ name }) => name),
    })),
    integrity_valid: valid,
    integrity: {
      findings: findings.map(({ kind, index, message }) => ({
        kind,
        index: index ?? null,
        message,
      })),
      warnings,
      unclosed_sessions: unclosed,
      checkpoint: checkpoint ?? null,
    },
    sessions: inOrder.map(reportedSession),
  };
}

function reportedSession(session: SessionRecord): ReportedSession {
  return {
    session_id: session.id,
    name: session.name,
    mode: session.mode,
    command: session.command,
    directory: session.directory,
    tag: session.tag ?? null,
    policy_hash: session.policyHash,
    start_time: isoTime(session.openedUnixMs),
    end_time: session.closedUnixMs === undefined ? null : isoTime(session.closedUnixMs),
    exit_status: session.exitStatus ?? null,
    total_actions: session.accessCount,
    denied_actions: session.deniedCount,
    purged: session.purged === true,
  };
}

function addDenied(denied: Map<string, DeniedAccess>, event: SealedEvent, count: number): void {
  const { name: action, resource = "" } = actionOf(event);
  const rule = textOf(event.payload.rule);
  const key = `${action}\0${resource}\0${rule}`;
  const before = denied.get(key)?.count ?? 0;
  const reason = textOf(event.payload.reason);
  denied.set(key, { action, resource, rule, reason, count: before + count });
}

function addGaps(gaps: Map<string, CoverageGap>, coverage: JsonValue | undefined): void {
  if (!Array.isArray(coverage)) return;
  for (const row of coverage) {
    const level = textOf(row?.level);
    if (level !== "weaker" && level !== "absent") continue;
    const protection = textOf(row?.protection);
    const why = textOf(row?.why);
    const key = `${protection}\0${level}\0${why}`;
    const sessions = (gaps.get(key)?.sessions ?? 0) + 1;
    gaps.set(key, { protection, level, why, sessions });
  }
}

function increase(counts: Map<string, number>, name: string, by: number): void {
  counts.set(name, (counts.get(name) ?? 0) + by);
}

function ranked(counts: ReadonlyMap<string, number>): Tally[] {
  return [...counts].map(([name, count]) => ({ name, count })).sort(byCount);
}

/** Sorting is stable, so equal counts stay in the order they were first seen. */
function byCount(a: { readonly count: number }, b: { readonly count: number }): number {
  return b.count - a.count;
}

function isoTime(unixMs: number): string {
  return new Date(unixMs).toISOString();
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}
