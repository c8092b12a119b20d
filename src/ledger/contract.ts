// What the rest of aegis may ask of a ledger. ledger.ts implements it over any store; the stores
// share one contract suite.

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
  /** Nothing is left of its events but their places in the tree. */
  readonly purged?: true;
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

/** All conditions must hold; one that is absent does not restrict. */
export interface EventFilter {
  readonly session?: SessionId;
  readonly type?: string;
  /** Cedar action name, e.g. "FileRead". */
  readonly action?: string;
  readonly decision?: "allow" | "deny";
  /** Agent name. */
  readonly principal?: string;
  /** Part of reason, path, host or command, literally; ASCII letters match in either case. */
  readonly search?: string;
  /** Both ends belong to the range. */
  readonly fromUnixMs?: number;
  readonly toUnixMs?: number;
}

export interface EventPage {
  /** Newest first. */
  readonly events: readonly SealedEvent[];
  readonly total: number;
}

/** A policy as a session loaded it. */
export interface PolicyLoad {
  readonly snapshot: PolicySnapshot;
  readonly tsUnixMs: number;
  readonly session: SessionId;
}

/** One event's place in the tree of a signed checkpoint. */
export interface EventProof {
  readonly index: number;
  /** The event's canonical bytes: the leaf data. */
  readonly body: string;
  readonly checkpoint: Checkpoint;
  /** Leaf to root, base64. */
  readonly hashes: readonly string[];
  /** The C2SP tlog-proof text, checkable without the ledger. */
  readonly receipt: string;
}

/**
 * - `same`: equal trees.
 * - `extends`: the newer tree begins with the older one; `proof` shows it.
 * - `forked`: two histories were signed; the two notes are the evidence.
 * - `unknown`: the ledger does not reach as far as the newer one, or is neither of them.
 */
export interface CheckpointComparison {
  readonly relation: "same" | "extends" | "forked" | "unknown";
  readonly older: Checkpoint;
  readonly newer: Checkpoint;
  /** RFC 9162 consistency proof, base64; empty unless `extends`. */
  readonly proof: readonly string[];
}

/** What a purge takes out: ended sessions all of whose events are older. */
export interface PurgeScope {
  readonly sessionCount: number;
  readonly eventCount: number;
}

export interface PurgeWish {
  /** Events of this moment and later stay. */
  readonly beforeUnixMs: number;
  readonly tsUnixMs: number;
  /** Who asked for it, for the ledger. */
  readonly by: string;
  readonly command: readonly string[];
  readonly directory: string;
}

export interface Purged extends PurgeScope {
  /**
   * The session that says so, and the head with it. Where nothing was purged it dates what clients
   * recorded before; undefined where there was none of that either.
   */
  readonly recorded: { readonly session: SessionId; readonly checkpoint: Checkpoint } | undefined;
}

export interface VerifyReport {
  readonly valid: boolean;
  readonly eventCount: number;
  /** Encrypted ones that nobody opened: their place was checked, what they say was not. */
  readonly unopened: number;
  /** Of `eventCount` those that were purged: their places in the tree were checked. */
  readonly purged: number;
  /** Every finding, in tree order; empty when valid. */
  readonly findings: readonly VerifyFinding[];
  /** Sessions without a close event, not counted as findings. */
  readonly unclosed: readonly SessionId[];
  /** Of sessions that say of themselves that not everything was stored, how much and why. */
  readonly losses: ReadonlyMap<SessionId, Omit<Loss, "tsUnixMs">>;
  /** What could not be checked and why; a valid report with warnings proves less. */
  readonly warnings: readonly string[];
  /** The newest checkpoint whose signature and tree are right. */
  readonly checkpoint: Checkpoint | undefined;
}

/**
 * - `modified`: an event's content is not what was sealed, or its columns say something else.
 * - `chain-broken`: events are missing in the middle, or do not follow each other.
 * - `truncated`: the ledger itself speaks of more events than it has.
 * - `rolled-back`: the head memory outside the ledger has seen more events.
 * - `forked`: another history was signed or remembered for the same size.
 * - `missing-session`: a session is known, its events or their beginning are not there.
 * - `checkpoint-invalid`: a stored checkpoint is not one, or not signed with the ledger's key.
 * - `checkpoint-missing`: a head was signed, its checkpoint is not there.
 * - `derived-mismatch`: sessions, counters, policies or tree nodes are not what the events add up
 * to.
 * - `record-invalid`: a record beside the events is not sealed with the ledger's key, or is none
 * that aegis keeps.
 * - `purge-invalid`: events were taken out and no purge that is signed with the ledger's key says
 * so, or one says so that is not signed.
 * - `schema-changed`: a table, index or guard trigger is missing or different.
 */
export type FindingKind =
  | "modified"
  | "chain-broken"
  | "truncated"
  | "rolled-back"
  | "forked"
  | "missing-session"
  | "checkpoint-invalid"
  | "checkpoint-missing"
  | "derived-mismatch"
  | "record-invalid"
  | "purge-invalid"
  | "schema-changed";

export interface VerifyFinding {
  readonly kind: FindingKind;
  /** Position in the tree, when one event is meant. */
  readonly index: number | undefined;
  readonly message: string;
}

