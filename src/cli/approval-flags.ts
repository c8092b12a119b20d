// What the commands that keep approvals are told about them.

import type { ApprovalOptions } from "../app/serve/serve.ts";
import { approvalKeepMax, approvalKeepUsual, approvalTtlMax } from "../config/daemon.ts";

export const approvalTtlFlag = {
  "approval-ttl": {
    kind: "number",
    value: "SECONDS",
    min: 1,
    max: approvalTtlMax,
    summary: "How long a tool call waits for a person. Default: 600.",
  },
} as const;

export const approvalFlags = {
  ...approvalTtlFlag,
  "approval-by-requester": {
    kind: "switch",
    summary:
      "Let a key decide about calls that were asked for with it; not with --trust-mode prod.",
  },
  "approval-keep": {
    kind: "number",
    value: "DAYS",
    min: 0,
    max: approvalKeepMax,
    summary: "How long an approval is kept when nothing can come of it any more. Default: 30.",
  },
} as const;

/** Of a server; what only asks for approvals removes none. */
export function approvalOptions(flags: {
  readonly "approval-ttl": number | undefined;
  readonly "approval-by-requester": boolean;
  readonly "approval-keep": number | undefined;
}): ApprovalOptions {
  const isOwnDecided = flags["approval-by-requester"];
  const keptDays = flags["approval-keep"] ?? approvalKeepUsual;
  return { ttlSeconds: flags["approval-ttl"], isOwnDecided, keptDays };
}
