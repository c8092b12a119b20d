import type { JsonObject, JsonValue } from "./transport.ts";
/** SHA-256 in hex, in base64 or as 32 integers; null or empty for none. */
export type AnyHash = string | readonly number[] | null;
export type Approval = {
  readonly token_hash: Hash;
  readonly tenant_id: string;
  readonly session_id: string;
  readonly tool_name: string;
  /** Name of the key that asked, where keys are used. */
  readonly requested_by?: string;
  readonly orig_args: JsonObject;
  /** Milliseconds since 1970. */
  readonly created_ms: number;
  /** Milliseconds since 1970. */
  readonly expires_ms: number;
  /** `EXPIRED`: nobody decided in time, and nobody can any more. */
  readonly status: "PENDING" | "ALLOWED" | "DENIED" | "EXPIRED";
  /** Milliseconds since 1970. */
  readonly decided_ms?: number;
  readonly decided_by?: string;
  /** What the allowed call is made with. */
  readonly final_args?: JsonObject;
  /** What was edited. */
  readonly diff?: readonly {
    readonly key: string;
    readonly op: "add" | "remove" | "change";
    readonly before?: JsonValue;
    readonly after?: JsonValue;
  }[];
  /** What whoever decided said about it. */
  readonly message?: string;
  /** When the call went on. */
  readonly used_ms?: number;
};
export type ApprovalAsked = {
  /** Told once. For the person who decides, not for the agent's log. */
  readonly token: string;
  readonly token_hash: Hash;
  readonly tenant_id: string;
  readonly session_id: string;
  readonly tool_name: string;
  /** Name of the key that asked, where keys are used. */
  readonly requested_by?: string;
  readonly orig_args: JsonObject;
  /** Milliseconds since 1970. */
  readonly created_ms: number;
  /** Milliseconds since 1970. */
  readonly expires_ms: number;
  /** `EXPIRED`: nobody decided in time, and nobody can any more. */
  readonly status: "PENDING" | "ALLOWED" | "DENIED" | "EXPIRED";
  /** Milliseconds since 1970. */
  readonly decided_ms?: number;
  readonly decided_by?: string;
  /** What the allowed call is made with. */
  readonly final_args?: JsonObject;
  /** What was edited. */
  readonly diff?: readonly {
    readonly key: string;
    readonly op: "add" | "remove" | "change";
    readonly before?: JsonValue;
    readonly after?: JsonValue;
  }[];
  /** What whoever decided said about it. */
  readonly message?: string;
  /** When the call went on. */
  readonly used_ms?: number;
};
export type ApprovalDecision = {
  readonly allow: boolean;
  readonly edited_args?: JsonObject | null;
  readonly message?: string | null;
  /** Who decides, where the server has no keys. */
  readonly approver?: string | null;
};
export type ApprovalList = {
  readonly approvals: readonly Approval[];
};
export type ApprovalRequest = {
  /** The tenant. */
  readonly tenant_id: string;
  /** The session, within its tenant. */
  readonly session_id: string;
  readonly tool_name: string;
  readonly args?: JsonObject | null;
};
export type BatchLine =
  | {
      readonly status: "stored" | "repeated";
      readonly seq: number;
      readonly hash: Hash;
    }
  | {
      readonly status: "refused";
      readonly http_status: number;
      readonly error: string;
      readonly code: string;
      readonly [name: string]: unknown;
    };
