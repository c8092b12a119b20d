// `--json` of `aegis replay`.

import { z } from "zod";

const decision = z.enum(["allow", "deny"]);

export const replayReport = z.strictObject({
  session: z.string(),
  /** SHA-256 of the policy it was replayed against. */
  policy_hash: z.string(),
  accesses: z.number().int(),
  now_denied: z.number().int(),
  now_allowed: z.number().int(),
  changes: z.array(
    z.strictObject({
      action: z.string(),
      resource: z.string(),
      before: decision,
      after: decision,
      rule_before: z.string(),
      rule: z.string(),
      reason: z.string(),
      program: z.string(),
      /** Of the first row. */
      seq: z.number().int(),
      count: z.number().int(),
    }),
  ),
  /** Changed accesses that are counted and not listed. */
  unlisted: z.number().int(),
});
export type ReplayReport = z.infer<typeof replayReport>;
