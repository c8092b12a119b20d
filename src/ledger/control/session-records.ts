// The records about one session: the hashes of its steps, and what was asked of people in it.

import { sha256Hex } from "../../base/hash.ts";
import type { Store } from "../store.ts";
import { approvalKey, type DecidedApprovals, decisionProblem } from "./decided-approvals.ts";
import { unprovenRecord } from "./record-seal.ts";

/** What the keys of its pages of steps begin with. All are of one length: none begins another. */
export function stepsPrefix(tenant: string, session: string): string {
  return `${sha256Hex(JSON.stringify([tenant, session]))}/`;
}

interface Asked {
  readonly tenant: string;
  readonly session: string;
  /** Hashes of the tokens of approvals that its events name. */
  readonly approvals: Iterable<string>;
  readonly decided: DecidedApprovals;
}

const pagesMax = 1_000_000;

/** Undefined: none of them is another one than was kept. */
export async function sessionRecordsProblem(
  store: Pick<Store, "record" | "records">,
  { tenant, session, approvals, decided }: Asked,
): Promise<string | undefined> {
  for (const hash of approvals) {
    const key = approvalKey(tenant, hash);
    const record = await store.record("approval", key);
    if (record?.json === unprovenRecord) return `the approval ${hash} is not what was kept of it`;
    const problem = record && decisionProblem(decided, key, record.json);
    if (problem !== undefined) return `the record of the approval ${hash} ${problem}`;
  }
  const pages = await store.records("steps", stepsPrefix(tenant, session), pagesMax);
  const isChanged = pages.some(({ json }) => json === unprovenRecord);
  return isChanged ? "the hashes of its steps are not what was kept of them" : undefined;
}
