// What counts against the limit of calls in a minute: each call once, however often it is told.

import { afterAll, expect, test } from "bun:test";
import { startLocalServer } from "../../support/local-server.ts";

const server = startLocalServer({
  decide: () => ({ outcome: "allow", reason: "OK", constraints: {} }),
  rateLimit: 2,
});
afterAll(() => server.stop());

function post(path: string, body: string, headers: Readonly<Record<string, string>> = {}) {
  const url = `http://127.0.0.1:${server.port}${path}`;
  return fetch(url, { method: "POST", body, headers });
}

const event = (tool: string, more: object = {}): string =>
  JSON.stringify({
    ...{ tenant_id: "acme", session_id: tool, event_type: "TOOL_CALL_PROPOSED" },
    ...{ payload: { tool_name: tool }, ...more },
  });

async function statuses(...bodies: readonly string[]): Promise<readonly number[]> {
  const found: number[] = [];
  for (const body of bodies) found.push((await post("/v1/events", body)).status);
  return found;
}

test("an event that is sent again is told again, at the limit too", async () => {
  const [first, second] = [event("again", { seq: 0 }), event("again", { seq: 1 })];
  expect(await statuses(first, first, first, second)).toEqual([201, 200, 200, 201]);
  expect(await statuses(first, second, event("again", { seq: 2 }))).toEqual([200, 200, 429]);
});

test("an event that does not follow is none", async () => {
  const [wrong, next] = [event("wrong", { seq: 9 }), event("wrong")];
  expect(await statuses(wrong, wrong, wrong, next, next, next)).toEqual([
    ...[409, 409, 409],
    ...[201, 201, 429],
  ]);
  expect(await statuses(wrong)).toEqual([429]);
});

test("of a batch those count that are stored", async () => {
  const lines = [event("batch", { seq: 0 }), event("batch", { seq: 1 })];
  const batch = async (...sent: readonly string[]) =>
    (await post("/v1/events:batch", sent.join("\n"))).status;
  expect(await batch(...lines)).toBe(201);
  expect(await batch(...lines)).toBe(201);
  expect(await batch(...lines, event("batch", { seq: 2 }))).toBe(429);
});

test("a question that is asked again under its key is one call", async () => {
  const ask = async (call_id: string, key: string) => {
    const body = JSON.stringify({
      event: { event_type: "TOOL_CALL_PROPOSED", payload: { tool_name: "asked", call_id } },
      session: { tenant_id: "acme", session_id: "asked" },
    });
    const answer = await post("/v1/policy/decide", body, { "Idempotency-Key": key });
    return ((await answer.json()) as { readonly reason: string }).reason;
  };
  const keys = ["a", "a", "a", "b", "b", "a", "c", "c", "b"];
  const reasons = [];
  for (const key of keys) reasons.push(await ask(key, key));
  expect(reasons).toEqual([
    ...["OK", "OK", "OK", "OK", "OK", "OK"],
    ...["RATE_LIMITED", "RATE_LIMITED", "OK"],
  ]);
});
