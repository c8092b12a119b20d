// The capability manifest a publisher ships with an agent, `aegis.dev/manifest/v0.1`. Unknown keys
// are ignored, as every reader of the format does; the rules about values are in parse.ts.

import * as z from "zod/mini";

const texts = z.optional(z.nullable(z.array(z.string())));
const count = z.optional(z.int());

export const manifestSchema = z.object({
  schema: z.optional(z.string()),
  name: z.optional(z.string()),
  version: z.optional(z.string()),
  publisher: z.optional(z.string()),
  permissions: z.optional(
    z.object({
      tools: texts,
      fs: z.optional(z.object({ read_roots: texts, write_roots: texts })),
      net: z.optional(z.object({ domains: texts })),
      secrets: texts,
      exec: z.optional(z.object({ allowed_bins: texts, arg_patterns: texts })),
      approval_required: texts,
      budgets: z.optional(
        z.object({
          max_steps: count,
          max_tool_calls: count,
          max_output_bytes: count,
          timeout_ms: count,
          max_wall_time_ms: count,
          max_model_calls: count,
        }),
      ),
    }),
  ),
  sandbox: z.optional(
    z.object({
      required: z.optional(z.boolean()),
      image: z.optional(z.string()),
      mounts: texts,
    }),
  ),
  integrity: z.optional(
    z.object({
      files: z.optional(z.record(z.string(), z.string())),
      tree_sha256: z.optional(z.string()),
      signature: z.optional(z.string()),
    }),
  ),
});

export type ManifestJson = z.infer<typeof manifestSchema>;
