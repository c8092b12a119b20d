// A body as large as one may be does not keep others from being answered: it is read, sealed and
// checked in pieces, and gives the same answers as a small one.

import { expect, test } from "bun:test";
import { createRateLimiter } from "../../../src/app/serve/rate-limit.ts";
import { requestBodyMaxBytes } from "../../../src/base/limits.ts";
import { createControlLog } from "../../../src/ledger/control/log.ts";
import { createMemoryStore } from "../../../src/ledger/memory.ts";
import { portDoor } from "../../../src/server/auth.ts";
import { createDispatch } from "../../../src/server/dispatch.ts";
import { eventRoutes } from "../../../src/server/events.ts";

function start() {
  const log = createControlLog(createMemoryStore("aegis.local/large"));
  const dispatch = createDispatch(
    eventRoutes(
      log,
      () => 40,
      createRateLimiter(0, () => 40),
    ),
  );
  const hosts = { local: new Set(["localhost"]), port: 80, named: [], isGuarded: false };
  const door = portDoor([], hosts);
  const post = async (path: string, body: string) => {
    const headers = { Host: "localhost", "Content-Length": String(Buffer.byteLength(body)) };
    const request = new Request(`http://localhost${path}`, { method: "POST", headers, body });
    const { response } = await dispatch(request, door);
    return { status: response.status, text: await response.text() };
  };
  return { log, post };
}

/** So many members, as a person or Python writes them. */
function members(count: number): string {
  return `{${Array.from({ length: count }, (_, at) => `"k${at}": ${at}.50`).join(", ")}}`;
}

const named = '"tenant_id": "acme", "event_type": "X"';
const draft = (session: string, payload: string, more = "") =>
  `{${named}, "session_id": "${session}"${more}, "payload": ${payload}}`;
const wrong = `, "seq": 1, "hash": "${"0".repeat(64)}", "prev_hash": "${"1".repeat(64)}"`;

/** Requests of others that are answered, one after the other, before the large one is. */
const others = 8;
const cases: readonly [name: string, path: string, body: string, status: number][] = [
  ["one event", "/v1/events", draft("large", members(200_000)), 201],
  ["one event that nobody sealed", "/v1/events", draft("large", members(200_000), wrong), 400],
  ["no JSON at its end", "/v1/events", `${draft("large", members(200_000))}}`, 400],
  [
    "a batch",
    "/v1/events:batch",
    Array.from({ length: 1000 }, (_, at) => draft(`s${at}`, members(300))).join("\n"),
    201,
  ],
  ["a batch of one", "/v1/events:batch", draft("large", members(200_000)), 201],
];

for (const [name, path, body, status] of cases) {
  test(`others are answered while ${name} of megabytes is worked on`, async () => {
    expect(body.length).toBeWithin(2 << 20, requestBodyMaxBytes);
    const { post } = start();
    const answered: string[] = [];
    const large = post(path, body).then((answer) => {
      answered.push("large");
      return answer.status;
    });
    for (let at = 0; at < others; at++) {
      const small = await post("/v1/events", draft("small", `{"at": ${at}}`));
      expect(small.status).toBe(201);
      answered.push("small");
    }
    expect(await large).toBe(status);
    expect(answered).toEqual([...Array.from({ length: others }, () => "small"), "large"]);
  });
}

test("what is read in pieces is refused for the same reason, at the same place", async () => {
  const { log, post } = start();
  const [fill, twice] = [members(20_000), '{"a": 1, "a": 2}'];
  const large = await post("/v1/events", draft("s", `[${fill}, ${twice}]`));
  expect([large.status, JSON.parse(large.text).code]).toEqual([400, "json_invalid"]);
  const at = draft("s", `[${fill}, ${twice}]`).lastIndexOf('"a"');
  expect(large.text).toContain(`\\"a\\" is given twice at character ${at}`);
  const lines = [draft("s", fill), draft("s", twice), draft("s", "{}")];
  const batch = JSON.parse((await post("/v1/events:batch", lines.join("\n"))).text);
  expect([batch.code, batch.line]).toEqual(["json_invalid", 2]);
  expect((await post("/v1/events", " ".repeat(1 << 20))).text).toContain("invalid JSON: EOF");
  const deep = `${"[".repeat(64)}${"1,".repeat(1 << 16)}`;
  expect((await post("/v1/events", draft("s", deep))).text).toContain("nested deeper than 64");
  expect(await log.size()).toBe(0);
});
