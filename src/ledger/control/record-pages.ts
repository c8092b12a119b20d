// Every record of a snapshot, in pages.

import { ledgerPageSize } from "../../base/limits.ts";
import type { Snapshot } from "../store.ts";
import type { LogRecord } from "./contract.ts";

export async function* recordPages(
  snapshot: Pick<Snapshot, "recordsFrom">,
): AsyncGenerator<readonly LogRecord[]> {
  for (let last: LogRecord | undefined; ; ) {
    const page = await snapshot.recordsFrom(last, ledgerPageSize);
    if (page.length > 0) yield page;
    last = page.at(-1);
    if (last === undefined) return;
  }
}
