import type { JsonObject } from "../transport.ts";
import type { Hash, ManifestInForce } from "./common.ts";
export type DiffReport = {
  readonly session_id: string;
  readonly mode: "exact" | "live";
  /** Events; a replay ends at 1000 differences. */
  readonly steps_replayed: number;
  readonly diffs: readonly {
    /** The event at which it differs. */
    readonly seq: number;
    readonly field:
      | "snapshot_hash"
      | "policy_decision"
      | "tool_result"
      | "tool_sequence"
      | "termination";
    /** A hash, or canonical JSON; empty: nothing was recorded. */
    readonly recorded: string;
    /** Empty: it could not be replayed. */
    readonly replayed: string;
  }[];
  readonly identical: boolean;
};
export type LegacySession = {
  readonly SessionID: string;
  readonly UserID: string;
  readonly EventCount: number;
  /** Milliseconds since 1970. */
  readonly FirstTsUnixMs: number;
  readonly Closed: boolean;
};
export type LegacySessionHead = {
  readonly SessionID: string;
  readonly UserID: string;
  readonly EventCount: number;
  /** Milliseconds since 1970. */
  readonly FirstTsUnixMs: number;
  readonly Closed: boolean;
  readonly LastSeq: number;
  /** SHA-256, in base64. */
  readonly LastHash: string;
  /** Milliseconds since 1970. */
  readonly LastTsUnixMs: number;
  readonly LastEventType: string;
};
export type LegacySessionList = {
  readonly Sessions: readonly LegacySession[] | null;
  /** Empty on the last page. */
  readonly NextToken: string;
};
export type LegacySnapshot = {
  readonly TenantID: string;
  readonly SessionID: string;
  readonly LastSeq: number;
  /** Milliseconds since 1970. */
  readonly TsUnixMs: number;
  /** Base64 of the state's JSON text. */
  readonly StateJSON: string;
  /** SHA-256, in base64. */
  readonly SnapshotHash: string;
};
export type LegacyVerdict = {
  readonly valid: boolean;
  readonly first_bad_seq?: number;
  readonly error?: string;
};
export type ReplayRequest = {
  /** The tenant. */
  readonly tenant_id: string;
  /** `exact`: the state after every event; `live`: every decision, made again. */
  readonly mode?: "exact" | "live";
  /** For `live`; absent: the one the server was started with. */
  readonly manifest?: ManifestInForce;
};
export type Session = {
  readonly session_id: string;
  readonly user_id: string;
  readonly event_count: number;
  /** Milliseconds since 1970. */
  readonly first_ts_unix_ms: number;
  readonly closed: boolean;
  /** Its events are not there any more. */
  readonly purged?: true;
};
export type SessionHead = {
  readonly session_id: string;
  readonly user_id: string;
  readonly event_count: number;
  /** Milliseconds since 1970. */
  readonly first_ts_unix_ms: number;
  readonly closed: boolean;
  /** Its events are not there any more. */
  readonly purged?: true;
  readonly last_seq: number;
  /** What the next event has as `prev_hash`. */
  readonly last_hash: Hash;
  /** Milliseconds since 1970. */
  readonly last_ts_unix_ms: number;
  readonly last_event_type: string;
};
export type SessionList = {
  readonly sessions: readonly Session[];
  /** Empty on the last page. */
  readonly NextToken: string;
};
export type SessionToken = {
  readonly token: string;
  readonly tenant_id: string;
  readonly session_id: string;
  /** Milliseconds since 1970. */
  readonly expires_unix_ms: number;
};
export type Snapshot = {
  readonly tenant_id: string;
  readonly session_id: string;
  readonly last_seq: number;
  readonly steps_consumed: number;
  readonly tool_calls_consumed: number;
  readonly model_calls_consumed: number;
  readonly wall_time_ms: number;
  readonly is_tainted: boolean;
  readonly sanitized_keys: readonly string[];
  readonly loop_violation: string;
  /** All of it. */
  readonly state: JsonObject;
  /** Of the canonical form of `state`. */
  readonly snapshot_hash: Hash;
};
export type TokenRequest = {
  /** The tenant. */
  readonly tenant_id: string;
  readonly ttl_ms?: number;
};
export type Verdict = {
  readonly valid: boolean;
  /** 0 when valid. */
  readonly first_bad_seq: number;
  readonly error: string;
};
/** Path and query of `listSessions`. */
export type ListSessionsParameters = {
  /** The tenant. */
  readonly tenant_id: string;
  /** Sessions in a page. */
  readonly limit?: number;
  /** `NextToken` of the page before. */
  readonly page_token?: string;
};
/** Path and query of `getSession`. */
export type GetSessionParameters = {
  /** The session, within its tenant. */
  readonly id: string;
  /** The tenant. */
  readonly tenant_id: string;
};
/** Path and query of `getSnapshot`. */
export type GetSnapshotParameters = {
  /** The session, within its tenant. */
  readonly id: string;
  /** The tenant. */
  readonly tenant_id: string;
};
/** Path and query of `verifySession`. */
export type VerifySessionParameters = {
  /** The session, within its tenant. */
  readonly id: string;
  /** The tenant. */
  readonly tenant_id: string;
};
/** Path and query of `getReplay`. */
export type GetReplayParameters = {
  /** The session, within its tenant. */
  readonly id: string;
  /** The tenant. */
  readonly tenant_id: string;
  /** `exact`: the state after every event; `live`: every decision, made again. */
  readonly mode?: "exact" | "live";
};
/** Path and query of `postReplay`. */
export type PostReplayParameters = {
  /** The session, within its tenant. */
  readonly id: string;
};
/** Path and query of `mintSessionToken`. */
export type MintSessionTokenParameters = {
  /** The session, within its tenant. */
  readonly id: string;
};
