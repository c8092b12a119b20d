// The heads that were signed or remembered, against the tree that is there.

import { AegisError } from "../../base/errors.ts";
import type { Checkpoint, VerifyFinding } from "../contract.ts";
import type { Snapshot, StoredCheckpoint } from "../store.ts";
import { readCheckpoint, verifyCheckpoint } from "../tree/checkpoint.ts";
import type { EventFacts } from "./events.ts";
import type { Outside } from "./verify.ts";

/** Origin of what is read where no ledger is. */
export const absentLedger = "aegis.local/absent";

export interface HeadCheck {
  readonly findings: readonly VerifyFinding[];
  readonly warnings: readonly string[];
  /** The newest checkpoint that is right. */
  readonly newest: Checkpoint | undefined;
}

export async function checkHeads(
  snapshot: Snapshot,
  stored: readonly StoredCheckpoint[],
  facts: EventFacts,
  outside: Outside,
): Promise<HeadCheck> {
  const findings: VerifyFinding[] = [];
  const checkpoints: Checkpoint[] = [];
  for (const row of stored) {
    const problem = await checkpointProblem(row, snapshot.origin, outside, checkpoints);
    if (problem === undefined) continue;
    const message = `the checkpoint over ${row.size} events ${problem}`;
    findings.push({ kind: "checkpoint-invalid", index: undefined, message });
  }
  findings.push(...missing(snapshot.origin, stored, facts, outside));
  findings.push(...truncations(facts, checkpoints, snapshot.head().size));
  findings.push(...memoryFindings(snapshot.origin, facts, outside));
  findings.push(...forks(facts, checkpoints, "a checkpoint was signed over"));
  const right = checkpoints.filter(({ size, root }) => facts.roots.get(size) === root);
  return { findings, warnings: warningsOf(facts, stored, outside), newest: right.at(-1) };
}

async function checkpointProblem(
  { size, note }: StoredCheckpoint,
  origin: string,
  { verifierKey }: Outside,
  accepted: Checkpoint[],
): Promise<string | undefined> {
  try {
    const checkpoint =
      verifierKey === undefined
        ? readCheckpoint(note)
        : await verifyCheckpoint(note, [verifierKey]);
    if (checkpoint.origin !== origin) return `is of another ledger, "${checkpoint.origin}"`;
    if (checkpoint.size !== size) return `speaks of ${checkpoint.size} events`;
    accepted.push(checkpoint);
    return undefined;
  } catch (error) {
    if (error instanceof AegisError) return `is not valid: ${error.message}`;
    throw error;
  }
}

/** Checkpoints that were stored when their heads were remembered, and are never removed. */
function missing(
  origin: string,
  stored: readonly StoredCheckpoint[],
  { count }: EventFacts,
  { remembered, memoryPlace }: Outside,
): VerifyFinding[] {
  const there = new Set(stored.map(({ size }) => size));
  const sizes = remembered.heads
    .filter((head) => head.isSigned === true && head.origin === origin && head.size <= count)
    .map(({ size }) => size)
    .filter((size) => !there.has(size));
  const gone = [...new Set(sizes)];
  if (gone.length === 0) return [];
  const what = gone.length === 1 ? "a checkpoint is" : `${gone.length} checkpoints are`;
  const message = `${what} not there that "${memoryPlace}" remembers: over ${Math.max(...gone)} events`;
  return [{ kind: "checkpoint-missing", index: undefined, message }];
}

/** The ledger's own word against its events. */
function truncations(
  { count }: EventFacts,
  checkpoints: readonly Checkpoint[],
  headSize: number,
): VerifyFinding[] {
  const signed = checkpoints.at(-1)?.size ?? 0;
  const claimed = Math.max(signed, headSize);
  if (claimed <= count) return [];
  const by = signed === claimed ? "a signed checkpoint covers" : "its head counts";
  const message = `${claimed - count} events are missing at the end: ${by} ${claimed}`;
  return [{ kind: "truncated", index: count, message }];
}

function memoryFindings(
  origin: string,
  facts: EventFacts,
  { remembered, memoryPlace }: Outside,
): VerifyFinding[] {
  const others = remembered.heads.filter((head) => head.origin !== origin);
  const own = remembered.heads.filter((head) => head.origin === origin);
  const findings: VerifyFinding[] = [];
  const [other] = others;
  if (other !== undefined) {
    const kind = facts.count === 0 ? "rolled-back" : "forked";
    const size = others.reduce((most, head) => Math.max(most, head.size), 0);
    const message =
      origin === absentLedger
        ? `there is no ledger, and "${memoryPlace}" remembers ${size} events of "${other.origin}"`
        : `"${memoryPlace}" remembers another ledger, "${other.origin}", in its place`;
    findings.push({ kind, index: undefined, message });
  }
  const largest = own.reduce((size, head) => Math.max(size, head.size), 0);
  if (largest > facts.count) {
    const message = `"${memoryPlace}" remembers ${largest} events, ${facts.count} are there`;
    findings.push({ kind: "rolled-back", index: facts.count, message });
  }
  return [...findings, ...forks(facts, own, `"${memoryPlace}" remembers`)];
}

/** Only the smallest contradiction is told: everything later contradicts as well. */
function forks(
  { roots, treeSoundTo }: EventFacts,
  heads: readonly { readonly size: number; readonly root: string }[],
  who: string,
): VerifyFinding[] {
  const wrong = heads
    .filter(({ size }) => size <= treeSoundTo)
    .filter(({ size, root }) => roots.has(size) && roots.get(size) !== root)
    .sort((a, b) => a.size - b.size);
  const [first] = wrong;
  if (first === undefined) return [];
  const more = wrong.length === 1 ? "" : `, and ${wrong.length - 1} more do not fit`;
  const message = `${who} ${first.size} other events than these${more}`;
  return [{ kind: "forked", index: undefined, message }];
}

function warningsOf(
  { count, unopened }: EventFacts,
  stored: readonly StoredCheckpoint[],
  { remembered, memoryPlace, verifierKey }: Outside,
): readonly string[] {
  const warnings: string[] = [];
  if (unopened > 0) {
    const events = unopened === 1 ? "1 event is" : `${unopened} events are`;
    const what = "places in the tree were checked, contents were not";
    warnings.push(`${events} encrypted for keys that are not here: ${what}`);
  }
  if (stored.length > 0 && verifierKey === undefined) {
    warnings.push("the signing key is not here, so no signature was checked");
  }
  if (count > 0 && remembered.heads.every(({ size }) => size === 0)) {
    const unseen = "events that were taken away at its end would not be missed";
    warnings.push(`"${memoryPlace}" does not know how long this ledger was before: ${unseen}`);
  }
  if (remembered.unreadable > 0) {
    warnings.push(`"${memoryPlace}" has ${remembered.unreadable} unreadable lines`);
  }
  return warnings;
}
