// The records beside the events: each is sealed with the ledger's key, or says what can be checked
// by itself. The database may have been edited by anyone.

import type { VerifyFinding } from "../contract.ts";
import type { LogRecord } from "../control/contract.ts";
import { decisionProblem } from "../control/decided-approvals.ts";
import { recordPages } from "../control/record-pages.ts";
import { isSealed, openedRecord, sealedKinds } from "../control/record-seal.ts";
import { recordText } from "../encrypted/record-text.ts";
import { payloadsMarker } from "../encrypted/text.ts";
import type { Snapshot } from "../store.ts";
import { firstKey } from "../tree/signing.ts";
import type { EventFacts } from "./events.ts";
import type { Outside } from "./verify.ts";

export interface RecordCheck {
  readonly findings: readonly VerifyFinding[];
  readonly warnings: readonly string[];
}

export async function checkRecords(
  snapshot: Snapshot,
  { hasEncrypted, decided }: Pick<EventFacts, "hasEncrypted" | "decided">,
  outside: Outside,
): Promise<RecordCheck> {
  const findings: VerifyFinding[] = [];
  const unchecked = { sealed: 0, bare: 0, encrypted: 0 };
  let isMarked = false;
  const find = (message: string): void => {
    findings.push({ kind: "record-invalid", index: undefined, message });
  };
  for await (const page of recordPages(snapshot)) {
    for (const record of page) {
      isMarked ||= isPayloadsMarker(record);
      const problem = sealedKinds.has(record.kind)
        ? sealProblem(record, outside, unchecked)
        : ownProblem(record, outside);
      if (problem !== undefined) find(`record ${nameOf(record)} ${problem}`);
      if (record.kind !== "approval" || problem !== undefined) continue;
      const text = recordText(snapshot, record);
      if (text === undefined) {
        unchecked.encrypted += 1;
        continue;
      }
      const older = decisionProblem(decided, record.key, text);
      if (older !== undefined) find(`record ${nameOf(record)} ${older}`);
    }
  }
  const warnings = warningsOf(unchecked);
  // A box may have come with keys to a server that has none, so this is no proof of anything.
  if (hasEncrypted && !isMarked) {
    const what = "a server without keys would not be refused";
    warnings.push(`there are encrypted events, but no mark that says so: ${what}`);
  }
  return { findings, warnings };
}

interface Unchecked {
  sealed: number;
  bare: number;
  encrypted: number;
}

function sealProblem(
  record: LogRecord,
  { recordKey, areRecordsSealed }: Outside,
  unchecked: Unchecked,
): string | undefined {
  if (!isSealed(record.json)) {
    if (areRecordsSealed) return "has no seal";
    unchecked.bare += 1;
    return undefined;
  }
  if (recordKey === undefined) {
    unchecked.sealed += 1;
    return undefined;
  }
  return openedRecord(record, recordKey) === undefined
    ? "is not what was sealed with this ledger's key"
    : undefined;
}

function ownProblem(record: LogRecord, { verifierKey }: Outside): string | undefined {
  if (record.kind === firstKey.kind && record.key === firstKey.key) {
    const isOwn = verifierKey === undefined || record.json === JSON.stringify(verifierKey);
    return isOwn ? undefined : "names another key than this ledger's";
  }
  return isPayloadsMarker(record) ? undefined : "is none that aegis keeps";
}

function isPayloadsMarker({ kind, key, json }: LogRecord): boolean {
  return kind === payloadsMarker.kind && key === payloadsMarker.key && json === "true";
}

function nameOf({ kind, key }: Pick<LogRecord, "kind" | "key">): string {
  return `${JSON.stringify(kind)} ${JSON.stringify(key)}`;
}

function warningsOf({ sealed, bare, encrypted }: Unchecked): string[] {
  const warnings: string[] = [];
  if (sealed > 0) {
    warnings.push(`the signing key is not here, so ${sealed} sealed records were not checked`);
  }
  if (bare > 0) {
    warnings.push(`${bare} records are of an older aegis and not sealed: a server seals them once`);
  }
  if (encrypted > 0) {
    const records = encrypted === 1 ? "1 approval is" : `${encrypted} approvals are`;
    const what = "whether they are the latest was not checked";
    warnings.push(`${records} encrypted for keys that are not here: ${what}`);
  }
  return warnings;
}
