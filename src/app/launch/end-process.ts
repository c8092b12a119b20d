// The end of a launch. Everything a launch leaves is durable by then, so the runtime's own way out,
// which folds the ledger's log and takes the engine apart, would only cost time: 3 of 17 ms.

import { platformName } from "../../enforce/select.ts";

/** Ends the process with this status, on Linux without any further work; elsewhere it returns. */
export async function endProcess(status: number): Promise<void> {
  if (platformName !== "linux") return;
  const { openLibc } = await import("../../bridge/libc.ts");
  openLibc()._exit(status);
}
