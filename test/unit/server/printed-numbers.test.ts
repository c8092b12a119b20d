// Numbers that JavaScript has not, or spells otherwise: listed as they were sent and hashed.

import { expect, test } from "bun:test";
import { createControlClient, sessionEvents } from "../../../src/app/control-client.ts";
import { canonicalText } from "../../../src/base/canonical-dialects.ts";
import { sha256Hex } from "../../../src/base/hash.ts";
import { parseJsonText } from "../../../src/base/json-text.ts";
import type { AbsPath } from "../../../src/base/paths.ts";
import { afterThisTest } from "../../support/endings.ts";
import { startLocalServer } from "../../support/local-server.ts";

const payload = '{"a":9007199254740993,"b":[1.0,-0.0,1e+16,-9223372036854775807],"count":2}';
const where = '"session_id":"s","tenant_id":"acme","ts_unix_ms":5,"user_id":""';
const sealed = `{"event_type":"X","payload":${payload},"seq":0,${where}}`;
const hash = sha256Hex(canonicalText(parseJsonText(sealed), "python"));

/** A server with that event. */
async function served(): Promise<string> {
  const server = startLocalServer();
  afterThisTest(() => server.stop());
  const url = `http://127.0.0.1:${server.port}`;
  // The tail begins behind some event.
  const other = `{"tenant_id":"acme","session_id":"other"}`;
  await fetch(`${url}/v1/events`, { method: "POST", body: other });
  const body = `${sealed.slice(0, -1)},"hash":"${hash}"}`;
  const stored = await fetch(`${url}/v1/events`, { method: "POST", body });
  expect([stored.status, await stored.json()]).toEqual([201, { seq: 0, hash }]);
  return url;
}

const query = "tenant_id=acme&session_id=s";

test("the list has them, so that whoever reads it has what was hashed", async () => {
  const url = await served();
  const text = await (await fetch(`${url}/v1/events?${query}`)).text();
  expect(text).toContain(`"payload":${payload},`);
  const verdict = await fetch(`${url}/v1/sessions/s/verify?tenant_id=acme`);
  expect(await verdict.json()).toEqual({ valid: true, first_bad_seq: 0, error: "" });
});

test("the reference daemon's form of the list has them", async () => {
  const url = await served();
  const headers = { Accept: "application/vnd.aegis.v0+json" };
  const answer = await fetch(`${url}/v1/events?${query}`, { headers });
  const { Events } = (await answer.json()) as { Events: readonly { PayloadJSON: string }[] };
  expect(Events.map(({ PayloadJSON }) => atob(PayloadJSON))).toEqual([payload]);
});

test("the live tail has them", async () => {
  const url = await served();
  const left = new AbortController();
  const { signal } = left;
  const tail = await fetch(`${url}/v1/events/stream?${query}&after=0`, { signal });
  let text = "";
  const decoder = new TextDecoder();
  for await (const piece of tail.body ?? []) {
    text += decoder.decode(piece, { stream: true });
    if (text.includes("data: ")) break;
  }
  left.abort();
  expect(text).toContain(`"payload":${payload},`);
});

test("an export of the session has them", async () => {
  const url = await served();
  const none = { apiKeyFile: undefined, caFile: undefined, certFile: undefined };
  const access = { ...none, keyFile: undefined, server: url };
  const client = createControlClient(access, "/" as AbsPath);
  const printed: string[] = [];
  for await (const page of sessionEvents(client, { tenant: "acme", session: "s" })) {
    printed.push(...page.map((event) => JSON.stringify(event)));
  }
  expect(printed).toEqual([expect.stringContaining(`"payload":${payload},`)]);
});
