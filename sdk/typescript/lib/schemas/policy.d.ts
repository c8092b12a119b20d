import type { JsonObject } from "../transport.ts";
import type { ManifestInForce } from "./common.ts";
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
