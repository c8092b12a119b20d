// What the rest of aegis may ask of a ledger. ledger.ts implements it over any store; the stores share one contract suite.

import type { SessionId } from "../base/ids.ts";
import type { EventDraft, SealedEvent, SessionOpening } from "../model/event.ts";
import type { PolicySnapshot } from "../model/policy-snapshot.ts";

export interface SessionRecord {
  readonly id: SessionId;
  readonly name: string;
  readonly mode: string;
  readonly command: readonly string[];
  readonly directory: string;
  readonly policyHash: string;
  readonly tag: string | undefined;
  readonly openedUnixMs: number;
  /** Undefined while it runs, or when it was killed: never a valid complete session. */
  readonly closedUnixMs: number | undefined;
  readonly exitStatus: number | undefined;
  /** Accesses, not rows: a coalesced row counts `count` times. */
  readonly accessCount: number;
  readonly deniedCount: number;
}

/** A C2SP signed checkpoint and the tree it speaks of. */
export interface Checkpoint {
  readonly origin: string;
  readonly size: number;
  /** SHA-256 root, base64. */
  readonly root: string;
  /** The signed note, ready to be stored or sent. */
  readonly note: string;
}

export interface EventFilter {
  readonly session?: SessionId;
  readonly type?: string;
  readonly action?: string;
  readonly decision?: "allow" | "deny";
  readonly principal?: string;
  /** Substring of reason, path or command, matched literally. */
  readonly search?: string;
  readonly fromUnixMs?: number;
  readonly toUnixMs?: number;
}

export interface EventPage {
  /** Newest first. */
  readonly events: readonly SealedEvent[];
  readonly total: number;
}

export interface VerifyReport {
  readonly valid: boolean;
  readonly eventCount: number;
  /** Every finding, in tree order; empty when valid. */
  readonly findings: readonly VerifyFinding[];
  /** Sessions without a close event, not counted as findings. */
  readonly unclosed: readonly SessionId[];
  readonly checkpoint: Checkpoint | undefined;
}

export interface VerifyFinding {
  readonly kind:
    | "modified"
    | "chain-broken"
    | "truncated"
    | "rolled-back"
    | "forked"
    | "missing-session"
    | "checkpoint-invalid"
    | "derived-mismatch";
  /** Position in the tree, when one event is meant. */
  readonly index: number | undefined;
  readonly message: string;
}

/** One session being written. Single writer: appends of one session come from one process. */
export interface SessionWriter {
  readonly id: SessionId;
  /**
   * Seals and stores in one transaction. Durable when it resolves: the events survive power loss.
   * @throws {AegisError} `ledger/unavailable` when the outcome is unknown; the box must then be stopped.
   */
  append(drafts: readonly EventDraft[]): Promise<readonly SealedEvent[]>;
  /** Writes SESSION_CLOSED and a signed checkpoint over the whole ledger. */
  close(end: {
    readonly tsUnixMs: number;
    readonly exitStatus: number;
    readonly summary: EventDraft["payload"];
  }): Promise<Checkpoint>;
}

export interface Ledger {
  openSession(
    opening: SessionOpening,
    snapshot: PolicySnapshot,
    tsUnixMs: number,
  ): Promise<SessionWriter>;
  sessions(page: {
    readonly last: number;
    readonly name?: string;
  }): Promise<readonly SessionRecord[]>;
  session(id: SessionId): Promise<SessionRecord | undefined>;
  tag(id: SessionId, tag: string, tsUnixMs: number): Promise<void>;
  events(
    filter: EventFilter,
    page: { readonly limit: number; readonly offset: number },
  ): Promise<EventPage>;
  /** Oldest first from tree index `after + 1`; for export and --follow. */
  eventsAfter(
    after: number,
    limit: number,
  ): Promise<readonly { readonly index: number; readonly event: SealedEvent }[]>;
  policyHistory(
    last: number,
  ): Promise<
    readonly {
      readonly snapshot: PolicySnapshot;
      readonly tsUnixMs: number;
      readonly session: SessionId;
    }[]
  >;
  verify(): Promise<VerifyReport>;
  checkpoint(): Promise<Checkpoint>;
  close(): Promise<void>;
}
