// Writing which policy a session loaded, and its text where that is new.

import type { Database } from "bun:sqlite";
import { canonicalJson } from "../../base/canonical-json.ts";
import type { PolicyLoadRow } from "../store.ts";

export function writePolicyLoad(db: Database, session: number, load: PolicyLoadRow): void {
  const { hash, sources } = load.snapshot;
  const known = db.query<null, [string]>("SELECT 1 FROM policy WHERE hash = ?").get(hash);
  if (known === null) {
    db.query<null, [string, string]>("INSERT INTO policy(hash, sources) VALUES (?, ?)").run(
      hash,
      canonicalJson(sources),
    );
  }
  db.query<null, [number, number, number, string]>(
    "INSERT INTO policy_load(idx, session, ts_ms, hash) VALUES (?, ?, ?, ?)",
  ).run(load.index, session, load.tsUnixMs, hash);
}
