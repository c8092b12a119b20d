// Calls whose arguments are told apart by less than a double can say: counted, decided about and
// recorded as they were sent, by the server that heard of them and by one that reads the ledger.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { createControlLog } from "../../src/ledger/control/log.ts";
import { decidingOver } from "../support/deciding.ts";
import { memoryLedger, sqliteLedger } from "../support/ledger.ts";
import { testMs } from "../support/patience.ts";

setDefaultTimeout(testMs);

const stores = [
  ["in memory", () => memoryLedger().store],
  ["in SQLite", () => sqliteLedger().store],
] as const;

const place = '"tenant_id":"acme","session_id":"s"';
const manifest = '{"permissions":{"tools":["pay"]}}';

/** @param args as they are spelled */
function proposed(args: string): string {
  return `"event_type":"TOOL_CALL_PROPOSED","payload":{"tool_name":"pay","args":${args}}`;
}

const pairs = [
  ["the same call", '{"to":9007199254740993}', '{"to":9007199254740993}', true],
  ["another call", '{"to":9007199254740993}', '{"to":9007199254740992}', false],
  ["another call", '{"to":9007199254740992}', '{"to":9007199254740993}', false],
  ["another call", '{"to":9007199254740993}', '{"to":9007199254740995}', false],
  ["another call", '{"to":9007199254740993}', '{"to":"9007199254740993"}', false],
  ["another call", '{"to":1,"sum":0.10000000000000001}', '{"to":1,"sum":0.1}', false],
  [
    "the same call",
    '{"to":9007199254740993,"sum":1}',
    '{"sum":1.0,"to":90071992547409930e-1}',
    true,
  ],
  ["the same call", '{"sum":1,"to":2}', '{ "to": 2.0, "sum": 1e0 }', true],
] as const;

describe.each(stores)("%s", (_, open) => {
  describe.each(pairs)("%s is %s behind %s", (_, before, args, isSame) => {
    const asked = async (sent: readonly (readonly [path: string, body: string])[]) => {
      const store = open();
      const server = decidingOver(store);
      const answers: unknown[] = [];
      for (const [path, body] of sent) {
        const answer = await fetch(`${server.url}${path}`, { method: "POST", body });
        answers.push(((await answer.json()) as { readonly reason?: string }).reason);
      }
      const seen = async ({ get }: Pick<typeof server, "get">) =>
        (await get("/v1/sessions/s/snapshot?tenant_id=acme")).body;
      const state = await seen(server);
      // Who has nothing in memory adds up what is in the ledger.
      expect(await seen(decidingOver(store))).toEqual(state);
      const log = createControlLog(store);
      expect(await log.verify("acme", "s")).toMatchObject({ valid: true });
      return { answers, state };
    };
    const question = (of: string): readonly [string, string] => [
      "/v1/policy/decide",
      `{"session":{${place}},"manifest":${manifest},"event":{${proposed(of)}}}`,
    ];

    test("where both are asked about", async () => {
      const { answers, state } = await asked([question(before), question(args)]);
      expect(answers).toEqual(["OK", isSame ? "LOOP_DETECTED" : "OK"]);
      expect(state.loop_violation).toBe(isSame ? "LOOP_IDENTICAL_CALL" : "");
    });

    test("where one is proposed and the other asked about", async () => {
      const event = `{${place},${proposed(before)}}`;
      const { answers, state } = await asked([["/v1/events", event], question(args)]);
      expect(answers).toEqual([undefined, "OK"]);
      expect(state.tool_calls_consumed).toBe(isSame ? 1 : 2);
    });
  });
});

test.each([
  ["differ", ["9007199254740992", "9007199254740993", "9007199254740992.5"], ""],
  ["are one", ["9007199254740993", "9007199254740993.0", "90071992547409930e-1"], "NO_PROGRESS"],
])("calls whose results %s", async (_, results, reason) => {
  const server = decidingOver(memoryLedger().store);
  const event = async (type: string, payload: string): Promise<void> => {
    const body = `{${place},"event_type":"${type}","payload":${payload}}`;
    const answer = await fetch(`${server.url}/v1/events`, { method: "POST", body });
    expect(answer.status).toBe(201);
  };
  for (const [at, number] of results.entries()) {
    await event("TOOL_CALL_PROPOSED", `{"tool_name":"${at % 2 === 0 ? "a" : "b"}","args":${at}}`);
    await event("TOOL_RESULT", `{"call_id":"${at}","result":${number}}`);
  }
  await event("TOOL_CALL_PROPOSED", '{"tool_name":"c"}');
  const { body } = await server.get("/v1/sessions/s/snapshot?tenant_id=acme");
  expect(body.loop_violation).toBe(reason === "" ? "" : `LOOP_${reason}`);
});

test("the record of both is what was sent", async () => {
  const server = decidingOver(memoryLedger().store);
  const call = proposed('{"to":9007199254740993}');
  const post = (path: string, body: string) =>
    fetch(`${server.url}${path}`, { method: "POST", body });
  await post("/v1/events", `{${place},${call}}`);
  await post("/v1/policy/decide", `{"session":{${place}},"event":{${call}}}`);
  await post("/v1/policy/decide", `{"session":{${place}},"event":{${call}}}`);
  const listed = await fetch(`${server.url}/v1/events?tenant_id=acme&session_id=s`);
  const text = await listed.text();
  const numbers = [...text.matchAll(/"to":([0-9]+)/g)].map(([, number]) => number);
  expect(numbers).toEqual(["9007199254740993", "9007199254740993"]);
  expect(text).toContain('"proposed":{"args":{"to":9007199254740993},"tool_name":"pay"}');
});
