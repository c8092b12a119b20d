// /v1/sessions as data.

import { z } from "zod";
import { sessionTokenTtlMsMax } from "../../control/session-token.ts";
import { answers, json, legacyType, type Operation, refusal, roles } from "./operation.ts";
import {
  anyObject,
  base64Hash,
  count,
  hexHash,
  named,
  sessionId,
  tenantId,
  unixMs,
} from "./schemas.ts";

const params = z.strictObject({ id: sessionId });
const tenant = { tenant_id: tenantId };

const session = named(
  "Session",
  z.strictObject({
    session_id: z.string(),
    user_id: z.string(),
    event_count: count,
    first_ts_unix_ms: unixMs,
    closed: z.boolean(),
    purged: z.literal(true).optional().describe("Its events are not there any more"),
  }),
);

const legacySession = named(
  "LegacySession",
  z.strictObject({
    SessionID: z.string(),
    UserID: z.string(),
    EventCount: count,
    FirstTsUnixMs: unixMs,
    Closed: z.boolean(),
  }),
);

const nextToken = z.string().describe("Empty on the last page");

export const listSessions = {
  id: "listSessions",
  method: "GET",
  path: "/v1/sessions",
  tag: "Sessions",
  summary: "List the sessions of a tenant, newest first",
  roles,
  query: z.strictObject({
    ...tenant,
    limit: z.int().min(1).max(1000).default(100).describe("Sessions in a page"),
    page_token: z.string().optional().describe("`NextToken` of the page before"),
  }),
  answers: {
    200: {
      description: "A page",
      content: answers(
        named("SessionList", z.strictObject({ sessions: z.array(session), NextToken: nextToken })),
        named(
          "LegacySessionList",
          z.strictObject({ Sessions: z.array(legacySession).nullable(), NextToken: nextToken }),
        ),
      ),
    },
  },
  codes: ["session_not_found"],
  examples: [
    {
      name: "the newest one",
      query: { tenant_id: "acme", limit: 1 },
      status: 200,
      answer: {
        sessions: [
          {
            session_id: "sess-002",
            user_id: "",
            event_count: 1,
            first_ts_unix_ms: 1_700_000_000_000,
            closed: false,
          },
        ],
        NextToken: "sess-002",
      },
    },
  ],
} as const satisfies Operation;

const sessionHead = named(
  "SessionHead",
  z.strictObject({
    ...session.shape,
    last_seq: count,
    last_hash: hexHash.describe("What the next event has as `prev_hash`"),
    last_ts_unix_ms: unixMs,
    last_event_type: z.string(),
  }),
);

const legacySessionHead = named(
  "LegacySessionHead",
  z.strictObject({
    ...legacySession.shape,
    LastSeq: count,
    LastHash: base64Hash,
    LastTsUnixMs: unixMs,
    LastEventType: z.string(),
  }),
);

export const getSession = {
  id: "getSession",
  method: "GET",
  path: "/v1/sessions/{id}",
  tag: "Sessions",
  summary: "One session and its last event",
  details: "Whoever seals events goes on from here: the next has `last_seq` + 1 and `last_hash`.",
  roles,
  params,
  query: z.strictObject(tenant),
  answers: {
    200: { description: "The session", content: answers(sessionHead, legacySessionHead) },
  },
  codes: ["session_not_found", "session_purged"],
  examples: [
    {
      name: "where it stands",
      params: { id: "sess-001" },
      query: { tenant_id: "acme" },
      status: 200,
      answer: {
        session_id: "sess-001",
        user_id: "",
        event_count: 2,
        first_ts_unix_ms: 1_700_000_000_000,
        closed: false,
        last_seq: 1,
        last_hash: "4fac94dbe4291e3a1394cda176b4eb0d85b9a586dd28b7cf53fb2dfbeab8fe07",
        last_ts_unix_ms: 1_700_000_001_000,
        last_event_type: "TOOL_RESULT",
      },
    },
    {
      name: "as the reference daemon writes members",
      params: { id: "sess-001" },
      query: { tenant_id: "acme" },
      headers: { Accept: legacyType },
      status: 200,
      type: legacyType,
      answer: {
        SessionID: "sess-001",
        UserID: "",
        EventCount: 2,
        FirstTsUnixMs: 1_700_000_000_000,
        Closed: false,
        LastSeq: 1,
        LastHash: Uint8Array.fromHex(
          "4fac94dbe4291e3a1394cda176b4eb0d85b9a586dd28b7cf53fb2dfbeab8fe07",
        ).toBase64(),
        LastTsUnixMs: 1_700_000_001_000,
        LastEventType: "TOOL_RESULT",
      },
    },
  ],
} as const satisfies Operation;

const snapshot = named(
  "Snapshot",
  z.strictObject({
    tenant_id: z.string(),
    session_id: z.string(),
    last_seq: count,
    steps_consumed: count,
    tool_calls_consumed: count,
    model_calls_consumed: count,
    wall_time_ms: count,
    is_tainted: z.boolean(),
    sanitized_keys: z.array(z.string()),
    loop_violation: z.string(),
    state: anyObject.describe("All of it"),
    snapshot_hash: hexHash.describe("Of the canonical form of `state`"),
  }),
);

