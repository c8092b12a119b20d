// What a ledger needs from whatever keeps its rows. Memory, SQLite and PostgreSQL implement it and
// share one contract suite. A store computes nothing: hashes, counters and tree nodes are handed to
// it.

import type { SessionId } from "../base/ids.ts";
import type { PolicySnapshot } from "../model/policy-snapshot.ts";
import type { EventFilter, Patience, PolicyLoad } from "./contract.ts";
import type { LogRecord } from "./control/contract.ts";
import type { SessionState } from "./session-state.ts";
import type { Hash, NodePlace, TreeHead, TreeNode } from "./tree/merkle.ts";

/** The columns beside an event's bytes; verify checks that they say the same. */
export interface EventColumns {
  readonly index: number;
  readonly session: SessionId;
  readonly seq: number;
  readonly tsUnixMs: number;
  readonly type: string;
  readonly decision: "allow" | "deny" | undefined;
  readonly leaf: Hash;
}

export interface NewEvent extends EventColumns {
  /** Canonical form without `hash`. */
  readonly body: string;
}

export interface StoredEvent extends Omit<EventColumns, "decision"> {
  /** `garbled`: a value that nobody writes. */
  readonly decision: EventColumns["decision"] | "garbled";
  /** The bytes as they are stored, whatever they are. */
  readonly body: Uint8Array;
  /** What is stored, and what the leaf is the hash of, where `body` was decrypted from it. */
  readonly storedBody?: Uint8Array;
  /** It is encrypted with a key that is here, and that key does not open it in this place. */
  readonly isMisplaced?: true;
}

/** What is left of an event that was purged: its place in the tree. */
export type PurgedEvent = Pick<EventColumns, "index" | "session" | "leaf">;

/** What an event's stored text is bound to. */
export type EventPlace = Pick<EventColumns, "session" | "seq" | "tsUnixMs" | "type">;

/** Everything one transaction adds; all of it or nothing. */
export interface Addition {
  /** In tree order, following the head. */
  readonly events: readonly NewEvent[];
  readonly head: TreeHead;
  /** Subtrees of at least 2^`storedLevelMin` leaves that became complete. */
  readonly nodes: readonly TreeNode[];
  readonly session: SessionState;
  readonly policyLoad: PolicyLoadRow | undefined;
  /** Each takes the place of one with the same kind and key. */
  readonly records?: readonly LogRecord[];
  readonly purge?: Purge;
}

/** What a transaction takes out once it has added its events. */
export interface Purge {
  /** As their rows are afterwards; of all their events only the places in the tree are left. */
  readonly sessions: readonly SessionState[];
  readonly records: readonly Pick<LogRecord, "kind" | "key">[];
}

export interface PolicyLoadRow {
  /** Tree index of the `POLICY_LOADED` event. */
  readonly index: number;
  readonly session: SessionId;
  readonly tsUnixMs: number;
  readonly snapshot: PolicySnapshot;
}

/** What an addition is built from, read inside its transaction. */
export interface AppendBase {
  readonly head: TreeHead;
  readonly session: SessionState | undefined;
}

/** What additions to many sessions will look at; anything else reads as absent. */
export interface AppendNeeds {
  readonly sessions: readonly SessionId[];
  readonly events: readonly { readonly session: SessionId; readonly seq: number }[];
  readonly records: readonly { readonly kind: string; readonly key: string }[];
}

/** The same for additions to any sessions; what one of them adds, the next one does not see. */
export interface ManyBase {
  readonly head: TreeHead;
  session(id: SessionId): SessionState | undefined;
  event(id: SessionId, seq: number): StoredEvent | undefined;
  record(kind: string, key: string): LogRecord | undefined;
}

/** Events of one session, or of all whose keys begin with a prefix. */
export interface ChainQuery {
  readonly session?: SessionId;
  readonly prefix?: string;
  readonly type?: string | undefined;
  readonly fromUnixMs?: number | undefined;
  readonly toUnixMs?: number | undefined;
  /** Tree index behind which to begin. */
  readonly after: number;
  readonly limit: number;
}

export interface ChainPage {
  readonly events: readonly StoredEvent[];
  /** Tree index behind which to go on; undefined: nothing followed when this was read. */
  readonly next: number | undefined;
}

/** Nodes below are computed from at most 2^8 leaves when a proof needs them. */
export const storedLevelMin = 8;

export interface StoredCheckpoint {
  readonly size: number;
  readonly note: string;
}

