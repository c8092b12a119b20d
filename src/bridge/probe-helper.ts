// Asks the native helper what the kernel offers. What its answer means is decided in
// src/enforce/linux/probe.ts.

import { AegisError } from "../base/errors.ts";
import type { Helper } from "./helper.ts";

/**
 * `name value` lines, one per feature.
 * @throws {AegisError} `enforce/helper` when the helper cannot be started or fails
 */
export async function probeHelper(helper: Helper): Promise<string> {
  const child = Bun.spawn([helper.path, "probe"], {
    argv0: "aegis-helper",
    env: {},
    stdio: ["ignore", "pipe", "ignore"],
  });
  const [output, status] = await Promise.all([child.stdout.text(), child.exited]);
  if (status === 0) return output;
  throw new AegisError(
    "enforce/helper",
    `Cannot ask the kernel for its features: the helper ended with status ${status}`,
  );
}