const legacySnapshot = named(
  "LegacySnapshot",
  z.strictObject({
    TenantID: z.string(),
    SessionID: z.string(),
    LastSeq: count,
    TsUnixMs: unixMs,
    StateJSON: z.string().describe("Base64 of the state's JSON text"),
    SnapshotHash: base64Hash,
  }),
);

export const getSnapshot = {
  id: "getSnapshot",
  method: "GET",
  path: "/v1/sessions/{id}/snapshot",
  tag: "Sessions",
  summary: "What the events of a session add up to now",
  details: "The flat members are the `snapshot` that POST /v1/policy/decide takes.",
  roles,
  params,
  query: z.strictObject(tenant),
  answers: { 200: { description: "The state", content: answers(snapshot, legacySnapshot) } },
  codes: ["session_not_found", "session_purged"],
  examples: [
    {
      name: "after a tool's result",
      params: { id: "sess-001" },
      query: { tenant_id: "acme" },
      status: 200,
      answer: {
        steps_consumed: 2,
        tool_calls_consumed: 1,
        model_calls_consumed: 0,
        wall_time_ms: 1000,
        is_tainted: true,
        sanitized_keys: [],
        loop_violation: "",
        tenant_id: "acme",
        session_id: "sess-001",
        last_seq: 1,
        state: {
          budgets: {
            steps_consumed: 2,
            tool_calls_consumed: 1,
            model_calls_consumed: 0,
            wall_time_ms: 1000,
            session_start_ms: 1_700_000_000_000,
          },
          last_outcomes: {
            last_tool_call_id: "c1",
            last_tool_name: "read_file",
            last_tool_was_error: false,
          },
          taint_labels: ["tool_output"],
          handoff: { in_handoff: false },
          taint: { active_labels: ["tool_output"] },
        },
        snapshot_hash: "2b8270bca3ed79daadd3f416b8d6f3301fc10e89110096413d71c31868d87773",
      },
    },
    {
      name: "a session nobody knows",
      params: { id: "none" },
      query: { tenant_id: "acme" },
      status: 404,
      answer: refusal("session_not_found", "not found"),
    },
  ],
} as const satisfies Operation;

const volatile = ["token", "expires_unix_ms"];

export const mintToken = {
  id: "mintSessionToken",
  method: "POST",
  path: "/v1/sessions/{id}/token",
  tag: "Sessions",
  summary: "A token with which a box may record into the session",
  details: "For `aegis run --session`. It cannot do anything else.",
  roles,
  isRepeatable: true,
  params,
  body: {
    schema: named(
      "TokenRequest",
      z.strictObject({
        tenant_id: tenantId,
        ttl_ms: z.int().min(1).max(sessionTokenTtlMsMax).optional(),
      }),
    ),
    type: json,
    isReadByHand: false,
  },
  answers: {
    201: {
      description: "The token",
      content: answers(
        named(
          "SessionToken",
          z.strictObject({
            token: z.string(),
            tenant_id: z.string(),
            session_id: z.string(),
            expires_unix_ms: unixMs,
          }),
        ),
      ),
    },
  },
  codes: ["json_invalid", "member_missing", "member_unknown", "type_invalid", "tenant_reserved"],
  examples: [
    {
      name: "for an hour",
      params: { id: "sess-001" },
      body: { tenant_id: "acme", ttl_ms: 3_600_000 },
      status: 201,
      answer: {
        token: "TOKEN",
        tenant_id: "acme",
        session_id: "sess-001",
        expires_unix_ms: 1_700_003_600_000,
      },
      volatile,
    },
  ],
} as const satisfies Operation;

const verdict = named(
  "Verdict",
  z.strictObject({
    valid: z.boolean(),
    first_bad_seq: count.describe("0 when valid"),
    error: z.string(),
  }),
);

const legacyVerdict = named(
  "LegacyVerdict",
  z.strictObject({
    valid: z.boolean(),
    first_bad_seq: count.optional(),
    error: z.string().optional(),
  }),
);

export const verifySession = {
  id: "verifySession",
  method: "GET",
  path: "/v1/sessions/{id}/verify",
  tag: "Sessions",
  summary: "Whether a session is what was recorded",
  details:
    "Every event is hashed anew and held against its columns, the chain and what is kept about the session; the last one, which all others hang on, has to stand in the ledger's tree as it was signed last. A session without events is valid.",
  roles,
  params,
  query: z.strictObject(tenant),
  answers: { 200: { description: "The verdict", content: answers(verdict, legacyVerdict) } },
  codes: ["session_purged"],
  examples: [
    {
      name: "a sound session",
      params: { id: "sess-001" },
      query: { tenant_id: "acme" },
      status: 200,
      answer: { valid: true, first_bad_seq: 0, error: "" },
    },
    {
      name: "as the reference daemon says it",
      params: { id: "sess-001" },
      query: { tenant_id: "acme" },
      headers: { Accept: legacyType },
      status: 200,
      type: legacyType,
      answer: { valid: true },
    },
  ],
} as const satisfies Operation;
