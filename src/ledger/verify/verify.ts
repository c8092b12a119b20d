// Verifying a ledger from nothing but its bytes, the signing key and the head memory: content,
// chains, tree, signed heads, everything derived, and the schema. Nothing stored is believed.

import type { VerifyFinding, VerifyReport } from "../contract.ts";
import type { Snapshot, Store } from "../store.ts";
import type { HeadMemory, RestoredHead } from "../tree/head-memory.ts";
import type { VerifierKey } from "../tree/note.ts";
import type { KeySource } from "../tree/signer.ts";
import { derivedFindings } from "./derived.ts";
import { createEventCheck } from "./events.ts";
import { checkHeads } from "./heads.ts";
import { leafPages } from "./leaf-pages.ts";
import { checkPurges } from "./purges.ts";
import { checkRecords } from "./records.ts";

export interface VerifyParts {
  readonly store: Store;
  readonly keys: KeySource;
  readonly memory: HeadMemory;
}

/** What verify holds against the ledger; all of it lives outside the database. */
export interface Outside {
  readonly remembered: ReturnType<HeadMemory["all"]>;
  readonly memoryPlace: string;
  readonly verifierKey: VerifierKey | undefined;
  /** Undefined where the signing key is not. */
  readonly recordKey: Uint8Array | undefined;
  /** A record without a seal is one that was changed. */
  readonly areRecordsSealed: boolean;
  /** Purges behind it that were signed before it are none of this ledger's. */
  readonly restored: RestoredHead | undefined;
}

export async function verifyLedger({ store, keys, memory }: VerifyParts): Promise<VerifyReport> {
  const [verifierKey, recordKey] = await Promise.all([keys.verifierKey(), keys.recordKey()]);
  // Read before the database: what comes in meanwhile must not look like a rollback.
  const remembered = memory.all();
  const areRecordsSealed = memory.areRecordsSealed(store.origin);
  const restored = memory.restored(store.origin);
  const snapshot = await store.snapshot();
  const where = { remembered, memoryPlace: memory.place, areRecordsSealed, restored };
  try {
    return await verifySnapshot(snapshot, { ...where, verifierKey, recordKey });
  } finally {
    await snapshot.close();
  }
}

export async function verifySnapshot(snapshot: Snapshot, outside: Outside): Promise<VerifyReport> {
  const checkpoints = snapshot.checkpoints();
  const sizes = [...checkpoints, ...outside.remembered.heads].map(({ size }) => size);
  const check = createEventCheck(snapshot.nodes(), sizes);
  for await (const page of leafPages(snapshot)) {
    check.add(page);
    await oneTurn();
  }
  const purges = await checkPurges(snapshot, check.finish(), outside);
  const { facts } = purges;
  const heads = await checkHeads(snapshot, checkpoints, facts, outside);
  const records = await checkRecords(snapshot, facts, outside);
  const findings: VerifyFinding[] = [
    ...facts.findings,
    ...purges.findings,
    ...heads.findings,
    ...derivedFindings(snapshot, facts),
    ...records.findings,
    ...snapshot
      .schemaProblems()
      .map((message): VerifyFinding => ({ kind: "schema-changed", index: undefined, message })),
  ];
  const open = [...facts.sessions.values()].filter(
    ({ closedUnixMs }) => closedUnixMs === undefined,
  );
  return {
    valid: findings.length === 0,
    eventCount: facts.count,
    unopened: facts.unopened,
    purged: purges.count,
    findings: findings.sort((a, b) => (a.index ?? Infinity) - (b.index ?? Infinity) || 0),
    unclosed: open.map(({ id }) => id),
    losses: facts.losses,
    warnings: [...purges.warnings, ...heads.warnings, ...records.warnings],
    checkpoint: heads.newest,
  };
}

/** Lets a server answer others between two pages. */
function oneTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
