// `--json` of `aegis learn`.

import { z } from "zod";

/** `aegis learn --json` */
export const learnReport = z.strictObject({
  session: z.string(),
  /** Cedar text. */
  policy: z.string(),
  observed: z.strictObject({
    accesses: z.number().int(),
    distinct: z.number().int(),
    of_base: z.number().int(),
  }),
  granted: z.strictObject({
    exact: z.array(z.strictObject({ action: z.string(), path: z.string() })),
    /** Each with everything below it, which is more than was seen. */
    folders: z.array(
      z.strictObject({
        action: z.string(),
        path: z.string(),
        reason: z.string(),
        seen: z.number().int(),
      }),
    ),
    endpoints: z.array(
      z.strictObject({
        action: z.string(),
        host: z.string().nullable(),
        port: z.number().int(),
        /** Null where the record does not say; the grant is for all then. */
        protocol: z.string().nullable(),
      }),
    ),
  }),
  not_granted: z.array(
    z.strictObject({ action: z.string(), resource: z.string(), reason: z.string() }),
  ),
});
export type LearnReport = z.infer<typeof learnReport>;
