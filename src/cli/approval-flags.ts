// What the commands that keep approvals are told about them.

import type { ApprovalOptions } from "../app/serve/serve.ts";
import { approvalTtlMax } from "../config/daemon.ts";

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
} as const;

export function approvalOptions(flags: {
  readonly "approval-ttl": number | undefined;
  readonly "approval-by-requester"?: boolean;
}): ApprovalOptions {
  const isOwnDecided = flags["approval-by-requester"];
  return { ttlSeconds: flags["approval-ttl"], isOwnDecided };
}
