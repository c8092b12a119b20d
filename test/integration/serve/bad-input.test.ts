// What a client may get wrong, row by row: a 4xx with its code, nothing stored, no decision made.
// Each row has a twin that differs in one thing and is accepted.

import { afterAll, describe, expect, test } from "bun:test";
import { chmodSync, writeFileSync } from "node:fs";
import { sha256Hex } from "../../../src/base/hash.ts";
import * as ofEvents from "../../fixtures/bad-input/events.ts";
import * as others from "../../fixtures/bad-input/others.ts";
import { events, type Row, type Sent } from "../../fixtures/bad-input/row.ts";
import { serve } from "../../support/served.ts";
import { tempDir } from "../../support/temp.ts";

const folder = tempDir("bad-input");
const callers = ["admin * root", "agent acme bot", "approver acme alice", "agent other spy"];
const keys = `${folder}/keys`;
const keyLines = callers.map((line) => `${sha256Hex(line.split(" ")[2] ?? "")} ${line}\n`);
writeFileSync(keys, keyLines.join(""));
chmodSync(keys, 0o600);
const server = await serve(`${folder}/ledger.db`, "--keys", keys);
afterAll(() => server.stop());

interface Told {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

async function send({ method, path, body, key = "root", headers = {} }: Sent): Promise<Told> {
  const response = await fetch(`${server.url}${path}`, {
    method: method ?? (body === undefined ? "GET" : "POST"),
    headers: { Authorization: `Bearer ${key}`, ...headers },
    ...(body === undefined ? {} : { body }),
  });
  const type = response.headers.get("Content-Type") ?? "";
  const text = await response.text();
  return { status: response.status, body: type === "application/json" ? JSON.parse(text) : {} };
}

type Sessions = readonly { readonly session_id: string; readonly event_count: number }[];

async function sessionsOf(tenant: string): Promise<Sessions> {
  const { body } = await send({ path: `/v1/sessions?tenant_id=${tenant}&limit=1000` });
  return body.sessions as Sessions;
}

async function eventCount(): Promise<number> {
  const sessions = [...(await sessionsOf("acme")), ...(await sessionsOf("other"))];
  return sessions.reduce((sum, { event_count }) => sum + event_count, 0);
}

async function check([, wrong, status, code, twin]: Row): Promise<void> {
  const before = await eventCount();
  const told = await send(wrong);
  expect(told).toMatchObject({ status, body: { code } });
  expect(told.body.error).toBeString();
  expect(told.body).not.toHaveProperty("outcome");
  expect(await eventCount()).toBe(before);
  expect((await send(twin)).status).toBeLessThan(300);
}

const groups: Readonly<Record<string, readonly Row[]>> = {
  "as JSON": ofEvents.textRows,
  "as an event": ofEvents.memberRows,
  "by its seal": ofEvents.sealRows,
  "in a batch": ofEvents.batchRows,
  "as a question": others.questionRows,
  "for an approval": others.approvalRows,
  "by its parameters": others.parameterRows,
  "from a caller": others.callerRows,
};

describe.each(Object.entries(groups))("refused %s:", (_, rows) => {
  test.each(rows.map((row) => [row[0], row] as const))("%s", (_, row) => check(row));
});

test("refused: a key that was used", async () => {
  const [, , , , twin] = ofEvents.usedKey;
  expect((await send(twin)).status).toBe(201);
  await check(ofEvents.usedKey);
});

test("a body is taken up to 8 MiB, an event up to 4", async () => {
  const sized = (size: number, payload = ""): Sent => {
    const body = JSON.stringify({ tenant_id: "acme", session_id: "big", payload });
    return { path: events, body: body + " ".repeat(Math.max(0, size - body.length)) };
  };
  const most = 8 * 1024 * 1024;
  const tooLarge = { status: 413, body: { code: "body_too_large" } };
  expect((await send(sized(most))).status).toBe(201);
  expect(await send(sized(most + 1))).toMatchObject(tooLarge);
  expect((await send(sized(0, "x".repeat(4_000_000)))).status).toBe(201);
  const refused = { status: 400, body: { code: "event_invalid" } };
  expect(await send(sized(0, "x".repeat(4_300_000)))).toMatchObject(refused);
});

test("after all of it every session is what was recorded", async () => {
  for (const tenant of ["acme", "other"]) {
    const sessions = await sessionsOf(tenant);
    expect(sessions.length).toBeGreaterThan(0);
    for (const { session_id: id } of sessions) {
      const path = `/v1/sessions/${encodeURIComponent(id)}/verify?tenant_id=${tenant}`;
      expect([id, (await send({ path })).body.valid]).toEqual([id, true]);
    }
  }
});
