// What the control plane may ask of a ledger: events that clients sealed themselves, or leave to be
// sealed, and small records beside them. log.ts implements it over any store.

import type { JsonTree } from "../../base/json-text.ts";
import type { SpelledJson } from "../../base/spelled-json.ts";
import type { JsonValue } from "../../model/event.ts";

/** An event as a client sends it. What is absent the log fills in. */
export interface AppendRequest {
  readonly tenant: string;
  readonly user: string;
  readonly session: string;
  readonly type: string;
  /** As it was spelled: hashing may depend on that. */
  readonly payload: JsonTree | SpelledJson;
  readonly tsUnixMs: number;
  /** The sender gave none: sent again, the same event has another. */
  readonly isTimeFilledIn?: boolean | undefined;
  /** Absent: the next one. */
  readonly seq?: number | undefined;
  /** Hash of the event before it; absent: the log's own, when `hash` is absent as well. */
  readonly prevHash?: Uint8Array | undefined;
  /** The client's own seal, to be checked. */
  readonly hash?: Uint8Array | undefined;
  /** Sent again with the same key, the event is stored once. */
  readonly idempotencyKey?: string | undefined;
  /**
   * What was asked, where the event records the answer: the key stands for this text then, and not
   * for the event, and an equal event that is there already is another answer's. Absent: the event
   * itself.
   */
  readonly answers?: string | undefined;
  /** Put where `expected` is, together with the event: both are stored or neither. */
  readonly change?: RecordChange | undefined;
}

export interface RecordChange {
  readonly record: LogRecord;
  /** A text of JSON, or undefined for nothing. */
  readonly expected: string | undefined;
}

export type AppendRefusalCode =
  | "chain_conflict"
  | "hash_mismatch"
  | "first_has_prev"
  | "idempotency_mismatch"
  /** Of `change`: something else is there than was expected. */
  | "record_changed"
  | "tenant_reserved"
  /** What clients record is to be encrypted, and there is no key for this one. */
  | "tenant_keyless"
  | "type_reserved"
  /** The session has ended, and its events were purged: nothing can follow them. */
  | "session_purged"
  | "event_invalid";

export type AppendOutcome =
  | {
      /** `repeated`: the very same event was there already. */
      readonly kind: "stored" | "repeated";
      readonly seq: number;
      /** Hex. */
      readonly hash: string;
      /** Position in the ledger's tree. */
      readonly index: number;
    }
  | {
      readonly kind: "refused";
      readonly code: AppendRefusalCode;
      readonly message: string;
      readonly expectedSeq: number;
      /** Hex; empty where the session has no events. */
      readonly expectedPrevHash: string;
    };

/** An event as it is read; hashes in hex, `prevHash` empty for the first of a session. */
export interface LoggedEvent {
  readonly tenant: string;
  readonly user: string;
  readonly session: string;
  readonly seq: number;
  readonly tsUnixMs: number;
  readonly type: string;
  readonly payload: JsonValue;
  /** For `JSON.stringify` alone: prints its numbers as they were hashed. Absent: `payload` does. */
  readonly printable?: JsonValue;
  /** As it was hashed, where a number in it is none that a double holds. Absent: `payload` is. */
  readonly spelled?: JsonTree | undefined;
  readonly prevHash: string;
  readonly hash: string;
  readonly index: number;
}

/** One that was just stored, as far as anybody is told of it at once. */
export type NewLoggedEvent = Omit<LoggedEvent, "printable" | "prevHash">;

export interface EventQuery {
  readonly tenant: string;
  readonly session?: string | undefined;
  readonly type?: string | undefined;
  /** `tool_name` of the payload. */
  readonly toolName?: string | undefined;
  /** `outcome` of the payload, in any case. */
  readonly outcome?: string | undefined;
  readonly fromUnixMs?: number | undefined;
  readonly toUnixMs?: number | undefined;
  /** Tree index behind which to go on; oldest first. */
  readonly after?: number | undefined;
  readonly limit: number;
  /** Aborted when nobody waits for the answer any more; it then has what was found by then. */
  readonly signal?: AbortSignal | undefined;
}

export interface EventPage {
  readonly events: readonly LoggedEvent[];
  readonly next: number | undefined;
}

export interface LoggedSession {
  readonly tenant: string;
  readonly session: string;
  readonly user: string;
  readonly eventCount: number;
  readonly firstTsUnixMs: number;
  readonly closed: boolean;
  /** Nothing is left of its events but their places in the tree. */
  readonly purged: boolean;
}

export interface SessionVerdict {
  readonly valid: boolean;
  /** 0 when valid. */
  readonly firstBadSeq: number;
  readonly error: string;
}

/** A small value beside the events; the newest one of a key counts. */
export interface LogRecord {
  readonly kind: string;
  readonly key: string;
  readonly json: string;
}

export interface ControlLog {
  /**
   * Each on its own, in order; those that wait at the same time share one transaction. Durable when
   * it resolves.
   * @throws {AegisError} `ledger/unavailable` when nobody knows whether they were stored
   */
  append(requests: readonly AppendRequest[]): Promise<readonly AppendOutcome[]>;
  /**
   * Oldest first, in tree order; within one session that is by `seq`. Fewer than `limit` where they
   * are large, and then some at least.
   */
  events(query: EventQuery): Promise<readonly LoggedEvent[]>;
  /** The same, and behind which tree index more may follow; undefined: nothing did. */
  page(query: EventQuery): Promise<EventPage>;
  event(tenant: string, session: string, seq: number): Promise<LoggedEvent | undefined>;
  /** Newest first; those that began before the session `before`, where one is given. */
  sessions(tenant: string, last: number, before?: string): Promise<readonly LoggedSession[]>;
  session(tenant: string, session: string): Promise<LoggedSession | undefined>;
  /** Content against hashes, the chain, and the columns. A session without events is valid. */
  verify(tenant: string, session: string): Promise<SessionVerdict>;
  /** The event behind `index` on, of all tenants; for live tails. Fewer where they are large. */
  after(index: number, limit: number): Promise<readonly LoggedEvent[]>;
  /** Number of events in the ledger. */
  size(): Promise<number>;
  record(kind: string, key: string): Promise<LogRecord | undefined>;
  /**
   * Those of a kind whose keys begin with `prefix`, by key.
   * @param after only those behind it
   */
  records(
    kind: string,
    prefix: string,
    limit: number,
    after?: string,
  ): Promise<readonly LogRecord[]>;
  /**
   * Stores it when what is there is `expected`, a text of JSON or undefined for nothing. Durable
   * when it resolves; `later`: at the latest with whatever is stored next, which is enough for what
   * follows from the events.
   * @returns whether it did
   */
  putRecord(
    record: LogRecord,
    expected: string | undefined,
    durability?: "now" | "later",
  ): Promise<boolean>;
  /** @returns whether it was there, with this text, and is no more */
  removeRecord(record: LogRecord): Promise<boolean>;
  /** Runs once for each stored event, after it is durable and before `append` resolves. */
  onStored(listener: (event: NewLoggedEvent) => void): () => void;
}
