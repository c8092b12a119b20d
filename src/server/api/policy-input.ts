// What a tool policy is asked about, as data. The members that policies are documented to read
// have to be what they are documented as, because a comparison of a number with a text has an
// answer too; all others are the caller's own and are let be. `null` is as good as absent for
// texts, lists and objects, which other languages write so when they are empty.

import { z } from "zod";
import { count, named } from "./schemas.ts";

const text = z.string().nullish();
const texts = z.array(z.string()).nullish();

const payload = z
  .looseObject({
    tool_name: text,
    args: z.looseObject({}).nullish().describe("Of the tool; policies look at `domain` and `bin`"),
    sanitizer_key: text.describe("Of the sanitised text that the arguments are made of"),
  })
  .nullish();

export const decideEvent = named(
  "ProposedEvent",
  z
    .looseObject({ event_type: text, payload })
    .describe("`event_type`, and `payload` with `tool_name` and `args`"),
);

export const decideSnapshot = named(
  "CallerSnapshot",
  z
    .looseObject({
      steps_consumed: count.optional(),
      tool_calls_consumed: count.optional(),
      model_calls_consumed: count.optional(),
      wall_time_ms: z.number().min(0).optional(),
      loop_violation: text.describe("Null or empty: none"),
      is_tainted: z.boolean().optional(),
      sanitized_keys: texts,
    })
    .describe("The session's state as you know it"),
);

const limit = count.optional();

export const decideManifest = named(
  "ManifestInForce",
  z.looseObject({
    permissions: z
      .looseObject({
        tools: texts,
        fs: z.looseObject({ read_roots: texts, write_roots: texts }).nullish(),
        net: z.looseObject({ domains: texts }).nullish(),
        secrets: texts,
        exec: z.looseObject({ allowed_bins: texts, arg_patterns: texts }).nullish(),
        approval_required: texts,
        budgets: z
          .looseObject({
            max_steps: limit,
            max_tool_calls: limit,
            max_wall_time_ms: limit,
            max_model_calls: limit,
            max_output_bytes: limit,
            timeout_ms: limit,
          })
          .nullish(),
      })
      .nullish(),
  }),
);
