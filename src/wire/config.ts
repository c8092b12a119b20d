// `--json` of the commands about configurations. Tests parse real output with these; commands
// import the types only.

import { z } from "zod";

/** `aegis use --json` */
export const activeConfig = z.strictObject({ name: z.string().nullable() });
export type ActiveConfig = z.infer<typeof activeConfig>;

/** `aegis init --json` */
export const createdConfig = z.strictObject({
  name: z.string(),
  directory: z.string(),
  config: z.string(),
  policy: z.string(),
  sandbox: z.string(),
});
export type CreatedConfig = z.infer<typeof createdConfig>;

/** `aegis config path --json` */
export const configPath = z.strictObject({ path: z.string() });
export type ConfigPath = z.infer<typeof configPath>;

/** `aegis config show --json` */
export const shownConfig = z.strictObject({
  name: z.string(),
  type: z.enum(["init", "wrap"]),
  agent: z.string(),
  directory: z.string(),
  config: z.string(),
  sandbox: z.string(),
  policy_paths: z.array(z.string()),
  policy_files: z.array(z.string()),
  ledger: z.string(),
  isolation: z.enum(["kernel", "process", "none"]),
  observer: z.enum(["fs-events", "endpoint-security", "none"]),
  network: z.array(
    z.strictObject({ host: z.string(), port: z.number().int().nullable(), protocol: z.string() }),
  ),
  unused_sections: z.array(z.string()),
});
export type ShownConfig = z.infer<typeof shownConfig>;

/** `aegis list --json` */
export const configList = z.strictObject({
  configurations: z.array(
    z.strictObject({
      name: z.string(),
      type: z.enum(["init", "wrap"]),
      policy: z.string(),
      isolation: z.string(),
      sessions: z.number().int(),
      /** ISO 8601, UTC. */
      last_used: z.string().nullable(),
      active: z.boolean(),
      /** Why the configuration or its ledger cannot be read. */
      problem: z.string().nullable(),
    }),
  ),
});
export type ConfigList = z.infer<typeof configList>;

/** `aegis status --json` */
export const configStatus = z.strictObject({
  name: z.string(),
  config_dir: z.enum(["OK", "MISSING"]),
  config_file: z.enum(["OK", "MISSING", "INVALID"]),
  policy_files: z.number().int(),
  sandbox_dir: z.enum(["OK", "MISSING"]),
  ledger: z.string(),
  ledger_bytes: z.number().int().nullable(),
  entries: z.number().int().nullable(),
  integrity: z.enum(["OK", "FAILED", "ERROR"]).nullable(),
  integrity_message: z.string(),
  sessions: z.number().int().nullable(),
  last_session: z.string().nullable(),
  last_tag: z.string().nullable(),
  denied: z.number().int().nullable(),
  isolation: z.string(),
  observer: z.string(),
});
export type ConfigStatus = z.infer<typeof configStatus>;
