// `aegis setup --json`

import { z } from "zod";

export const setupReport = z.strictObject({
  platform: z.enum(["linux", "macos"]),
  home: z.string(),
  /** Where boxes without a private /tmp keep temporary files, and of how many workspaces. */
  temporary: z.strictObject({ path: z.string(), workspaces: z.int().nonnegative() }),
  /** What the kernel lets this user use, each tried for real. */
  features: z.array(z.strictObject({ name: z.string(), usable: z.boolean(), note: z.string() })),
  coverage: z.array(
    z.strictObject({
      protection: z.string(),
      level: z.enum(["enforced", "weaker", "absent", "not-asked"]),
      by: z.string(),
      why: z.string(),
    }),
  ),
  /** A real launch: something granted was read, something else was refused and recorded. */
  trial: z.strictObject({ passed: z.boolean(), message: z.string() }),
  /** `aegis run` with the default policy works here without --allow-weaker. */
  ready: z.boolean(),
  /** Only with --attack: what was tried against a box, and whether it held. */
  attacks: z
    .array(
      z.strictObject({
        name: z.string(),
        what: z.string(),
        outcome: z.enum(["held", "open", "unproven"]),
      }),
    )
    .optional(),
});
export type SetupReport = z.infer<typeof setupReport>;
