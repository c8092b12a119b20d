// A ledger in PostgreSQL, as what backups are made of and what is restored to. A backup holds the
// same tables whatever store it is of, so one of either can be restored to the other.

import { AegisError } from "../../base/errors.ts";
import { copyIntoPostgres, requireNoLedger, withWholePostgres } from "../postgres/copy.ts";
import { postgresHeadsPath } from "../postgres/open.ts";
import { type PostgresPlace, placeName } from "../postgres/place.ts";
import { copyIntoSqlite } from "../sqlite/copy.ts";
import { openSnapshot } from "../sqlite/snapshot.ts";
import type { Snapshot } from "../store.ts";
import type { BackupSource } from "./backup.ts";
import type { RestoreTarget } from "./restore.ts";

/**
 * @param keys folder of the signing key and the head memories
 * @param staging path of a file that is not there, beside which a backup is unpacked
 */
export function inPostgres(
  place: PostgresPlace,
  keys: string,
  staging: string,
): BackupSource & RestoreTarget {
  const name = placeName(place);
  return {
    name,
    keyPath: `${keys}/ledger.key`,
    headsPath: postgresHeadsPath(place, keys),
    copyTo: (path) =>
      withWholePostgres(place, async (whole) => {
        requireSchema(whole, name);
        await copyIntoSqlite(path, whole);
      }),
    staging,
    requireAbsent: () => requireNoLedger(place),
    async install({ path }, { origin, verify, lastly }) {
      const whole = openSnapshot(path, origin);
      try {
        await copyIntoPostgres(place, whole, async (written) => {
          await verify(written);
          lastly();
        });
      } finally {
        whole.close();
      }
    },
  };
}

/** The copy has tables of its own, so nothing that is wrong with these would be seen in it. */
function requireSchema(whole: Snapshot, name: string): void {
  const [problem] = whole.schemaProblems();
  if (problem === undefined) return;
  throw new AegisError("ledger/tampered", `Cannot back up "${name}": ${problem}`, {
    hint: "run `aegis audit verify` on it",
  });
}
