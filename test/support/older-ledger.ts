// A ledger as older versions made it: without what was added since.

import type { Database } from "bun:sqlite";

const refuse = "BEGIN SELECT RAISE(ABORT, 'the ledger only grows'); END";

/** The third version knows of no purges: as it wrote its guards. */
const toThird: readonly string[] = [
  "DROP TABLE purged",
  "DROP TRIGGER event_delete_guard",
  "DROP TRIGGER session_update_guard",
  `CREATE TRIGGER event_delete_guard BEFORE DELETE ON event ${refuse}`,
  "CREATE TRIGGER session_update_guard BEFORE UPDATE ON session " +
    `WHEN NEW.id IS NOT OLD.id OR NEW.next_seq <= OLD.next_seq ${refuse}`,
];

/** Nothing may have been purged from it. */
export function makeOlder(db: Database, version: 1 | 2 | 3): void {
  for (const sql of toThird) db.run(sql);
  if (version === 1) db.run("DROP TABLE record");
  db.run(`PRAGMA user_version = ${version}`);
}
