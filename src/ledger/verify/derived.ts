// Everything the ledger keeps beside its events, held against what the events add up to.

import type { SessionId } from "../../base/ids.ts";
import { policySnapshot } from "../../model/policy-snapshot.ts";
import type { VerifyFinding } from "../contract.ts";
import { differences, type SessionState } from "../session-state.ts";
import type { PolicyLoadRow, Snapshot } from "../store.ts";
import { rootOf } from "../tree/merkle.ts";
import type { EventFacts, PolicyLoadFact } from "./events.ts";

export function derivedFindings(snapshot: Snapshot, facts: EventFacts): VerifyFinding[] {
  return [
    ...headFindings(snapshot, facts),
    ...sessionFindings(snapshot.sessions(), facts),
    ...policyFindings(snapshot, facts),
  ];
}

function headFindings(snapshot: Snapshot, { tree, count, treeSoundTo }: EventFacts) {
  const head = snapshot.head();
  if (head.size < count) {
    return [mismatch(`the head counts ${head.size} events, ${count} are there`)];
  }
  const isComparable = head.size === count && treeSoundTo === count;
  if (!isComparable || rootOf(head).toBase64() === rootOf(tree).toBase64()) return [];
  return [mismatch("the head's tree is not the tree of the events")];
}

function sessionFindings(rows: readonly SessionState[], facts: EventFacts): VerifyFinding[] {
  const findings: VerifyFinding[] = [];
  const seen = new Set<SessionId>();
  for (const row of rows) {
    seen.add(row.id);
    const tally = facts.sessions.get(row.id);
    if (tally === undefined) {
      const message = `session "${row.id}" has no events, its row counts ${row.nextSeq}`;
      findings.push({ kind: "missing-session", index: undefined, message });
    } else if (!facts.damaged.has(row.id)) {
      const fields = differences(row, tally);
      if (fields.length > 0) {
        findings.push(mismatch(`session "${row.id}" has a row with another ${fields.join(", ")}`));
      }
    }
  }
  for (const id of facts.sessions.keys()) {
    if (!seen.has(id) && !facts.damaged.has(id)) {
      findings.push(mismatch(`session "${id}" has events but no row`));
    }
  }
  return findings;
}

function policyFindings(snapshot: Snapshot, facts: EventFacts): VerifyFinding[] {
  const findings: VerifyFinding[] = [];
  const policies = new Map(snapshot.policies().map((policy) => [policy.hash, policy]));
  for (const { hash, sources } of policies.values()) {
    if (policySnapshot(sources).hash !== hash) {
      findings.push(mismatch(`policy "${hash}" has a text that hashes to something else`));
    }
  }
  const wanted = new Set(facts.policyLoads.map(({ hash }) => hash));
  for (const hash of wanted) {
    if (!policies.has(hash)) findings.push(mismatch(`the text of policy "${hash}" is missing`));
  }
  for (const hash of policies.keys()) {
    if (!wanted.has(hash) && facts.damaged.size === 0) {
      findings.push(mismatch(`policy "${hash}" was never loaded`));
    }
  }
  return [...findings, ...loadFindings(snapshot.policyLoads(), facts)];
}

function loadFindings(rows: readonly PolicyLoadRow[], facts: EventFacts): VerifyFinding[] {
  const byIndex = new Map(rows.map((row) => [row.index, row]));
  const unlike = facts.policyLoads.filter((load) => !isSame(load, byIndex.get(load.index)));
  const extra = rows.length - facts.policyLoads.length;
  const findings = unlike.map(({ index }) => {
    return mismatch(`the policy loaded by event ${index} is listed otherwise`);
  });
  if (extra > 0 && unlike.length === 0 && facts.damaged.size === 0) {
    findings.push(mismatch(`${extra} listed policies were never loaded`));
  }
  return findings;
}

function isSame(load: PolicyLoadFact, row: PolicyLoadRow | undefined): boolean {
  return (
    row !== undefined &&
    row.session === load.session &&
    row.tsUnixMs === load.tsUnixMs &&
    row.snapshot.hash === load.hash
  );
}

function mismatch(message: string): VerifyFinding {
  return { kind: "derived-mismatch", index: undefined, message };
}
