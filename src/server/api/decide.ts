// /v1/policy/decide as data.

import { z } from "zod";
import { answers, json, type Operation, refusal, roles } from "./operation.ts";
import { decideEvent, decideManifest, decideSnapshot } from "./policy-input.ts";
import { decision, keyHeader, named, sessionId, tenantId, text } from "./schemas.ts";

export const decideRequest = named(
  "DecideRequest",
  z.strictObject({
    event: decideEvent.nullish(),
    snapshot: decideSnapshot.nullish(),
    manifest: decideManifest
      .nullish()
      .describe("Absent: the server's; beside that one where it was verified, else instead of it"),
    session: z
      .strictObject({ tenant_id: tenantId, session_id: sessionId, user_id: text.nullish() })
      .nullish()
      .describe("Its live state decides instead of `snapshot`, and the decision is recorded"),
  }),
);

const event = {
  event_type: "TOOL_CALL_PROPOSED",
  payload: { tool_name: "read_file", call_id: "c2", args: { path: "/workspace/data.csv" } },
};
const manifest = { permissions: { tools: ["read_file", "exec"], exec: { allowed_bins: ["ls"] } } };
const aboutSession = {
  event: {
    event_type: "TOOL_CALL_PROPOSED",
    payload: { tool_name: "exec", call_id: "c3", args: { bin: "ls" } },
  },
  // The session's events are of 2023, so that their hashes can be shown.
  manifest: {
    permissions: { ...manifest.permissions, budgets: { max_wall_time_ms: 3_000_000_000_000 } },
  },
  session: { tenant_id: "acme", session_id: "sess-001" },
};

export const decide = {
  id: "decide",
  method: "POST",
  path: "/v1/policy/decide",
  tag: "Policy",
  summary: "Decide about a tool call",
  details:
    "200 for every decision, denials too. Inside `event`, `snapshot` and `manifest` members that are not listed are let be; those that are have to be of their type. With a `session` the call counts as proposed, once, whether or not `TOOL_CALL_PROPOSED` is sent as well; asked again with the same `Idempotency-Key` it is the same call, with the same answer.",
  roles,
  headers: z.object({
    "idempotency-key": keyHeader.describe(
      "Asked again with the same key, the same question about a session is decided once",
    ),
  }),
  body: { schema: decideRequest, type: json, isReadByHand: true },
  answers: { 200: { description: "The decision", content: answers(decision) } },
  codes: [
    "json_invalid",
    "member_missing",
    "member_unknown",
    "type_invalid",
    "tenant_reserved",
    "tenant_keyless",
    "event_invalid",
    "session_purged",
    "idempotency_mismatch",
  ],
  examples: [
    {
      name: "with a state of your own",
      body: {
        event,
        snapshot: { steps_consumed: 3, tool_calls_consumed: 2, wall_time_ms: 5000 },
        manifest,
      },
      status: 200,
      answer: {
        outcome: "allow",
        reason: "OK",
        constraints: { max_output_bytes: 1_048_576, timeout_ms: 30_000 },
      },
    },
    {
      name: "about a session that read something tainted",
      headers: { "Idempotency-Key": "exec-of-c3" },
      body: aboutSession,
      status: 200,
      answer: { outcome: "deny", reason: "TAINTED_TO_HIGH_RISK", constraints: {} },
    },
    {
      name: "the same question again",
      headers: { "Idempotency-Key": "exec-of-c3" },
      body: aboutSession,
      status: 200,
      answer: { outcome: "deny", reason: "TAINTED_TO_HIGH_RISK", constraints: {} },
    },
    {
      name: "another question with its key",
      headers: { "Idempotency-Key": "exec-of-c3" },
      body: { ...aboutSession, event },
      status: 422,
      answer: refusal("idempotency_mismatch", "the idempotency key was used for another request"),
    },
    {
      name: "a tool nobody declared",
      body: { event },
      status: 200,
      answer: { outcome: "deny", reason: "PERMISSION_UNDECLARED", constraints: {} },
    },
    {
      name: "a count that is a text",
      body: { event, snapshot: { steps_consumed: "3" }, manifest },
      status: 400,
      answer: refusal(
        "type_invalid",
        'invalid JSON: "snapshot.steps_consumed" is not valid: invalid input: expected number, received string',
      ),
    },
    {
      name: "an event that is none",
      body: { event: "read_file" },
      status: 400,
      answer: refusal("type_invalid", 'invalid JSON: "event" is no object'),
    },
  ],
} as const satisfies Operation;
