import type { JsonObject, JsonValue } from "../transport.ts";
import type { Hash } from "./common.ts";
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
  /** Empty on the last page. */
  readonly NextToken: string;
};
export type ApprovalRequest = {
  /** The tenant. */
  readonly tenant_id: string;
  /** The session, within its tenant. */
  readonly session_id: string;
  readonly tool_name: string;
  readonly args?: JsonObject | null;
};
/** Path and query of `listApprovals`. */
export type ListApprovalsParameters = {
  /** The tenant. */
  readonly tenant_id: string;
  /** Requests in a page; fewer where they are large. */
  readonly limit?: number;
  /** `NextToken` of the page before. */
  readonly page_token?: string;
};
/** Path and query of `getApproval`. */
export type GetApprovalParameters = {
  /** The token, or its `token_hash` from the list. Whoever has it may see the request. */
  readonly token: string;
  /** The tenant. Absent: the token alone is looked for. */
  readonly tenant_id?: string;
};
/** Path and query of `decideApproval`. */
export type DecideApprovalParameters = {
  /** The token, or its `token_hash` from the list. Whoever has it may see the request. */
  readonly token: string;
  /** The tenant. Absent: the token alone is looked for. */
  readonly tenant_id?: string;
};
