import type {
  Approval,
  ApprovalAsked,
  ApprovalDecision,
  ApprovalList,
  ApprovalRequest,
  DecideApprovalParameters,
  GetApprovalParameters,
  ListApprovalsParameters,
} from "./schemas/approvals.ts";
import type {
  BatchLine,
  Event,
  EventDraft,
  EventPage,
  ListEventsParameters,
  Stored,
  TailEventsParameters,
} from "./schemas/events.ts";
import type { ManifestVerdict, ServedManifest } from "./schemas/manifests.ts";
import type { DecideRequest, Decision } from "./schemas/policy.ts";
import type { Health } from "./schemas/service.ts";
import type {
  DiffReport,
  GetReplayParameters,
  GetSessionParameters,
  GetSnapshotParameters,
  ListSessionsParameters,
  MintSessionTokenParameters,
  PostReplayParameters,
  ReplayRequest,
  SessionHead,
  SessionList,
  SessionToken,
  Snapshot,
  TokenRequest,
  Verdict,
  VerifySessionParameters,
} from "./schemas/sessions.ts";
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
  listEvents(parameters: ListEventsParameters, options?: CallOptions): Promise<EventPage>;
  /** Store many events. */
  postEvents(body: readonly EventDraft[], options?: KeyedOptions): Promise<readonly BatchLine[]>;
  /** Follow events as they are stored. */
  tailEvents(
    parameters: TailEventsParameters,
    options?: CallOptions,
  ): AsyncGenerator<Event, void, void>;
  /** List the sessions of a tenant, newest first. */
  listSessions(parameters: ListSessionsParameters, options?: CallOptions): Promise<SessionList>;
  /** One session and its last event. */
  getSession(parameters: GetSessionParameters, options?: CallOptions): Promise<SessionHead>;
  /** What the events of a session add up to now. */
  getSnapshot(parameters: GetSnapshotParameters, options?: CallOptions): Promise<Snapshot>;
  /** Whether a session is what was recorded. */
  verifySession(parameters: VerifySessionParameters, options?: CallOptions): Promise<Verdict>;
  /** Replay a session and list what differs. */
  getReplay(parameters: GetReplayParameters, options?: CallOptions): Promise<DiffReport>;
  /** Replay a session, also by another manifest. */
  postReplay(
    parameters: PostReplayParameters,
    body: ReplayRequest,
    options?: CallOptions,
  ): Promise<DiffReport>;
  /** A token with which a box may record into the session. */
  mintSessionToken(
    parameters: MintSessionTokenParameters,
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
  listApprovals(parameters: ListApprovalsParameters, options?: CallOptions): Promise<ApprovalList>;
  /** How it stands with one. */
  getApproval(parameters: GetApprovalParameters, options?: CallOptions): Promise<Approval>;
  /** Decide, once. */
  decideApproval(
    parameters: DecideApprovalParameters,
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
