// The ledger's rows in PostgreSQL: one transaction for each append, which the lock of one row makes
// the only one among all servers. Anyone who can write to the database can edit it; verify is what
// finds out.

import type { Addition, Store } from "../store.ts";
import { type Connections, connect } from "./connection.ts";
import type { PostgresPlace } from "./place.ts";
import { prepareDatabase } from "./prepare.ts";
import { takeOut } from "./purge.ts";
import { createReader } from "./read.ts";
import { toldText } from "./rows.ts";
import { openSnapshot } from "./snapshot.ts";
import { isStored, readBase, write } from "./write.ts";

/**
 * Opens the ledger in a database that is there.
 * @param absent whether its tables are made when they are not there
 * @throws {AegisError} `ledger/unavailable` when it cannot be used, `ledger/not-found` when it is
 * not there and is not to be made
 */
export async function openPostgresStore(
  place: PostgresPlace,
  absent: "make" | "refuse" = "make",
): Promise<Store> {
  const connections = connect(place);
  try {
    const origin = await prepareDatabase(connections, absent);
    return {
      origin,
      ...createReader(connections),
      ...createWriter(connections),
      scrub: async () => undefined,
      snapshot: () => openSnapshot(connections, origin),
      close: () => connections.close(),
    };
  } catch (error) {
    await connections.close();
    throw error;
  }
}

type Writing = "append" | "appendMany" | "putRecord" | "removeRecord" | "addCheckpoint";

function createWriter(connections: Connections): Pick<Store, Writing> {
  const appendMany: Store["appendMany"] = async (needsOf, build) => {
    const needs = needsOf();
    await connections.transact<readonly Addition[]>({
      async run(session) {
        const additions = build(await readBase(session, needs));
        await write(session, additions);
        return additions;
      },
      async lastly(session, additions) {
        for (const { purge } of additions) if (purge !== undefined) await takeOut(session, purge);
      },
      isStored,
    });
  };
  return {
    appendMany,
    append: (session, build) =>
      appendMany(
        () => ({ sessions: [session], events: [], records: [] }),
        (base) => [build({ head: base.head, session: base.session(session) })],
      ),
    async putRecord({ kind, key, json }, expected) {
      const place = [kind, toldText(key), json];
      const sql =
        expected === undefined
          ? "INSERT INTO aegis_record(kind, key, json) VALUES ($1, $2, $3) " +
            "ON CONFLICT (kind, key) DO NOTHING"
          : "UPDATE aegis_record SET json = $3 WHERE kind = $1 AND key = $2 AND json = $4";
      const values = expected === undefined ? place : [...place, expected];
      return (await connections.change(sql, values)).count === 1;
    },
    async removeRecord({ kind, key, json }) {
      const sql = "DELETE FROM aegis_record WHERE kind = $1 AND key = $2 AND json = $3";
      return (await connections.change(sql, [kind, toldText(key), json])).count === 1;
    },
    async addCheckpoint({ size, note }) {
      const sql =
        "INSERT INTO aegis_checkpoint(size, note) VALUES ($1, $2) ON CONFLICT (size) DO NOTHING";
      await connections.change(sql, [size, note]);
    },
  };
}
