import type {
  Approval,
  ApprovalAsked,
  ApprovalDecision,
  ApprovalList,
  ApprovalRequest,
  BatchLine,
  DecideRequest,
  Decision,
  DiffReport,
  Event,
  EventDraft,
  EventPage,
  Health,
  ManifestVerdict,
  ReplayRequest,
  ServedManifest,
  SessionHead,
  SessionList,
  SessionToken,
  Snapshot,
  Stored,
  TokenRequest,
  Verdict,
} from "./schemas.ts";
import {
  type CallOptions,
  type ClientOptions,
  type JsonObject,
  type KeyedOptions,
} from "./transport.ts";
/** A control plane. Refused calls throw `AegisError` (transport.ts) with a stable `code`. */
export declare class AegisClient {
  #private;
  constructor(options?: ClientOptions);
  /** Store one event. */
  postEvent(body: EventDraft, options?: KeyedOptions): Promise<Stored>;
  /** List events, oldest first. */
  listEvents(
    parameters: {
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
      /** Events in a page. */
      readonly limit?: number;
      /** `NextToken` of the page before; empty for the first. */
      readonly page_token?: string;
    },
    options?: CallOptions,
  ): Promise<EventPage>;
  /** Store many events. */
  postEvents(body: readonly EventDraft[], options?: KeyedOptions): Promise<readonly BatchLine[]>;
  /** Follow events as they are stored. */
  tailEvents(
    parameters: {
      /** The tenant. */
      readonly tenant_id: string;
      /** Only of this session. */
      readonly session_id?: string;
      /** Also those stored behind this `index`. */
      readonly after?: number;
    },
    options?: CallOptions,
  ): AsyncGenerator<Event, void, void>;
  /** List the sessions of a tenant, newest first. */
  listSessions(
    parameters: {
      /** The tenant. */
      readonly tenant_id: string;
      /** Sessions in a page. */
      readonly limit?: number;
      /** `NextToken` of the page before. */
      readonly page_token?: string;
    },
    options?: CallOptions,
  ): Promise<SessionList>;
  /** One session and its last event. */
  getSession(
    parameters: {
      /** The session, within its tenant. */
      readonly id: string;
      /** The tenant. */
      readonly tenant_id: string;
    },
    options?: CallOptions,
  ): Promise<SessionHead>;
  /** What the events of a session add up to now. */
  getSnapshot(
    parameters: {
      /** The session, within its tenant. */
      readonly id: string;
      /** The tenant. */
      readonly tenant_id: string;
    },
    options?: CallOptions,
  ): Promise<Snapshot>;
  /** Whether a session is what was recorded. */
  verifySession(
    parameters: {
      /** The session, within its tenant. */
      readonly id: string;
      /** The tenant. */
      readonly tenant_id: string;
    },
    options?: CallOptions,
  ): Promise<Verdict>;
  /** Replay a session and list what differs. */
  getReplay(
    parameters: {
      /** The session, within its tenant. */
      readonly id: string;
      /** The tenant. */
      readonly tenant_id: string;
      /** `exact`: the state after every event; `live`: every decision, made again. */
      readonly mode?: "exact" | "live";
    },
    options?: CallOptions,
  ): Promise<DiffReport>;
  /** Replay a session, also by another manifest. */
  postReplay(
    parameters: {
      /** The session, within its tenant. */
      readonly id: string;
    },
    body: ReplayRequest,
    options?: CallOptions,
  ): Promise<DiffReport>;
  /** A token with which a box may record into the session. */
  mintSessionToken(
    parameters: {
      /** The session, within its tenant. */
      readonly id: string;
    },
    body: TokenRequest,
    options?: CallOptions,
  ): Promise<SessionToken>;
  /** Decide about a tool call. */
  decide(body: DecideRequest, options?: KeyedOptions): Promise<Decision>;
  /** The manifest that decides where a request has none. */
  getManifest(options?: CallOptions): Promise<ServedManifest>;
  /** Whether a manifest is valid. */
  validateManifest(body: JsonObject, options?: CallOptions): Promise<ManifestVerdict>;
  /** A manifest with everything that it leaves out. */
  showManifest(body: JsonObject, options?: CallOptions): Promise<JsonObject>;
  /** Ask for a person. */
  askApproval(body: ApprovalRequest, options?: CallOptions): Promise<ApprovalAsked>;
  /** List what waits. */
  listApprovals(
    parameters: {
      /** The tenant. */
      readonly tenant_id: string;
      readonly limit?: number;
    },
    options?: CallOptions,
  ): Promise<ApprovalList>;
  /** How it stands with one. */
  getApproval(
    parameters: {
      /** The token, or its `token_hash` from the list. Whoever has it may see the request. */
      readonly token: string;
      /** The tenant. Absent: the token alone is looked for. */
      readonly tenant_id?: string;
    },
    options?: CallOptions,
  ): Promise<Approval>;
  /** Decide, once. */
  decideApproval(
    parameters: {
      /** The token, or its `token_hash` from the list. Whoever has it may see the request. */
      readonly token: string;
      /** The tenant. Absent: the token alone is looked for. */
      readonly tenant_id?: string;
    },
    body: ApprovalDecision,
    options?: CallOptions,
  ): Promise<Approval>;
  /** Whether the process answers. */
  health(options?: CallOptions): Promise<Health>;
  /** Whether the ledger answers as well. */
  ready(options?: CallOptions): Promise<Health>;
  /** This document. */
  openApi(options?: CallOptions): Promise<JsonObject>;
}