export interface Store {
  /** Part of every checkpoint; fixed when the store was made. */
  readonly origin: string;
  /**
   * The text to store for an event, which its leaf is made over; undefined where there is no key
   * for its tenant. Absent: the event's own.
   */
  readonly encode?: (place: EventPlace, body: string) => string | undefined;
  /**
   * Runs `build` alone among all writers of all processes and stores what it returns; where it has
   * to begin anew it runs `build` again. Durable when it resolves. An error of `build` leaves
   * everything as it was.
   * @throws {AegisError} `ledger/unavailable` when the outcome is unknown; every later append on
   * this handle then throws as well, unless the store can find out
   * @param patience another process may hold the lock for as long as it likes; default: only for a
   * while. A store on a server has its own bounds instead.
   */
  append(
    session: SessionId,
    build: (base: AppendBase) => Addition,
    patience?: Patience,
  ): Promise<void>;
  /**
   * As `append`, for several additions in one transaction; they follow each other in the tree.
   * @param onCommitted the next may be begun, which this one comes before whatever happens; it is
   * not durable yet, and nobody may be told of it. Stores that make both at once never call it.
   */
  appendMany(
    needs: () => AppendNeeds,
    build: (base: ManyBase) => readonly Addition[],
    onCommitted?: () => void,
  ): Promise<void>;
  /** Durable when it resolves; the same size again is no change. */
  addCheckpoint(checkpoint: StoredCheckpoint, patience?: Patience): Promise<void>;
  head(): Promise<TreeHead>;
  sessions(page: {
    readonly last: number;
    readonly name?: string;
  }): Promise<readonly SessionState[]>;
  session(id: SessionId): Promise<SessionState | undefined>;
  /** Newest first; `search` of the filter included. */
  events(
    filter: EventFilter,
    page: { readonly limit: number; readonly offset: number },
  ): Promise<{ readonly events: readonly StoredEvent[]; readonly total: number }>;
  /** In tree order from `first`. Fewer than `limit` where they are large, then some at least. */
  eventsFrom(first: number, limit: number): Promise<readonly StoredEvent[]>;
  indexOf(session: SessionId, seq: number): Promise<number | undefined>;
  /**
   * In tree order. One page is the answer to a bounded look: where a type or times are asked for,
   * or a prefix, it may have fewer events than `limit`, or none, though more follow; and fewer
   * where they are large.
   */
  chain(query: ChainQuery): Promise<ChainPage>;
  event(session: SessionId, seq: number): Promise<StoredEvent | undefined>;
  /**
   * Newest first: sessions whose keys begin with `prefix`.
   * @param before a session: only those that are older
   */
  sessionsUnder(prefix: string, last: number, before?: SessionId): Promise<readonly SessionState[]>;
  record(kind: string, key: string): Promise<LogRecord | undefined>;
  /**
   * In the order of their keys.
   * @param after only those behind it
   */
  records(
    kind: string,
    prefix: string,
    limit: number,
    after?: string,
  ): Promise<readonly LogRecord[]>;
  /**
   * Durable when it resolves; `later`: at the latest with whatever is stored next.
   * @returns false, and changes nothing, where something else than `expected` is stored
   */
  putRecord(
    record: LogRecord,
    expected: string | undefined,
    durability?: "now" | "later",
  ): Promise<boolean>;
  /**
   * Durable at the latest with whatever is stored next.
   * @returns false, and changes nothing, where another text is stored
   */
  removeRecord(record: LogRecord): Promise<boolean>;
  /** Newest first. */
  policyLoads(last: number): Promise<readonly PolicyLoad[]>;
  /** Newest first. */
  checkpoints(last: number): Promise<readonly StoredCheckpoint[]>;
  /** Hash of each complete subtree, in the order asked for. */
  nodes(places: readonly NodePlace[]): Promise<readonly Hash[]>;
  /**
   * What was purged is gone from the store's own files as well when it resolves. A store on a
   * server leaves that to the server.
   * @throws {AegisError} `ledger/unavailable` while others are reading it
   */
  scrub(): Promise<void>;
  /** Everything as it is now, undisturbed by later appends; to be closed. */
  snapshot(): Promise<Snapshot>;
  close(): Promise<void>;
}

/** One consistent view of everything there is, for verify, which trusts nothing in it. */
export interface Snapshot {
  readonly origin: string;
  head(): TreeHead;
  /** Fewer than `limit` where they are large, and then some at least. */
  eventsFrom(
    first: number,
    limit: number,
  ): readonly StoredEvent[] | Promise<readonly StoredEvent[]>;
  /** Those that were purged, in tree order from `first`. */
  purgedFrom(
    first: number,
    limit: number,
  ): readonly PurgedEvent[] | Promise<readonly PurgedEvent[]>;
  sessions(): readonly SessionState[];
  policyLoads(): readonly PolicyLoadRow[];
  /** Policies by hash, also those no event speaks of. */
  policies(): readonly PolicySnapshot[];
  nodes(): readonly TreeNode[];
  /** Smallest first. */
  checkpoints(): readonly StoredCheckpoint[];
  /**
   * As they are stored, by kind and key.
   * @param after one that was read here: only those behind it
   */
  recordsFrom(
    after: LogRecord | undefined,
    limit: number,
  ): readonly LogRecord[] | Promise<readonly LogRecord[]>;
  /**
   * A record, without its seal, as it was before it was encrypted; undefined where no key opens it.
   * Absent: there are no keys.
   */
  readonly openRecord?: (record: LogRecord) => LogRecord | undefined;
  /** Tables, indexes and triggers that are not as they were made, one sentence each. */
  schemaProblems(): readonly string[];
  close(): void | Promise<void>;
}
