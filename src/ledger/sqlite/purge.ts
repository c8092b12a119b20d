// Taking the events of ended sessions out of a SQLite ledger, inside the transaction that says so:
// what stays of each is its place in the tree.

import type { Database } from "bun:sqlite";
import { AegisError } from "../../base/errors.ts";
import type { SessionState } from "../session-state.ts";
import type { Purge } from "../store.ts";

export function purge(db: Database, { sessions, records }: Purge): void {
  // What was in freed places of pages is overwritten.
  db.run("PRAGMA secure_delete = ON");
  for (const session of sessions) purgeSession(db, session);
  const remove = db.query<null, [string, string]>("DELETE FROM record WHERE kind = ? AND key = ?");
  for (const { kind, key } of records) remove.run(kind, key);
}

function purgeSession(db: Database, session: SessionState): void {
  const mine = "WHERE session = (SELECT num FROM session WHERE id = ?)";
  const keep = `INSERT INTO purged(idx, session, leaf) SELECT idx, session, leaf FROM event ${mine}`;
  const kept = db.query<null, [string]>(keep).run(session.id).changes;
  const gone = db.query<null, [string]>(`DELETE FROM event ${mine}`).run(session.id).changes;
  if (kept !== session.nextSeq || gone !== kept) {
    const message = `Cannot purge session "${session.id}": its events are not those it counts`;
    throw new AegisError("ledger/tampered", message, { hint: "run `aegis audit verify`" });
  }
  const blank =
    "UPDATE session SET command = '[]', directory = '', tag = NULL, last_hash = '' WHERE id = ?";
  db.query<null, [string]>(blank).run(session.id);
}
