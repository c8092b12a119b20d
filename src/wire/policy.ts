// `--json` of the commands about policies.

import { z } from "zod";

const diagnostic = z.strictObject({
  severity: z.enum(["error", "warning"]),
  file: z.string(),
  /** 1-based; 0 when there is no text. */
  line: z.number().int(),
  column: z.number().int(),
  rule: z.string(),
  message: z.string(),
  hint: z.string(),
});

/** `aegis policy validate --json` */
export const policyValidity = z.strictObject({
  path: z.string(),
  valid: z.boolean(),
  policies: z.number().int(),
  diagnostics: z.array(diagnostic),
});
export type PolicyValidity = z.infer<typeof policyValidity>;

/** `aegis policy list --json` */
export const policyList = z.strictObject({
  configuration: z.string(),
  files: z.array(z.strictObject({ path: z.string(), first_line: z.string() })),
});
export type PolicyList = z.infer<typeof policyList>;

/** `aegis policy list --templates --json` */
export const templateList = z.strictObject({
  templates: z.array(z.strictObject({ name: z.string(), summary: z.string() })),
  profiles: z.array(z.string()),
});
export type TemplateList = z.infer<typeof templateList>;

/** `aegis policy import --json` */
export const policyImport = z.strictObject({
  from: z.string(),
  to: z.string(),
  policies: z.number().int(),
  warnings: z.array(z.string()),
});
export type PolicyImport = z.infer<typeof policyImport>;

const rule = z.strictObject({
  rule: z.string(),
  effect: z.enum(["permit", "forbid"]),
  source: z.string(),
  line: z.number().int(),
  column: z.number().int(),
});

/** `aegis policy explain --json`, `aegis policy test --json` */
export const policyAnswer = z.strictObject({
  principal: z.string(),
  action: z.string(),
  resource: z.string(),
  decision: z.enum(["allow", "deny", "ask"]),
  /** Null: no rule matched. */
  rule: z.string().nullable(),
  reason: z.string(),
  matching: z.array(rule),
  /** Rules to remove first, a flag and a line of Cedar that allow it; null for an allow. */
  change: z
    .strictObject({
      remove: z.array(z.string()),
      flag: z.string().nullable(),
      cedar: z.string().nullable(),
    })
    .nullable(),
});
export type PolicyAnswer = z.infer<typeof policyAnswer>;
