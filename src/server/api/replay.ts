// /v1/sessions/{id}/replay as data.

import { z } from "zod";
import { answers, json, type Operation, roles } from "./operation.ts";
import { decideManifest } from "./policy-input.ts";
import { count, named, sessionId, tenantId } from "./schemas.ts";

const params = z.strictObject({ id: sessionId });
const mode = z
  .enum(["exact", "live"])
  .default("exact")
  .describe("`exact`: the state after every event; `live`: every decision, made again");

const report = named(
  "DiffReport",
  z.strictObject({
    session_id: z.string(),
    mode: z.enum(["exact", "live"]),
    steps_replayed: count.describe("Events; a replay ends at 1000 differences"),
    diffs: z.array(
      z.strictObject({
        seq: count.describe("The event at which it differs"),
        field: z.enum([
          "snapshot_hash",
          "policy_decision",
          "tool_result",
          "tool_sequence",
          "termination",
        ]),
        recorded: z.string().describe("A hash, or canonical JSON; empty: nothing was recorded"),
        replayed: z.string().describe("Empty: it could not be replayed"),
      }),
    ),
    identical: z.boolean(),
  }),
);

const details =
  "`exact` adds the events up once more and compares the state's hash after each of them with the one of then. " +
  "`live` decides about every recorded call again, on the state of then, by the policy of now. " +
  "Nothing is called and nothing is recorded. A session without events is identical.";

const shared = {
  path: "/v1/sessions/{id}/replay",
  tag: "Sessions",
  details,
  roles,
  params,
  answers: { 200: { description: "What differs", content: answers(report) } },
} as const;

export const getReplay = {
  ...shared,
  id: "getReplay",
  method: "GET",
  summary: "Replay a session and list what differs",
  query: z.strictObject({ tenant_id: tenantId, mode }),
  codes: ["session_purged"],
  examples: [
    {
      name: "exactly",
      params: { id: "sess-001" },
      query: { tenant_id: "acme" },
      status: 200,
      answer: {
        session_id: "sess-001",
        mode: "exact",
        steps_replayed: 2,
        diffs: [],
        identical: true,
      },
    },
  ],
} as const satisfies Operation;

export const postReplay = {
  ...shared,
  id: "postReplay",
  method: "POST",
  summary: "Replay a session, also by another manifest",
  body: {
    schema: named(
      "ReplayRequest",
      z.strictObject({
        tenant_id: tenantId,
        mode,
        manifest: decideManifest
          .optional()
          .describe("For `live`; absent: the one the server was started with"),
      }),
    ),
    type: json,
    isReadByHand: false,
  },
  codes: ["json_invalid", "member_missing", "member_unknown", "type_invalid", "session_purged"],
  examples: [
    {
      name: "live",
      params: { id: "sess-001" },
      body: {
        tenant_id: "acme",
        mode: "live",
        manifest: { permissions: { tools: ["read_file"] } },
      },
      status: 200,
      answer: {
        session_id: "sess-001",
        mode: "live",
        steps_replayed: 2,
        diffs: [],
        identical: true,
      },
    },
  ],
} as const satisfies Operation;
