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
    | "session_purged"
    | "approval_expired"
    | "body_too_large"
    | "batch_too_large"
    | "encoding_unsupported"
    | "idempotency_mismatch"
    | "number_inexact"
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
/** SHA-256, in hex. */
export type Hash = string;
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
