// A store that was closed under somebody, as one is whose file was replaced, fails as the ledger.

import { expect, test } from "bun:test";
import { createControlLog } from "../../../../src/ledger/control/log.ts";
import { openSqliteStore, type SqliteStore } from "../../../../src/ledger/sqlite/store.ts";
import { emptyTree } from "../../../../src/ledger/tree/merkle.ts";
import { tempDir } from "../../../support/temp.ts";

const event = { tenant: "acme", session: "s", user: "", type: "X", tsUnixMs: 1, payload: null };
const nothing = {
  ...{ events: [], head: emptyTree, nodes: [], policyLoad: undefined },
  session: { id: "s" },
} as never;
const record = { kind: "steps", key: "k", json: "1" };
const writes: readonly [name: string, write: (store: SqliteStore) => Promise<unknown>][] = [
  ["append", (store) => store.append("s" as never, () => nothing)],
  ["append of many", (store) => createControlLog(store).append([event])],
  ["checkpoint", (store) => store.addCheckpoint({ size: 1, note: "" })],
  ["record", (store) => store.putRecord(record, undefined)],
  ["record that goes", (store) => store.removeRecord(record)],
];

for (const isShared of [false, true]) {
  for (const [name, write] of writes) {
    const before = isShared ? "after events of clients" : "as it was opened";
    test(`${name}: ${before}, then closed`, async () => {
      const store = openSqliteStore(`${tempDir()}/ledger.db`);
      if (isShared) await createControlLog(store).append([event]);
      await store.close();
      expect(await write(store).catch((error) => error)).toMatchObject({
        code: "ledger/unavailable",
      });
    });
  }
}
