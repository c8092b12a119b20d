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

describe.each(kinds)("under one key %s", (_, open) => {
  const question = proposal("read", { call_id: "c" });
  const decisions = "/v1/events?tenant_id=acme&session_id=s&event_type=POLICY_DECISION";

  test("decide a question once, and go on saying what was decided", async () => {
    const servers = (await open()).map((store) => decidingOver(store));
    const [first = decidingOver(memoryLedger().store), other = first] = servers;
    const answers = await Promise.all(
      [first, other, first, other].map((one) => one.decide("s", question, { manifest }, "k")),
    );
    const allowed = { outcome: "allow", reason: "OK" };
    for (const answer of answers) expect(answer).toMatchObject({ status: 200, body: allowed });
    expect(new Set(answers.map(({ body }) => JSON.stringify(body))).size).toBe(1);
    expect((await first.get(decisions)).body.Events).toHaveLength(1);
    const counted = async (): Promise<unknown> =>
      (await first.get("/v1/sessions/s/snapshot?tenant_id=acme")).body.tool_calls_consumed;
    expect(await counted()).toBe(1);

    // By now the session is over its budget, and would be told so.
    const place = { tenant_id: "acme", session_id: "s", event_type: "CHECKPOINT", payload: {} };
    for (let at = 0; at < 24; at++) await first.post("/v1/events", place);
    const late = await other.decide("s", question, { manifest }, "k");
    expect(late).toEqual(answers[0] ?? late);
    const anew = await other.decide("s", question, { manifest }, "another key");
    expect(anew.body).toMatchObject({ outcome: "deny", reason: "BUDGET_EXCEEDED" });
    expect((await first.get(decisions)).body.Events).toHaveLength(2);
  });

  test.each([
    ["events", "/v1/events", '"event_type":"TOOL_CALL_PROPOSED","payload":', 201],
    [
      "questions",
      "/v1/policy/decide",
      '"event":{"event_type":"TOOL_CALL_PROPOSED","payload":{"tool_name":"read"}},"manifest":',
      200,
    ],
  ])("tell %s with numbers apart that are one double", async (_, path, members, status) => {
    const [store = memoryLedger().store] = await open();
    const server = decidingOver(store);
    const place = '"tenant_id":"acme","session_id":"s"';
    const send = async (number: string, key: string) => {
      const where = path === "/v1/events" ? place : `"session":{${place}}`;
      const body = `{${where},${members}{"id":${number}}}`;
      const headers = { "Idempotency-Key": key };
      const answer = await fetch(`${server.url}${path}`, { method: "POST", headers, body });
      return [answer.status, ((await answer.json()) as { readonly code?: string }).code];
    };
    const pairs = [
      ["9007199254740993", "9007199254740992"],
      ["0.1000000000000000055511151231257827", "0.1"],
      ["123456789012345678901234567890", "123456789012345678901234567891"],
    ] as const;
    for (const [at, [one, other]] of pairs.entries()) {
      expect(await send(one, `k${at}`)).toEqual([status, undefined]);
      expect(await send(other, `k${at}`)).toEqual([422, "idempotency_mismatch"]);
      expect(await send(one, `k${at}`)).toEqual([200, undefined]);
    }
  });

  test("refuse another question, another session and an event", async () => {
    const [store = memoryLedger().store] = await open();
    const server = decidingOver(store);
    await server.decide("s", question, { manifest }, "k");
    const place = { tenant_id: "acme", session_id: "s", event_type: "CHECKPOINT", payload: {} };
    const others = [
      server.decide("s", proposal("read", { call_id: "d" }), { manifest }, "k"),
      server.decide("s", question, {}, "k"),
      server.decide("another", question, { manifest }, "k"),
      server.post("/v1/events", place, "k"),
    ];
    for (const { status, body } of await Promise.all(others)) {
      expect({ status, code: body.code }).toEqual({ status: 422, code: "idempotency_mismatch" });
    }
    expect((await server.get(decisions)).body.Events).toHaveLength(1);
  });

  test("decide each question, also equal ones at the same moment", async () => {
    const [store = memoryLedger().store] = await open();
    const server = decidingOver(store, { nowMs: () => 1_700_000_000_000 });
    const keys = ["a", "b", undefined, undefined];
    await Promise.all(keys.map((key) => server.decide("s", question, { manifest }, key)));
    expect((await server.get(decisions)).body.Events).toHaveLength(4);
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
