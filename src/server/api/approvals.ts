// /v1/approvals as data.

import { z } from "zod";
import { answers, approvers, json, type Operation, refusal, roles } from "./operation.ts";
import {
  anyJson,
  anyObject,
  hexHash,
  named,
  sessionId,
  tenantId,
  text,
  unixMs,
} from "./schemas.ts";

const token = z
  .string()
  .min(1)
  .max(512)
  .describe("The token, or its `token_hash` from the list. Whoever has it may see the request");
const params = z.strictObject({ token });
/** Without it the key's own tenant, or the token alone. */
const query = z.strictObject({
  tenant_id: z.string().optional().describe("The tenant. Absent: the token alone is looked for"),
});

const members = {
  token_hash: hexHash,
  tenant_id: z.string(),
  session_id: z.string(),
  tool_name: z.string(),
  requested_by: z.string().optional().describe("Name of the key that asked, where keys are used"),
  orig_args: anyObject,
  created_ms: unixMs,
  expires_ms: unixMs,
  status: z
    .enum(["PENDING", "ALLOWED", "DENIED", "EXPIRED"])
    .describe("`EXPIRED`: nobody decided in time, and nobody can any more"),
  decided_ms: unixMs.optional(),
  decided_by: z.string().optional(),
  final_args: anyObject.optional().describe("What the allowed call is made with"),
  diff: z
    .array(
      z.strictObject({
        key: z.string(),
        op: z.enum(["add", "remove", "change"]),
        before: anyJson.optional(),
        after: anyJson.optional(),
      }),
    )
    .optional()
    .describe("What was edited"),
  message: z.string().optional().describe("What whoever decided said about it"),
  used_ms: unixMs.optional().describe("When the call went on"),
};
const approval = named("Approval", z.strictObject(members));
const asked = named(
  "ApprovalAsked",
  z.strictObject({
    token: z.string().describe("Told once. For the person who decides, not for the agent's log"),
    ...members,
  }),
);

const exampleToken = "3d51a9f04c27be86-91c2b07d5fe3a846";
const example = {
  token_hash: "5".repeat(64),
  tenant_id: "acme",
  session_id: "sess-003",
  tool_name: "write_file",
  orig_args: { path: "/workspace/a.txt" },
  created_ms: 1_700_000_000_000,
  expires_ms: 1_700_000_600_000,
  status: "PENDING",
} as const;
const volatile = ["token", "token_hash", "created_ms", "expires_ms", "decided_ms"];

export const askApproval = {
  id: "askApproval",
  method: "POST",
  path: "/v1/approvals",
  tag: "Approvals",
  summary: "Ask for a person",
  details:
    "Ten minutes are given, or what the server was started with (`approval_ttl`). The request is recorded before it is answered.",
  roles,
  body: {
    schema: named(
      "ApprovalRequest",
      z.strictObject({
        tenant_id: tenantId,
        session_id: sessionId,
        tool_name: z.string().min(1).max(512),
        args: anyObject.nullish(),
      }),
    ),
    type: json,
    isReadByHand: false,
  },
  answers: { 201: { description: "It waits", content: answers(asked) } },
  codes: [
    "json_invalid",
    "member_missing",
    "member_unknown",
    "type_invalid",
    "number_inexact",
    "event_invalid",
    "tenant_reserved",
    "tenant_keyless",
  ],
  examples: [
    {
      name: "a file is to be written",
      body: {
        tenant_id: "acme",
        session_id: "sess-003",
        tool_name: "write_file",
        args: { path: "/workspace/a.txt" },
      },
      status: 201,
      answer: { token: exampleToken, ...example },
      volatile,
    },
  ],
} as const satisfies Operation;

export const listApprovals = {
  id: "listApprovals",
  method: "GET",
  path: "/v1/approvals",
  tag: "Approvals",
  summary: "List what waits",
  roles,
  query: z.strictObject({
    tenant_id: tenantId,
    limit: z
      .int()
      .min(1)
      .max(1000)
      .default(100)
      .describe("Requests in a page; fewer where they are large"),
    page_token: z
      .string()
      .regex(/^([0-9a-f]{64})?$/)
      .optional()
      .describe("`NextToken` of the page before"),
  }),
  answers: {
    200: {
      description: "A page of what is neither decided nor expired, in the order of `token_hash`",
      content: answers(
        named(
          "ApprovalList",
          z.strictObject({
            approvals: z.array(approval),
            NextToken: z.string().describe("Empty on the last page"),
          }),
        ),
      ),
    },
  },
  codes: [],
  examples: [
    {
      name: "what waits",
      query: { tenant_id: "acme" },
      status: 200,
      answer: { approvals: [example], NextToken: "" },
      volatile,
    },
  ],
} as const satisfies Operation;

export const getApproval = {
  id: "getApproval",
  method: "GET",
  path: "/v1/approvals/{token}",
  tag: "Approvals",
  summary: "How it stands with one",
  roles,
  params,
  query,
  answers: { 200: { description: "The request", content: answers(approval) } },
  codes: ["approval_not_found"],
  examples: [
    {
      name: "one that waits",
      params: { token: exampleToken },
      status: 200,
      answer: example,
      volatile,
    },
    {
      name: "a token nobody was given",
      params: { token: "0000000000000000-0000000000000000" },
      status: 404,
      answer: refusal("approval_not_found", "approval: token not found"),
    },
  ],
} as const satisfies Operation;

export const decideApproval = {
  id: "decideApproval",
  method: "POST",
  path: "/v1/approvals/{token}",
  tag: "Approvals",
  summary: "Decide, once",
  details:
    "With `edited_args` the call is allowed with other arguments, and the answer says what changed. Callers with a key are recorded by its name, and may not decide about what they asked for with it (`approval_own_request`).",
  roles: approvers,
  params,
  query,
  body: {
    schema: named(
      "ApprovalDecision",
      z.strictObject({
        allow: z.boolean(),
        edited_args: anyObject.nullish(),
        message: z.string().max(10_000).nullish(),
        approver: text.nullish().describe("Who decides, where the server has no keys"),
      }),
    ),
    type: json,
    isReadByHand: false,
  },
  answers: { 200: { description: "Decided", content: answers(approval) } },
  codes: [
    "json_invalid",
    "member_missing",
    "member_unknown",
    "type_invalid",
    "number_inexact",
    "event_invalid",
    "approval_not_found",
    "approval_decided",
    "approval_expired",
    "approval_own_request",
  ],
  examples: [
    {
      name: "allowed, with another path",
      params: { token: exampleToken },
      body: { allow: true, edited_args: { path: "/workspace/b.txt" }, approver: "alice" },
      status: 200,
      answer: {
        ...example,
        status: "ALLOWED",
        decided_ms: 1_700_000_060_000,
        decided_by: "alice",
        final_args: { path: "/workspace/b.txt" },
        diff: [
          { key: "path", op: "change", before: "/workspace/a.txt", after: "/workspace/b.txt" },
        ],
      },
      volatile,
    },
    {
      name: "a second time",
      params: { token: exampleToken },
      body: { allow: false },
      status: 409,
      answer: refusal("approval_decided", "approval: already decided"),
    },
  ],
} as const satisfies Operation;
