// A ledger in a SQLite file, as what backups are made of and what is restored to.

import { Database } from "bun:sqlite";
import { lstatSync } from "node:fs";
import { dirname } from "node:path";
import { AegisError } from "../../base/errors.ts";
import { databaseSuffixes, makePrivateDirectory } from "../files.ts";
import { headsPath, keyPath, type LedgerPlace } from "../open.ts";
import { unavailable } from "../sqlite/error.ts";
import { recognise } from "../sqlite/schema.ts";
import type { BackupSource } from "./backup.ts";
import type { RestoreTarget } from "./restore.ts";

export function inSqlite(place: LedgerPlace): BackupSource & RestoreTarget {
  const { database } = place;
  return {
    name: database,
    keyPath: keyPath(place),
    headsPath: headsPath(place),
    copyTo: async (path) => copyDatabase(database, path),
    staging: database,
    async requireAbsent() {
      for (const end of databaseSuffixes) refuseThere(`${database}${end}`);
      makePrivateDirectory(dirname(database));
    },
    async install(file, { lastly }) {
      lastly();
      file.publish(database);
    },
  };
}

/** One read transaction on a connection of its own: nobody waits for it, nor it for anybody. */
function copyDatabase(from: string, to: string): void {
  let db: Database | undefined;
  try {
    db = new Database(from, { readonly: true });
    recognise(db, from);
    db.query<null, [string]>("VACUUM INTO ?").run(to);
  } catch (error) {
    throw unavailable("copy the ledger", from, error);
  } finally {
    db?.close();
  }
}

function refuseThere(path: string): void {
  if (lstatSync(path, { throwIfNoEntry: false }) === undefined) return;
  throw new AegisError("config/exists", `Cannot restore to "${path}": it exists`, {
    hint: "move it away, or choose another place with --to",
  });
}
