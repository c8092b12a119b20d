import type { JsonValue } from "../transport.ts";
import type { Hash } from "./common.ts";
/** SHA-256 in hex, in base64 or as 32 integers; null or empty for none. */
export type AnyHash = string | readonly number[] | null;
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
export type Stored = {
  readonly seq: number;
  readonly hash: Hash;
};
/** Path and query of `listEvents`. */
export type ListEventsParameters = {
  /** The tenant. */
  readonly tenant_id: string;
  /** Only of this session. */
  readonly session_id?: string;
  /** Only of this type. */
  readonly event_type?: string;
  /** Only with this `tool_name` in the payload. */
  readonly tool_name?: string;
  /** Only with this `outcome` in the payload. */
  readonly policy_outcome?: string;
  /** Not before, in ms since 1970. */
  readonly from_ts?: number;
  /** Not after, in ms since 1970. */
  readonly to_ts?: number;
  /** Events in a page; fewer where they are large. */
  readonly limit?: number;
  /** `NextToken` of the page before; empty for the first. */
  readonly page_token?: string;
};
/** Path and query of `tailEvents`. */
export type TailEventsParameters = {
  /** The tenant. */
  readonly tenant_id: string;
  /** Only of this session. */
  readonly session_id?: string;
  /** Also those stored behind this `index`. */
  readonly after?: number;
};
