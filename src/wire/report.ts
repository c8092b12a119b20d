// `--json` of `aegis report` and `aegis diff`.

import { z } from "zod";
import { checkpoint } from "./entry.ts";

const tally = z.strictObject({ name: z.string(), count: z.number().int() });

const reportedSession = z.strictObject({
  session_id: z.uuid(),
  name: z.string(),
  mode: z.string(),
  command: z.array(z.string()),
  directory: z.string(),
  tag: z.string().nullable(),
  policy_hash: z.string(),
  start_time: z.string(),
  end_time: z.string().nullable(),
  exit_status: z.number().int().nullable(),
  total_actions: z.number().int(),
  denied_actions: z.number().int(),
  /** Its entries are not there any more, nor counted above. */
  purged: z.boolean(),
});

/** `aegis report --json` */
export const report = z.strictObject({
  configuration: z.string(),
  total_entries: z.number().int(),
  total_sessions: z.number().int(),
  allow_count: z.number().int(),
  deny_count: z.number().int(),
  /** Denied part of all accesses, 0 to 1. */
  deny_rate: z.number(),
  entries_by_action: z.array(tally),
  entries_by_principal: z.array(tally),
  top_resources: z.array(tally),
  top_denied: z.array(
    z.strictObject({
      action: z.string(),
      resource: z.string(),
      rule: z.string(),
      reason: z.string(),
      count: z.number().int(),
    }),
  ),
  policy_changes: z.number().int(),
  policies: z.array(
    z.strictObject({
      policy_hash: z.string(),
      timestamp: z.string(),
      session_id: z.string(),
      sources: z.array(z.string()),
    }),
  ),
  earliest_entry: z.string().nullable(),
  latest_entry: z.string().nullable(),
  integrity_valid: z.boolean(),
  integrity: z.strictObject({
    findings: z.array(
      z.strictObject({
        kind: z.string(),
        index: z.number().int().nullable(),
        message: z.string(),
      }),
    ),
    warnings: z.array(z.string()),
    unclosed_sessions: z.array(z.string()),
    checkpoint: checkpoint.nullable(),
  }),
  coverage_gaps: z.array(
    z.strictObject({
      protection: z.string(),
      level: z.string(),
      why: z.string(),
      sessions: z.number().int(),
    }),
  ),
  /** Oldest first. */
  sessions: z.array(reportedSession),
});

const diffedSession = z.strictObject({
  session_id: z.uuid(),
  name: z.string(),
  command: z.array(z.string()),
  start_time: z.string(),
  total_actions: z.number().int(),
  denied_actions: z.number().int(),
});

/** `aegis diff --json` */
export const sessionDiff = z.strictObject({
  a: diffedSession,
  b: diffedSession,
  only_in_a: z.array(z.string()),
  only_in_b: z.array(z.string()),
  common: z.array(z.string()),
  /** Denied in one session and allowed in the other. */
  decided_otherwise: z.array(z.string()),
});
