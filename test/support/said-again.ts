// What somebody with the database, our code and no key can do with statements of purges that they
// kept: say them again in a ledger that has the sessions, and take those out.

import { newSessionId } from "../../src/base/ids.ts";
import { buildAddition } from "../../src/ledger/addition.ts";
import { closingDraft } from "../../src/ledger/closing.ts";
import { localTenant } from "../../src/ledger/control/foreign.ts";
import { openingDrafts } from "../../src/ledger/opening.ts";
import { purgedRow, readStatement } from "../../src/ledger/purge/statement.ts";
import { createSealer } from "../../src/ledger/seal.ts";
import { openSqliteStore } from "../../src/ledger/sqlite/store.ts";
import type { EventDraft, JsonObject } from "../../src/model/event.ts";
import { policySnapshot } from "../../src/model/policy-snapshot.ts";
import { readAll } from "./ledger-attack.ts";

/** Of the purges that the ledger tells of. */
export function statementsIn(path: string): readonly JsonObject[] {
  return readAll(path)
    .filter(({ event_type }) => event_type === "SESSION_PURGED")
    .map(({ payload }) => payload);
}

/** As a purge records it, in one transaction. */
export async function sayAgain(path: string, statements: readonly JsonObject[]): Promise<void> {
  const store = openSqliteStore(path);
  const id = newSessionId();
  const user = "audit purge";
  const snapshot = policySnapshot([]);
  const named = { name: user, mode: "purge", command: [], directory: "/", tag: undefined };
  const opening = { ...named, policyHash: snapshot.hash, coverage: [] };
  const sessions = statements.flatMap(
    (payload) => readStatement(store.origin, payload)?.session ?? [],
  );
  const [{ openedUnixMs: tsUnixMs } = { openedUnixMs: 0 }] = sessions;
  const needed = { sessions: [id], events: [], records: [] };
  await store.appendMany(
    () => needed,
    ({ head }) => {
      const base = { head, session: undefined };
      const { addition } = buildAddition(createSealer(), base, {
        ...{ session: id, tenant: localTenant, user, policy: undefined },
        *drafts(session, found): Iterable<EventDraft> {
          const facts = { opening, snapshot, isNewPolicy: false, head: found, tsUnixMs };
          yield* openingDrafts(facts).slice(0, 1);
          for (const payload of statements) yield { type: "SESSION_PURGED", tsUnixMs, payload };
          yield closingDraft(session, { tsUnixMs, exitStatus: 0, summary: {} });
        },
      });
      return [{ ...addition, purge: { sessions: sessions.map(purgedRow), records: [] } }];
    },
  );
  await store.close();
}
