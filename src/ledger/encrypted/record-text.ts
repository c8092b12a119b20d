// What a stored record says, under its seal and its encryption.

import type { LogRecord } from "../control/contract.ts";
import { withoutSeal } from "../control/record-seal.ts";
import type { Snapshot } from "../store.ts";
import { encryptedTextOf } from "./text.ts";

/** Whoever sealed it. Undefined where it is encrypted, and no key that is here opens it. */
export function recordText(
  { openRecord }: Pick<Snapshot, "openRecord">,
  record: LogRecord,
): string | undefined {
  const json = withoutSeal(record.json);
  if (encryptedTextOf(json) === undefined) return json;
  return openRecord?.({ ...record, json })?.json;
}