/** The session's state as you know it. */
export type CallerSnapshot = {
  readonly steps_consumed?: number;
  readonly tool_calls_consumed?: number;
  readonly model_calls_consumed?: number;
  readonly wall_time_ms?: number;
  /** Null or empty: none. */
  readonly loop_violation?: string | null;
  readonly is_tainted?: boolean;
  readonly sanitized_keys?: readonly string[] | null;
  readonly [name: string]: unknown;
};
export type DecideRequest = {
  readonly event?: ProposedEvent | null;
  readonly snapshot?: CallerSnapshot | null;
  /** Absent: the server's; beside that one where it was verified, else instead of it. */
  readonly manifest?: ManifestInForce | null;
  /** Its live state decides instead of `snapshot`, and the decision is recorded. */
  readonly session?: {
    /** The tenant. */
    readonly tenant_id: string;
    /** The session, within its tenant. */
    readonly session_id: string;
    readonly user_id?: string | null;
  } | null;
};
export type Decision = {
  readonly outcome: "allow" | "deny" | "require_approval";
  /** OK, why not, or a word of your own policy. */
  readonly reason: string;
  /** What an allowed call may cost. */
  readonly constraints: JsonObject;
};
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
/** Every answer that is not what was asked for. */
export type Failure = {
  /** For people. */
  readonly error: string;
  /** For programs. */
  readonly code:
    | "json_invalid"
    | "body_incomplete"
    | "member_missing"
    | "member_unknown"
    | "type_invalid"
    | "hash_invalid"
    | "parameter_missing"
    | "parameter_invalid"
    | "parameter_repeated"
    | "parameter_unknown"
    | "event_invalid"
    | "hash_mismatch"
    | "first_has_prev"
    | "unauthorized"
    | "role_forbidden"
    | "tenant_forbidden"
    | "tenant_keyless"
    | "tenant_reserved"
    | "type_reserved"
    | "approval_own_request"
    | "peer_forbidden"
    | "host_forbidden"
    | "origin_forbidden"
    | "route_not_found"
    | "session_not_found"
    | "approval_not_found"
    | "method_not_allowed"
    | "request_timeout"
    | "chain_conflict"
    | "approval_decided"
    | "approval_expired"
    | "body_too_large"
    | "batch_too_large"
    | "encoding_unsupported"
    | "idempotency_mismatch"
    | "manifest_invalid"
    | "rate_limited"
    | "internal"
    | "ledger_unavailable";
  /** With `chain_conflict`: the seq that would follow. */
  readonly expected_seq?: number;
  /** With `chain_conflict`: the hash that would be before it. */
  readonly expected_prev_hash?: string;
  readonly [name: string]: unknown;
};
/** An event as it is stored. */
export type Event = {
  readonly tenant_id: string;
  readonly user_id: string;
  readonly session_id: string;
  readonly seq: number;
  /** Milliseconds since 1970. */
  readonly ts_unix_ms: number;
  readonly event_type: string;
  readonly payload: JsonValue;
  /** Empty for the first of a session. */
  readonly prev_hash: Hash | "";
  readonly hash: Hash;
  /** Place in the ledger's tree. */
  readonly index: number;
};
/** An event as it is sent. What is absent the server fills in. */
export type EventDraft = {
  /** The tenant. */
  readonly tenant_id: string;
  /** The session, within its tenant. */
  readonly session_id: string;
  readonly user_id?: string | null;
  /** Absent: the next one. */
  readonly seq?: number | null;
  /** 0 or absent: now. */
  readonly ts_unix_ms?: number | null;
  /** Any word; those the server acts on are listed in docs. */
  readonly event_type?: string | null;
  readonly payload?: JsonValue;
  /** Hash of the event before; absent: filled in. */
  readonly prev_hash?: AnyHash;
  /** The sender's own seal, which is checked. */
  readonly hash?: AnyHash;
};
export type EventPage = {
  readonly Events: readonly Event[];
  /** Empty on the last page. */
  readonly NextToken: string;
};
/** SHA-256, in hex. */
export type Hash = string;
export type Health = {
  readonly status: "ok";
};
/** An event as the reference daemon shows it. */
export type LegacyEvent = {
  readonly TenantID: string;
  readonly SessionID: string;
  readonly Seq: number;
  /** Milliseconds since 1970. */
  readonly TsUnixMs: number;
  readonly EventType: string;
  /** Base64 of the payload's JSON text. */
  readonly PayloadJSON: string;
  /** SHA-256, in base64. */
  readonly Hash: string;
  readonly PrevHash: string | null;
};
export type LegacyEventPage = {
  readonly Events: readonly LegacyEvent[] | null;
  readonly NextToken: string;
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
export type ManifestInForce = {
  readonly permissions?: {
    readonly tools?: readonly string[] | null;
    readonly fs?: {
      readonly read_roots?: readonly string[] | null;
      readonly write_roots?: readonly string[] | null;
      readonly [name: string]: unknown;
    } | null;
    readonly net?: {
      readonly domains?: readonly string[] | null;
      readonly [name: string]: unknown;
    } | null;
    readonly secrets?: readonly string[] | null;
    readonly exec?: {
      readonly allowed_bins?: readonly string[] | null;
      readonly arg_patterns?: readonly string[] | null;
      readonly [name: string]: unknown;
    } | null;
    readonly approval_required?: readonly string[] | null;
    readonly budgets?: {
      readonly max_steps?: number;
      readonly max_tool_calls?: number;
      readonly max_wall_time_ms?: number;
      readonly max_model_calls?: number;
      readonly max_output_bytes?: number;
      readonly timeout_ms?: number;
      readonly [name: string]: unknown;
    } | null;
    readonly [name: string]: unknown;
  } | null;
  readonly [name: string]: unknown;
};
export type ManifestVerdict = {
  readonly valid: boolean;
  /** The first problem: `manifest: FIELD: MESSAGE`. */
  readonly error: string;
  /** All of them. */
  readonly problems: readonly string[];
};
export type NotReady = {
  readonly status: "not ready";
  readonly error: string;
};
/** `event_type`, and `payload` with `tool_name` and `args`. */
export type ProposedEvent = {
  readonly event_type?: string | null;
  readonly payload?: {
    readonly tool_name?: string | null;
    /** Of the tool; policies look at `domain` and `bin`. */
    readonly args?: JsonObject | null;
    /** Of the sanitised text that the arguments are made of. */
    readonly sanitizer_key?: string | null;
    readonly [name: string]: unknown;
  } | null;
  readonly [name: string]: unknown;
};
export type ReplayRequest = {
  /** The tenant. */
  readonly tenant_id: string;
  /** `exact`: the state after every event; `live`: every decision, made again. */
  readonly mode?: "exact" | "live";
  /** For `live`; absent: the one the server was started with. */
  readonly manifest?: ManifestInForce;
};
export type ServedManifest = {
  readonly is_given: boolean;
  readonly manifest: JsonObject;
};
export type Session = {
  readonly session_id: string;
  readonly user_id: string;
  readonly event_count: number;
  /** Milliseconds since 1970. */
  readonly first_ts_unix_ms: number;
  readonly closed: boolean;
};
export type SessionHead = {
  readonly session_id: string;
  readonly user_id: string;
  readonly event_count: number;
  /** Milliseconds since 1970. */
  readonly first_ts_unix_ms: number;
  readonly closed: boolean;
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
export type Stored = {
  readonly seq: number;
  readonly hash: Hash;
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
