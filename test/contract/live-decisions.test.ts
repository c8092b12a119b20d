// Decisions about one session that are asked for at the same time, of one server and of several on
// one ledger: together they allow what they would have allowed one after the other.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import type { Store } from "../../src/ledger/store.ts";
import type { JsonObject } from "../../src/model/event.ts";
import { type Deciding, decidingOver, proposal } from "../support/deciding.ts";
import { memoryLedger, postgresLedger, sqliteLedger } from "../support/ledger.ts";
import { testMs } from "../support/patience.ts";
import { postgresPrograms, postgresServer } from "../support/postgres.ts";

setDefaultTimeout(testMs);

async function twoOverPostgres(): Promise<readonly Store[]> {
  const place = await (await postgresServer()).place();
  return [(await postgresLedger(place)).store, (await postgresLedger(place)).store];
}

function twoOverSqlite(): readonly Store[] {
  const first = sqliteLedger();
  return [first.store, sqliteLedger(first.path.replace(/\/ledger\.db$/, "")).store];
}

const kinds: readonly (readonly [string, () => Promise<readonly Store[]> | readonly Store[]])[] = [
  ["one server", () => [memoryLedger().store]],
  ["two servers on one SQLite file", twoOverSqlite],
  ...(postgresPrograms === undefined
    ? []
    : [["two servers on one PostgreSQL", twoOverPostgres] as const]),
];

const manifest = { permissions: { tools: ["read"] } };

async function sendEvents({ post }: Deciding, count: number): Promise<void> {
  for (let at = 0; at < count; at++) {
    const place = { tenant_id: "acme", session_id: "s", event_type: "CHECKPOINT" };
    expect((await post("/v1/events", { ...place, payload: { at } })).status).toBe(201);
  }
}

/** Of thirty calls; each with other arguments, so that only the steps run out. */
const decideOnce = (one: Deciding | undefined, at: number): Promise<{ body: JsonObject }> =>
  one?.decide("s", proposal("read", { call_id: `c${at}`, args: { at } }), { manifest }) ??
  Promise.reject(new Error("no server"));

describe.each(kinds)("%s", (_, open) => {
  test.each([20, 23])("allow what is left of 24 steps behind %i events, not more", async (sent) => {
    const servers = (await open()).map((store) => decidingOver(store));
    const [first] = servers;
    if (first === undefined) throw new Error("no server");
    await sendEvents(first, sent);
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, at) => decideOnce(servers[at % servers.length], at)),
    );
    const reasons = answers.map(({ body }) => body.reason);
    expect(reasons.filter((reason) => reason === "OK")).toHaveLength(24 - sent);
    expect(reasons.filter((reason) => reason === "BUDGET_EXCEEDED")).toHaveLength(6 + sent);

    // Every one of them is in the chain, on the state that the event before it left.
    const { body } = await first.get("/v1/events?tenant_id=acme&session_id=s&limit=100");
    const events = body.Events as readonly (JsonObject & { readonly payload: JsonObject })[];
    const decided = events.filter(({ event_type }) => event_type === "POLICY_DECISION");
    expect(decided).toHaveLength(30);
    for (const { seq, payload } of decided) expect(payload.snapshot_seq).toBe(Number(seq) - 1);
    const ids = decided.map(({ payload }) => payload.call_id);
    expect(new Set(ids).size).toBe(30);
  });

  test("allow one after the other as much", async () => {
    const [store] = await open();
    if (store === undefined) throw new Error("no store");
    const server = decidingOver(store);
    await sendEvents(server, 20);
    const reasons: unknown[] = [];
    for (let at = 0; at < 7; at++) reasons.push((await decideOnce(server, at)).body.reason);
    const exceeded = new Array(3).fill("BUDGET_EXCEEDED");
    expect(reasons).toEqual(["OK", "OK", "OK", "OK", ...exceeded]);
  });
});

test("a session that does not stand still is denied, and that is recorded", async () => {
  const { store } = memoryLedger();
  let moved = 0;
  const server: Deciding = decidingOver(store, {
    async decide() {
      moved += 1;
      const place = { tenant_id: "acme", session_id: "s", event_type: "CHECKPOINT" };
      await server.post("/v1/events", { ...place, payload: { moved } });
      return { outcome: "allow", reason: "OK", constraints: {} };
    },
  });
  const { status, body } = await server.decide("s", proposal("read"));
  expect({ status, body }).toEqual({
    status: 200,
    body: { outcome: "deny", reason: "SESSION_BUSY", constraints: {} },
  });
  expect(moved).toBe(32);
  const listed = await server.get(
    "/v1/events?tenant_id=acme&session_id=s&event_type=POLICY_DECISION",
  );
  expect(listed.body.Events).toMatchObject([
    { seq: 32, payload: { outcome: "deny", reason_codes: ["SESSION_BUSY"] } },
  ]);
});
