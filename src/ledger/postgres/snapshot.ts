// The one consistent view of a PostgreSQL ledger that verify works on: a transaction of its own
// that sees one state, so appends go on meanwhile, unseen by it.

import {
  type CheckpointRow,
  checkpointOf,
  type NodeRow,
  nodeOf,
  numberOf,
  type PolicyRow,
  policyOf,
  sessionIdOf,
  textOf,
} from "../rows.ts";
import type { PolicyLoadRow, Snapshot } from "../store.ts";
import type { Connections, View } from "./connection.ts";
import type { Session } from "./pool.ts";
import { schemaProblems } from "./prepare.ts";
import { readFrom, readHead, readPurgedFrom, readRecordsFrom, readSessions } from "./read.ts";
import { plainRow } from "./rows.ts";

export async function openSnapshot(connections: Connections, origin: string): Promise<Snapshot> {
  const view = await connections.view();
  try {
    return await snapshotOf(view, origin);
  } catch (error) {
    await view.end();
    throw error;
  }
}

/** What one transaction sees; closing it ends the view. */
export async function snapshotOf({ session, end }: View, origin: string): Promise<Snapshot> {
  const head = await readHead(session);
  const sessions = await readSessions(session, undefined, undefined);
  const loads = await policyLoads(session);
  const policies = await rowsOf(session, "SELECT hash, sources FROM aegis_policy");
  const nodes = await rowsOf(session, "SELECT level, position, hash FROM aegis_node");
  const notes = await rowsOf(session, "SELECT size, note FROM aegis_checkpoint ORDER BY size");
  const problems = await schemaProblems(session);
  return {
    origin,
    head: () => head,
    eventsFrom: (first, limit) => readFrom(session, first, limit),
    purgedFrom: (first, limit) => readPurgedFrom(session, first, limit),
    sessions: () => sessions,
    policyLoads: () => loads,
    policies: () => policies.map((row) => policyOf(plainRow<PolicyRow>(row))),
    nodes: () => nodes.map((row) => nodeOf(plainRow<NodeRow>(row))),
    checkpoints: () => notes.map((row) => checkpointOf(plainRow<CheckpointRow>(row))),
    schemaProblems: () => problems,
    recordsFrom: (after, limit) => readRecordsFrom(session, after, limit),
    close: end,
  };
}

async function rowsOf(session: Session, sql: string) {
  return (await session.query(sql)).rows;
}

type LoadRow = { readonly [K in "idx" | "session" | "ts_ms" | "hash"]: unknown };

async function policyLoads(session: Session): Promise<readonly PolicyLoadRow[]> {
  const sql = "SELECT idx, session, ts_ms, hash FROM aegis_policy_load ORDER BY idx";
  return (await rowsOf(session, sql)).map((found) => {
    const row = plainRow<LoadRow>(found);
    return {
      index: numberOf(row.idx),
      session: sessionIdOf(row.session),
      tsUnixMs: numberOf(row.ts_ms),
      snapshot: { hash: textOf(row.hash), sources: [] },
    };
  });
}
