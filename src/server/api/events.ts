// /v1/events as data.

import { z } from "zod";
import {
  answers,
  eventStream,
  json,
  legacyType,
  ndjson,
  type Operation,
  refusal,
  roles,
} from "./operation.ts";
import {
  anyHash,
  anyJson,
  count,
  event,
  hexHash,
  keyHeader,
  legacyEvent,
  named,
  sessionId,
  tenantId,
  text,
  timeMax,
} from "./schemas.ts";

export const batchMax = 1000;

export const eventDraft = named(
  "EventDraft",
  z
    .strictObject({
      tenant_id: tenantId,
      session_id: sessionId,
      user_id: text.nullish(),
      seq: count.nullish().describe("Absent: the next one"),
      ts_unix_ms: count.nullish().describe("0 or absent: now"),
      event_type: text.nullish().describe("Any word; those the server acts on are listed in docs"),
      payload: anyJson.optional(),
      prev_hash: anyHash.optional().describe("Hash of the event before; absent: filled in"),
      hash: anyHash.optional().describe("The sender's own seal, which is checked"),
    })
    .describe("An event as it is sent. What is absent the server fills in"),
);

const stored = named("Stored", z.strictObject({ seq: count, hash: hexHash }));

const line = named(
  "BatchLine",
  z.union([
    z.strictObject({ status: z.enum(["stored", "repeated"]), seq: count, hash: hexHash }),
    z.looseObject({
      status: z.literal("refused"),
      http_status: z.int(),
      error: z.string(),
      code: z.string(),
    }),
  ]),
);

const hash = "bc543d8d4cf615604cc26132d67305edcfc99e5cc0cfb2fdad77499785c51f8d";
const proposal = {
  tenant_id: "acme",
  session_id: "sess-001",
  seq: 0,
  ts_unix_ms: 1_700_000_000_000,
  event_type: "TOOL_CALL_PROPOSED",
  payload: { tool_name: "read_file", call_id: "c1", args: { path: "/workspace/data.csv" } },
};
const result = {
  tenant_id: "acme",
  session_id: "sess-001",
  ts_unix_ms: 1_700_000_001_000,
  event_type: "TOOL_RESULT",
  payload: { call_id: "c1", result: "ok" },
};
const resultHash = "4fac94dbe4291e3a1394cda176b4eb0d85b9a586dd28b7cf53fb2dfbeab8fe07";
const otherHash = "2699159e203e99518b6f308992757b09eec764e48126e64d3a0f1af6e59b91a1";

export const postEvent = {
  id: "postEvent",
  method: "POST",
  path: "/v1/events",
  tag: "Events",
  summary: "Store one event",
  details:
    "The event has to follow the last one of its session. Without `hash` the server seals it; with one, the seal is checked. It is durable when it is answered.",
  roles,
  headers: z.object({
    "idempotency-key": keyHeader.describe(
      "Sent again with the same key, the same event is stored once",
    ),
  }),
  body: { schema: eventDraft, type: json, isReadByHand: true },
  answers: {
    200: { description: "The very same event was there already", content: answers(stored) },
    201: { description: "Stored", content: answers(stored) },
  },
  codes: [
    "json_invalid",
    "member_missing",
    "member_unknown",
    "type_invalid",
    "hash_invalid",
    "event_invalid",
    "hash_mismatch",
    "first_has_prev",
    "tenant_reserved",
    "tenant_keyless",
    "type_reserved",
    "chain_conflict",
    "session_purged",
    "idempotency_mismatch",
    "rate_limited",
  ],
  examples: [
    { name: "the first of a session", body: proposal, status: 201, answer: { seq: 0, hash } },
    { name: "the same again", body: proposal, status: 200, answer: { seq: 0, hash } },
    {
      name: "the next one, sealed by the server",
      body: result,
      headers: { "Idempotency-Key": "result-of-c1" },
      status: 201,
      answer: { seq: 1, hash: resultHash },
    },
    {
      name: "one that does not follow",
      body: { ...result, seq: 7 },
      status: 409,
      answer: refusal("chain_conflict", "hash chain mismatch: session=sess-001 seq=7", {
        expected_seq: 2,
        expected_prev_hash: resultHash,
      }),
    },
    {
      name: "one without a session",
      body: { tenant_id: "acme" },
      status: 400,
      answer: refusal("member_missing", "tenant_id and session_id are required"),
    },
  ],
} as const satisfies Operation;

