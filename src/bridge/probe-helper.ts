// Asks the native helper what the kernel offers. What its answer means is decided in
// src/enforce/linux/probe.ts.

import { AegisError } from "../base/errors.ts";
import type { Helper } from "./helper.ts";

/**
 * `name value` lines, one per feature.
 * @throws {AegisError} `enforce/helper` when the helper cannot be started or fails
 */
export async function probeHelper(helper: Helper): Promise<string> {
  const child = startProbe(helper);
  const [output, status] = await Promise.all([child.stdout.text(), child.exited]);
  if (status === 0) return output;
  const how = status > 128 ? `was killed by signal ${status - 128}` : `ended with status ${status}`;
  throw cannotAsk(`the helper ${how}`);
}

function startProbe(helper: Helper) {
  try {
    return Bun.spawn([helper.path, "probe"], {
      argv0: "aegis-helper",
      env: {},
      stdio: ["ignore", "pipe", "ignore"],
    });
  } catch (error) {
    throw cannotAsk(error instanceof Error ? error.message : String(error));
  }
}

function cannotAsk(why: string): AegisError {
  return new AegisError("enforce/helper", `Cannot ask the kernel for its features: ${why}`, {
    hint: "reinstall aegis: the helper in it is damaged, unless something here forbids to run it",
  });
}
