// What somebody with the database file, our code and no key can do to a ledger.

import { Database } from "bun:sqlite";
import { copyFileSync, existsSync, rmSync } from "node:fs";
import { buildAddition } from "../../src/ledger/addition.ts";
import { createSealer, readSealed } from "../../src/ledger/seal.ts";
import { openSqliteStore } from "../../src/ledger/sqlite/store.ts";
import type { EventType, SealedEvent } from "../../src/model/event.ts";
import { type PolicySnapshot, policySnapshot } from "../../src/model/policy-snapshot.ts";

/** Runs SQL on the file with every guard trigger out of the way; they stand again afterwards. */
export function attack(path: string, ...statements: readonly string[]): void {
  const db = new Database(path);
  db.run("PRAGMA foreign_keys = OFF");
  const triggers = dropTriggers(db);
  for (const statement of statements) db.run(statement);
  for (const sql of triggers) db.run(sql);
  db.close();
}

/** Runs SQL as an honest tool would, guards and all. */
export function editHonestly(path: string, statement: string): void {
  const db = new Database(path);
  try {
    db.run(statement);
  } finally {
    db.close();
  }
}

function dropTriggers(db: Database): readonly string[] {
  const rows = db
    .query<{ name: string; sql: string }, []>(
      "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'",
    )
    .all();
  for (const { name } of rows) db.run(`DROP TRIGGER ${name}`);
  return rows.map(({ sql }) => sql);
}

/** Every event, unverified. */
export function readAll(path: string): readonly SealedEvent[] {
  const db = new Database(path, { readonly: true });
  const rows = db
    .query<{ body: Uint8Array }, []>("SELECT CAST(body AS BLOB) AS body FROM event ORDER BY idx")
    .all();
  db.close();
  return rows.flatMap(({ body }) => readSealed(body) ?? []);
}

/**
 * Writes the whole ledger anew, with chains, tree, counters and nodes that fit together; only what
 * was signed stays as it was.
 */
export async function rewriteHistory(
  path: string,
  change: (events: readonly SealedEvent[]) => readonly SealedEvent[],
): Promise<void> {
  const events = change(readAll(path));
  const policies = readPolicies(path);
  attack(
    path,
    "DELETE FROM event",
    "DELETE FROM node",
    "DELETE FROM policy_load",
    "DELETE FROM policy",
    "DELETE FROM session",
    "UPDATE head SET size = 0, frontier = x''",
  );
  const store = openSqliteStore(path);
  const sealer = createSealer();
  for (const event of events) {
    await store.append(event.session_id, (base) => {
      const draft = {
        type: event.event_type as EventType,
        tsUnixMs: event.ts_unix_ms,
        payload: event.payload,
      };
      return buildAddition(sealer, base, {
        session: event.session_id,
        tenant: event.tenant_id,
        user: event.user_id,
        drafts: () => [draft],
        policy: policies.get(String(event.payload.hash)),
      }).addition;
    });
  }
  await store.close();
}

function readPolicies(path: string): ReadonlyMap<string, PolicySnapshot> {
  const db = new Database(path, { readonly: true });
  const rows = db.query<{ sources: string }, []>("SELECT sources FROM policy").all();
  db.close();
  const policies = rows.map(({ sources }) => policySnapshot(JSON.parse(sources)));
  return new Map(policies.map((policy) => [policy.hash, policy]));
}

/** Copies the database as it is on disk; all connections to it must be closed. */
export function copyDatabase(from: string, to: string): void {
  for (const suffix of ["-wal", "-shm"]) {
    rmSync(to + suffix, { force: true });
    if (existsSync(from + suffix)) copyFileSync(from + suffix, to + suffix);
  }
  copyFileSync(from, to);
}