export const postBatch = {
  id: "postEvents",
  method: "POST",
  path: "/v1/events:batch",
  tag: "Events",
  summary: "Store many events",
  details:
    "A line of JSON for each event, at most 1000; a line for each answer, in the same order. Each is stored or refused on its own, but one line that is no event refuses the batch.",
  roles,
  headers: z.object({
    "idempotency-key": keyHeader.describe(
      "Sent again with the same key, the same lines are stored once",
    ),
  }),
  body: {
    schema: z.array(eventDraft).min(1).max(batchMax),
    type: ndjson,
    isReadByHand: true,
  },
  answers: {
    201: {
      description: "All are stored",
      content: { [ndjson]: { schema: z.array(line) } },
    },
    207: {
      description: "Some are refused: see the lines",
      content: { [ndjson]: { schema: z.array(line) } },
    },
  },
  codes: [
    "json_invalid",
    "member_missing",
    "member_unknown",
    "type_invalid",
    "hash_invalid",
    "type_reserved",
    "batch_too_large",
    "rate_limited",
  ],
  examples: [
    {
      name: "one that follows and one that does not",
      body: [
        { ...proposal, session_id: "sess-002" },
        { ...result, session_id: "sess-002", seq: 9 },
      ],
      status: 207,
      answer: [
        { status: "stored", seq: 0, hash: otherHash },
        {
          status: "refused",
          http_status: 409,
          error: "hash chain mismatch: session=sess-002 seq=9",
          code: "chain_conflict",
          expected_seq: 1,
          expected_prev_hash: otherHash,
        },
      ],
    },
  ],
} as const satisfies Operation;

const filters = {
  tenant_id: tenantId,
  session_id: z.string().optional().describe("Only of this session"),
};

export const listEvents = {
  id: "listEvents",
  method: "GET",
  path: "/v1/events",
  tag: "Events",
  summary: "List events, oldest first",
  roles,
  query: z.strictObject({
    ...filters,
    event_type: z.string().optional().describe("Only of this type"),
    tool_name: z.string().optional().describe("Only with this `tool_name` in the payload"),
    policy_outcome: z.string().optional().describe("Only with this `outcome` in the payload"),
    from_ts: z.int().min(0).max(timeMax).optional().describe("Not before, in ms since 1970"),
    to_ts: z.int().min(0).max(timeMax).optional().describe("Not after, in ms since 1970"),
    limit: z
      .int()
      .min(1)
      .max(1000)
      .default(100)
      .describe("Events in a page; fewer where they are large"),
    page_token: z
      .string()
      .regex(/^\d{0,15}$/)
      .optional()
      .describe("`NextToken` of the page before; empty for the first"),
  }),
  answers: {
    200: {
      description: "A page",
      content: answers(
        named(
          "EventPage",
          z.strictObject({
            Events: z.array(event),
            NextToken: z.string().describe("Empty on the last page"),
          }),
        ),
        named(
          "LegacyEventPage",
          z.strictObject({ Events: z.array(legacyEvent).nullable(), NextToken: z.string() }),
        ),
      ),
    },
  },
  codes: ["session_purged"],
  examples: [
    {
      name: "a session's first event",
      query: { tenant_id: "acme", session_id: "sess-001", limit: 1 },
      status: 200,
      answer: {
        Events: [{ ...proposal, user_id: "", prev_hash: "", hash, index: 0 }],
        NextToken: "0",
      },
    },
    {
      name: "as the reference daemon shows it",
      query: { tenant_id: "acme", session_id: "sess-001", limit: 1 },
      headers: { Accept: legacyType },
      status: 200,
      type: legacyType,
      answer: {
        Events: [
          {
            TenantID: "acme",
            SessionID: "sess-001",
            Seq: 0,
            TsUnixMs: 1_700_000_000_000,
            EventType: "TOOL_CALL_PROPOSED",
            PayloadJSON: btoa(
              '{"args":{"path":"/workspace/data.csv"},"call_id":"c1","tool_name":"read_file"}',
            ),
            Hash: Uint8Array.fromHex(hash).toBase64(),
            PrevHash: null,
          },
        ],
        NextToken: "0",
      },
    },
    {
      name: "without a tenant",
      status: 400,
      answer: refusal("parameter_missing", "tenant_id required"),
    },
  ],
} as const satisfies Operation;

export const tailEvents = {
  id: "tailEvents",
  method: "GET",
  path: "/v1/events/stream",
  tag: "Events",
  summary: "Follow events as they are stored",
  details:
    "Server-sent events: `id` is the place in the ledger's tree, `data` one event. Comments keep the connection open. After a break, go on with `Last-Event-ID` or `after`. An `Accept` that also names `application/vnd.aegis.v0+json` gets the members of the reference daemon.",
  roles,
  query: z.strictObject({
    ...filters,
    after: count.optional().describe("Also those stored behind this `index`"),
  }),
  headers: z.object({
    "last-event-id": z
      .string()
      .regex(/^\d{0,15}$/)
      .optional()
      .describe("As `after`; wins over it"),
  }),
  answers: {
    200: {
      description: "Until the caller leaves",
      content: { [eventStream]: { schema: event } },
    },
  },
  codes: ["session_purged"],
  examples: [
    {
      name: "from the first event on",
      query: { tenant_id: "acme", session_id: "sess-001", after: 0 },
      status: 200,
    },
  ],
} as const satisfies Operation;