/** Of who records what has been done already: it waits for a lock however long that is held. */
export interface Patience {
  /** Once for each wait that has become long; must not throw. */
  onLongWait(): void;
}

/** What a session did and could not store. */
export interface Loss {
  readonly tsUnixMs: number;
  readonly accesses: number;
  readonly reason: string;
}

/** One session being written. Single writer: appends of one session come from one process. */
export interface SessionWriter {
  readonly id: SessionId;
  /**
   * Seals and stores in one transaction. Durable when it resolves: the events survive power loss.
   * @throws {AegisError} `ledger/unavailable` when the outcome is unknown; the box must then be
   * stopped.
   */
  append(drafts: readonly EventDraft[]): Promise<readonly SealedEvent[]>;
  /**
   * Does ahead what `close` would find nothing to wait for: reads the key and checks the head once.
   * Worth its while when there is time; `close` relies on none of it.
   * @throws {AegisError} as the signing in `close` would
   */
  prepareClose(): Promise<void>;
  /**
   * Writes the last events and SESSION_CLOSED in one transaction, then a signed checkpoint over the
   * whole ledger.
   */
  close(end: {
    readonly last: readonly EventDraft[];
    readonly tsUnixMs: number;
    readonly exitStatus: number;
    readonly summary: EventDraft["payload"];
    /** The events are durable, what is left is the checkpoint; must not throw. */
    readonly onStored?: () => void;
  }): Promise<Checkpoint>;
  /**
   * In place of `close` when events could not be stored: says so where that can be, and leaves the
   * session without an end.
   */
  lose(loss: Loss): Promise<void>;
}

/** A box that records into the session of a client, between that one's own events. */
export interface JoinedSession {
  readonly tenant: string;
  readonly session: string;
  /** Ledger that the right to join was given for. */
  readonly origin: string;
}

export interface Ledger {
  /** @param patience of what the session does once it is open; opening it waits only for a while */
  openSession(
    opening: SessionOpening,
    snapshot: PolicySnapshot,
    tsUnixMs: number,
    patience?: Patience,
  ): Promise<SessionWriter>;
  /**
   * As `openSession`, in a session of the control plane; its `close` ends the box alone.
   * @throws {AegisError} `ledger/conflict` when that session has ended, or the right to join is for
   * another ledger
   */
  joinSession(
    joined: JoinedSession,
    opening: SessionOpening,
    snapshot: PolicySnapshot,
    tsUnixMs: number,
    patience?: Patience,
  ): Promise<SessionWriter>;
  sessions(page: {
    readonly last: number;
    readonly name?: string;
  }): Promise<readonly SessionRecord[]>;
  session(id: SessionId): Promise<SessionRecord | undefined>;
  /** @throws {AegisError} `ledger/not-found` when there is no such session */
  tag(id: SessionId, tag: string, tsUnixMs: number): Promise<void>;
  /** @throws {AegisError} `ledger/purged` when the filter names a session that was */
  events(
    filter: EventFilter,
    page: { readonly limit: number; readonly offset: number },
  ): Promise<EventPage>;
  /**
   * Oldest first from tree index `after + 1`; for export and --follow. Fewer than `limit` where
   * they are large, and then some at least: only an empty page is the end.
   */
  eventsAfter(
    after: number,
    limit: number,
  ): Promise<readonly { readonly index: number; readonly event: SealedEvent }[]>;
  /** Events in the tree, those that were purged among them. */
  size(): Promise<number>;
  /** Tree index of an event. */
  indexOf(session: SessionId, seq: number): Promise<number | undefined>;
  /** Newest first. */
  policyHistory(last: number): Promise<readonly PolicyLoad[]>;
  verify(): Promise<VerifyReport>;
  /** What `purge` would take out. */
  purgeable(beforeUnixMs: number): Promise<PurgeScope>;
  /**
   * Takes the events of ended sessions out, in one transaction with a signed event for each of them
   * that says so; chains, tree, checkpoints and proofs of others stay as they are.
   * @throws {AegisError} `ledger/tampered` where the ledger does not verify: what a purge takes out
   * is no evidence any more; `ledger/conflict` when another key signs the ledger
   */
  purge(wish: PurgeWish): Promise<Purged>;
  /**
   * Signs the tree as it is now, or returns the checkpoint that already covers it.
   * @throws {AegisError} `ledger/tampered` when the ledger is behind, or differs from, what was
   * signed before: two histories are never signed; `ledger/conflict` when another key signs it
   */
  checkpoint(): Promise<Checkpoint>;
  /** Stored checkpoints, newest first. */
  checkpoints(last: number): Promise<readonly Checkpoint[]>;
  /**
   * @throws {AegisError} `ledger/not-found` when there is no event at `index`, `ledger/purged` when
   * it is there no more
   */
  prove(index: number): Promise<EventProof>;
  /**
   * Relates two signed notes of this ledger.
   * @throws {AegisError} `ledger/tampered` when one is not signed with the ledger's key
   */
  compare(a: string, b: string): Promise<CheckpointComparison>;
  /** C2SP verifier key, to be kept where the ledger cannot reach it; made on first use. */
  verifierKey(): Promise<string>;
  close(): Promise<void>;
}
