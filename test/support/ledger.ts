// Ledgers for tests: over memory, SQLite and PostgreSQL, with the parts an attacker would reach
// for.

import type { Ledger, SessionWriter } from "../../src/ledger/contract.ts";
import { createLedger } from "../../src/ledger/ledger.ts";
import { createMemoryStore, type MemoryStore } from "../../src/ledger/memory.ts";
import type { PostgresPlace } from "../../src/ledger/postgres/place.ts";
import { openPostgresStore } from "../../src/ledger/postgres/store.ts";
import { openSqliteStore } from "../../src/ledger/sqlite/store.ts";
import type { Store } from "../../src/ledger/store.ts";
import {
  createHeadFile,
  createHeadList,
  type HeadMemory,
} from "../../src/ledger/tree/head-memory.ts";
import { createSigner, type KeySource, keyFile } from "../../src/ledger/tree/signer.ts";
import type { EventDraft, JsonObject, SessionOpening } from "../../src/model/event.ts";
import { type PolicySnapshot, policySnapshot } from "../../src/model/policy-snapshot.ts";
import { afterThisTest } from "./endings.ts";
import { postgresPrograms, postgresServer } from "./postgres.ts";
import { tempDir } from "./temp.ts";

/** 2026-01-01T00:00:00Z */
export const startMs = 1_767_225_600_000;

export interface TestLedger {
  readonly ledger: Ledger;
  readonly store: Store;
  readonly keys: KeySource;
  readonly memory: HeadMemory;
}

export interface SqliteLedger extends TestLedger {
  /** Database file. */
  readonly path: string;
  readonly headsPath: string;
  readonly keyPath: string;
}

export interface MemoryLedger extends TestLedger {
  readonly store: MemoryStore;
}

export function memoryLedger(origin = "aegis.local/test"): MemoryLedger {
  const store = createMemoryStore(origin);
  const seed = new Uint8Array(32).fill(1);
  const keys: KeySource = {
    signer: () => createSigner(origin, seed),
    verifierKey: async () => (await createSigner(origin, seed)).verifierKey,
    recordKey: async () => (await createSigner(origin, seed)).recordKey,
  };
  const parts = { store, keys, memory: createHeadList() };
  return { ...parts, ledger: createLedger(parts) };
}

/** @param home kept from an earlier ledger to open it again */
export function sqliteLedger(home = tempDir("ledger")): SqliteLedger {
  const path = `${home}/ledger.db`;
  const headsPath = `${home}/keys/heads/ledger`;
  const keyPath = `${home}/keys/ledger.key`;
  const store = openSqliteStore(path);
  const keys = keyFile(keyPath, store.origin);
  const memory = createHeadFile(headsPath);
  const ledger = createLedger({ store, keys, memory });
  return { ledger, store, keys, memory, path, headsPath, keyPath };
}

export async function postgresLedger(place?: PostgresPlace): Promise<TestLedger> {
  const store = await openPostgresStore(place ?? (await (await postgresServer()).place()));
  afterThisTest(() => store.close());
  const home = tempDir("ledger");
  const keys = keyFile(`${home}/keys/ledger.key`, store.origin);
  const parts = { store, keys, memory: createHeadFile(`${home}/keys/heads/ledger`) };
  return { ...parts, ledger: createLedger(parts) };
}

/** Every store a ledger can be kept in, as far as it is installed. */
export const ledgerKinds: readonly (readonly [string, () => Promise<TestLedger>])[] = [
  ["memory", async () => memoryLedger()],
  ["SQLite", async () => sqliteLedger()],
  ...(postgresPrograms === undefined ? [] : [["PostgreSQL", () => postgresLedger()] as const]),
];

export const testPolicy: PolicySnapshot = policySnapshot([
  { kind: "cedar", name: "template:workspace", text: "permit(principal, action, resource);" },
]);

export function opening(changes: Partial<SessionOpening> = {}): SessionOpening {
  return {
    name: "agent",
    mode: "run",
    command: ["python3", "agent.py"],
    directory: "/home/me/project",
    policyHash: testPolicy.hash,
    tag: undefined,
    coverage: [{ protection: "filesystem", level: "enforced", by: "landlock abi 7", why: "" }],
    ...changes,
  };
}

export function access(path: string, changes: JsonObject = {}): EventDraft {
  return {
    type: "FILE_READ",
    tsUnixMs: startMs + 1,
    payload: {
      action: "FileRead",
      path,
      decision: "allow",
      rule: "base:system-read",
      reason: "the base profile reads the system",
      pid: 7,
      exe: "/usr/bin/python3",
      flags: "openat O_RDONLY",
      count: 1,
      ...changes,
    },
  };
}

export function denial(path: string): EventDraft {
  const changes = { action: "FileWrite", decision: "deny", rule: "protect#1", reason: "protected" };
  return { ...access(path, changes), type: "FILE_WRITE" };
}

/** Opens a session, records `count` accesses, a tenth of them denied, and closes it. */
export async function recordSession(
  ledger: Ledger,
  count: number,
  changes: Partial<SessionOpening> = {},
): Promise<SessionWriter> {
  const writer = await ledger.openSession(opening(changes), testPolicy, startMs);
  const drafts = Array.from({ length: count }, (_, i) =>
    i % 10 === 9 ? denial(`/etc/file-${i}`) : access(`/usr/lib/file-${i}`),
  );
  await writer.append(drafts);
  await writer.close({ last: [], tsUnixMs: startMs + 2, exitStatus: 0, summary: {} });
  return writer;
}
