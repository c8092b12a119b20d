// What clients record, encrypted on the disk, over every store: readable through the keys alone,
// bound to its place, and verifiable with and without them.

import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { AegisError } from "../../src/base/errors.ts";
import { parseJsonText } from "../../src/base/json-text.ts";
import type { AppendRequest } from "../../src/ledger/control/contract.ts";
import { createControlLog } from "../../src/ledger/control/log.ts";
import { type PayloadKeys, readPayloadKeys } from "../../src/ledger/encrypted/payload-keys.ts";
import { encryptedStore } from "../../src/ledger/encrypted/store.ts";
import { payloadsMarker } from "../../src/ledger/encrypted/text.ts";
import { createLedger } from "../../src/ledger/ledger.ts";
import { verifyReceipt } from "../../src/ledger/tree/receipt.ts";
import {
  access,
  denial,
  ledgerKinds,
  memoryLedger,
  opening,
  recordSession,
  sqliteLedger,
  startMs,
  type TestLedger,
  testPolicy,
} from "../support/ledger.ts";

const key = (byte: number) => new Uint8Array(32).fill(byte).toBase64();

function keysOf(...keys: readonly object[]): PayloadKeys {
  const read = readPayloadKeys({ keys });
  if (!read.ok) throw new Error(read.error);
  return read.value;
}

const master = keysOf({ key: key(1) });
const secret = "tangerine-elephant";
const base: AppendRequest = {
  tenant: "a/b%c",
  user: "u1",
  session: "s/1",
  type: "TOOL_CALL_PROPOSED",
  payload: parseJsonText(`{"tool_name":"read_file","args":{"path":"/${secret}"}}`),
  tsUnixMs: startMs,
};

/** The same rows seen through keys, or as they are. */
function seen(opened: TestLedger, keys: PayloadKeys | undefined) {
  const store = keys === undefined ? opened.store : encryptedStore(opened.store, keys);
  const ledger = createLedger({ ...opened, store });
  return { store, ledger, log: createControlLog(store) };
}

async function codeOf(work: Promise<unknown>): Promise<unknown> {
  try {
    await work;
    return undefined;
  } catch (error) {
    if (error instanceof AegisError) return error.code;
    throw error;
  }
}

const query = { tenant: base.tenant, session: base.session, limit: 100 };

describe.each(ledgerKinds)("encrypted events over %s", (_, open) => {
  async function filled(keys = master) {
    const opened = await open();
    await opened.store.putRecord({ ...payloadsMarker, json: "true" }, undefined);
    const { log, ...rest } = seen(opened, keys);
    const outcomes = await log.append([
      base,
      { ...base, type: "TOOL_RESULT", payload: parseJsonText(`{"result":"${secret}"}`) },
      { ...base, session: "s2", payload: parseJsonText('{"tool_name":"other","x":1}') },
    ]);
    expect(outcomes.map(({ kind }) => kind)).toEqual(["stored", "stored", "stored"]);
    return { opened, log, ...rest };
  }

  test("read as they were recorded, with the filters that look into payloads", async () => {
    const { log } = await filled();
    const events = await log.events(query);
    expect(events.map(({ seq, payload }) => [seq, payload])).toEqual([
      [0, { tool_name: "read_file", args: { path: `/${secret}` } }],
      [1, { result: secret }],
    ]);
    const { tenant } = base;
    const named = await log.events({ tenant, toolName: "other", limit: 10 });
    expect(named.map(({ session }) => session)).toEqual(["s2"]);
    expect((await log.event(tenant, "s/1", 1))?.payload).toEqual({ result: secret });
  });

  test("have the hashes that they have unencrypted, so that clients can check them", async () => {
    const { log } = await filled();
    const plain = seen(await open(), undefined).log;
    await plain.append([base]);
    expect((await log.events(query))[0]?.hash).toBe((await plain.events(query))[0]?.hash ?? "");
  });

  test("sent again are known, by their number and by their idempotency key", async () => {
    const { log } = await filled();
    const again = { ...base, session: "s3", idempotencyKey: "k" };
    expect(await log.append([again, again])).toMatchObject([
      { kind: "stored" },
      { kind: "repeated" },
    ]);
    expect(await log.append([{ ...base, seq: 0 }])).toMatchObject([{ kind: "repeated", seq: 0 }]);
  });

  test("are nothing but ciphertext in the rows, and no two are alike", async () => {
    const { opened } = await filled();
    const bodies = (await opened.store.eventsFrom(0, 10)).map(({ body }) =>
      new TextDecoder().decode(body),
    );
    for (const body of bodies) {
      expect(body).toMatch(/^aegis-sealed-1:[0-9a-f]{16}:[A-Za-z0-9+/]+=*$/);
    }
    expect(new Set(bodies.map((body) => body.slice(32, 48))).size).toBe(bodies.length);
  });

  test("verify with the keys: content, chain and tree", async () => {
    const { log, ledger } = await filled();
    const valid = { valid: true, firstBadSeq: 0, error: "" };
    expect(await log.verify(base.tenant, base.session)).toEqual(valid);
    await ledger.checkpoint();
    expect(await ledger.verify()).toMatchObject({ valid: true, findings: [], eventCount: 3 });
    expect((await ledger.verify()).warnings.join()).not.toContain("encrypted");
  });

  test("verify without keys as far as the tree goes, and say so; what they say cannot be read", async () => {
    const { opened, ledger: own } = await filled();
    await own.checkpoint();
    const { log, ledger } = seen(opened, undefined);
    const report = await ledger.verify();
    expect(report).toMatchObject({ valid: true, findings: [], eventCount: 3 });
    expect(report.warnings.join()).toContain("3 events are encrypted");
    expect(await codeOf(log.events(query))).toBe("ledger/encrypted");
    expect(await codeOf(ledger.eventsAfter(-1, 10))).toBe("ledger/encrypted");
    expect(await log.verify(base.tenant, base.session)).toMatchObject({
      valid: false,
      error: "eventlog: no payload key opens seq=0",
    });
    const { body, receipt } = await ledger.prove(1);
    const { verifierKey } = await opened.keys.signer();
    const bytes = new TextEncoder().encode(body);
    expect(await verifyReceipt(receipt, bytes, [verifierKey])).toBeTrue();
  });

  test("of a wrong key are an error that names it, never another text", async () => {
    const { opened } = await filled();
    for (const other of [keysOf({ key: key(2) }), keysOf({ key: key(1), tenant: "another" })]) {
      const { log } = seen(opened, other);
      expect(log.events(query)).rejects.toThrow(/payload key [0-9a-f]{16} is not there/);
      expect((await log.verify(base.tenant, base.session)).valid).toBeFalse();
    }
  });

  test("are read with old keys after a new one took over, and by the tenant's own key", async () => {
    const { opened } = await filled();
    const rotated = keysOf({ key: key(1) }, { key: key(2) });
    const { log, ledger } = seen(opened, rotated);
    await log.append([{ ...base, session: "s4" }]);
    await seen(opened, keysOf({ key: key(3), tenant: base.tenant })).log.append([
      { ...base, session: "s5" },
    ]);
    const bodies = (await opened.store.eventsFrom(0, 10)).map(({ body }) =>
      new TextDecoder().decode(body).slice(15, 31),
    );
    expect(new Set(bodies).size).toBe(3);
    expect((await ledger.verify()).warnings.join()).toContain("1 event is encrypted");
    const all = seen(
      opened,
      keysOf({ key: key(3), tenant: base.tenant }, { key: key(1) }, { key: key(2) }),
    );
    expect(await all.log.events({ tenant: base.tenant, limit: 10 })).toHaveLength(5);
    expect(await all.ledger.verify()).toMatchObject({ valid: true, findings: [] });
  });

  test("of a tenant without a key are not stored", async () => {
    const { log } = seen(await open(), keysOf({ key: key(1), tenant: "another" }));
    expect(await log.append([base, { ...base, tenant: "another" }])).toMatchObject([
      { kind: "refused", code: "tenant_keyless" },
      { kind: "stored" },
    ]);
  });

  test("stand beside those of this machine's own boxes, which stay as they are", async () => {
    const { opened, ledger } = await filled();
    await recordSession(ledger, 5);
    const report = await seen(opened, undefined).ledger.verify();
    expect(report).toMatchObject({ valid: true, findings: [] });
    expect(await ledger.verify()).toMatchObject({ valid: true, findings: [] });
  });

  test("of a box that joins a client's session are encrypted too, and refused without keys", async () => {
    const { opened, ledger, log } = await filled();
    const { kind, key: marker } = payloadsMarker;
    await opened.store.putRecord({ kind, key: marker, json: "true" }, undefined);
    const joined = { tenant: base.tenant, session: "s2", origin: opened.store.origin };
    const keyless = seen(opened, undefined).ledger;
    const refused = keyless.joinSession(joined, opening(), testPolicy, startMs + 1);
    expect(await codeOf(refused)).toBe("ledger/encrypted");
    const writer = await ledger.joinSession(joined, opening(), testPolicy, startMs + 1);
    await writer.append([access(`/${secret}`), denial("/etc/shadow")]);
    await writer.close({ last: [], tsUnixMs: startMs + 9, exitStatus: 0, summary: {} });
    const events = await opened.store.eventsFrom(0, 100);
    expect(
      events.every(({ body }) => new TextDecoder().decode(body).startsWith("aegis-sealed-1:")),
    ).toBeTrue();
    expect(await ledger.verify()).toMatchObject({ valid: true, findings: [] });
    expect((await log.verify(base.tenant, "s2")).valid).toBeTrue();
    expect(await seen(opened, undefined).ledger.verify()).toMatchObject({ valid: true });
  });

  test("records that change together with an event are encrypted as well", async () => {
    const opened = await open();
    const { log } = seen(opened, master);
    const record = { kind: "approval", key: "acme/1", json: `{"args":"${secret}"}` };
    const change = (json: string, expected: string | undefined) => ({
      ...base,
      change: { record: { ...record, json }, expected },
    });
    expect(await log.append([change(record.json, undefined)])).toMatchObject([{ kind: "stored" }]);
    expect((await opened.store.record("approval", "acme/1"))?.json).not.toContain(secret);
    expect(await log.append([change("2", "1"), change("3", record.json)])).toMatchObject([
      { kind: "refused", code: "record_changed" },
      { kind: "stored" },
    ]);
    expect(await log.record("approval", "acme/1")).toEqual({ ...record, json: "3" });
    const { log: other } = seen(opened, keysOf({ key: key(2) }));
    expect(await other.append([change("4", "3"), { ...base, session: "n" }])).toMatchObject([
      { kind: "refused", code: "record_changed" },
      { kind: "stored" },
    ]);
  });

  test("records of a tenant are encrypted as well, and replaced only when they are what was expected", async () => {
    const opened = await open();
    const { store, log } = seen(opened, master);
    const record = { kind: "approval", key: "acme/1", json: `{"args":"${secret}"}` };
    expect(await log.putRecord(record, undefined)).toBeTrue();
    expect(await log.record("approval", "acme/1")).toEqual(record);
    expect(await log.records("approval", "acme/", 10)).toEqual([record]);
    expect((await opened.store.record("approval", "acme/1"))?.json).not.toContain(secret);
    const next = { ...record, json: "2" };
    expect(await log.putRecord(next, "{}")).toBeFalse();
    expect(await log.putRecord(next, undefined)).toBeFalse();
    expect(await log.putRecord(next, record.json)).toBeTrue();
    expect((await store.record("approval", "acme/1"))?.json).toBe("2");
    const other = seen(opened, keysOf({ key: key(2) }));
    expect(await codeOf(other.log.record("approval", "acme/1"))).toBe("ledger/encrypted");
    expect(await codeOf(other.log.removeRecord(next))).toBe("ledger/encrypted");
    expect(await log.removeRecord(record)).toBeFalse();
    expect(await log.removeRecord(next)).toBeTrue();
    expect(await opened.store.record("approval", "acme/1")).toBeUndefined();
  });
});

test("every flipped bit of a ciphertext is found, with the keys and without", async () => {
  const opened = memoryLedger();
  const { log, ledger } = seen(opened, master);
  await log.append([base, { ...base, type: "TOOL_RESULT" }]);
  const rows = opened.store.rows;
  const [first] = rows.events;
  if (first === undefined) throw new Error("no event");
  let flips = 0;
  for (let at = 0; at < first.body.length; at += 7) {
    const body = Uint8Array.from(first.body);
    body[at] = (body[at] ?? 0) ^ 1;
    rows.events[0] = { ...first, body };
    expect(await log.verify(base.tenant, base.session)).toMatchObject({
      valid: false,
      firstBadSeq: 0,
      error: "eventlog: hash mismatch at seq=0",
    });
    expect((await ledger.verify()).findings.length).toBeGreaterThan(0);
    expect((await seen(opened, undefined).ledger.verify()).findings.length).toBeGreaterThan(0);
    flips++;
  }
  expect(flips).toBeGreaterThan(40);
});

const place = { tenant: "acme", names: ["acme/s", 0, 1, "TOOL_RESULT"] } as const;
const others: readonly (readonly [string, Parameters<PayloadKeys["decrypt"]>[0]])[] = [
  ["tenant", { ...place, tenant: "other" }],
  ["session", { ...place, names: ["acme/t", 0, 1, "TOOL_RESULT"] }],
  ["number", { ...place, names: ["acme/s", 1, 1, "TOOL_RESULT"] }],
  ["time", { ...place, names: ["acme/s", 0, 2, "TOOL_RESULT"] }],
  ["type", { ...place, names: ["acme/s", 0, 1, "TERMINATION"] }],
];
test.each(others)("a text is none of another %s", (_, other) => {
  const text = master.encrypt(place, secret) ?? "";
  expect(master.decrypt(place, text)).toBe(secret);
  expect(master.decrypt(other, text)).toBeUndefined();
});

const unusable: readonly (readonly [string, unknown, RegExp])[] = [
  ["nothing", undefined, /./],
  ["no keys", { keys: [] }, /keys/],
  ["a short key", { keys: [{ key: "AAAA" }] }, /keys\.0\.key is no key/],
  ["an unknown member", { keys: [{ key: key(1), more: 1 }] }, /keys\.0/],
];
test.each(unusable)("a file of %s is refused without telling a key", (_, value, message) => {
  const read = readPayloadKeys(value);
  expect(read.ok).toBeFalse();
  if (!read.ok) expect(read.error).toMatch(message);
  expect(JSON.stringify(read)).not.toContain(key(1));
});

test("neither the database nor its log has a word of a payload", async () => {
  const opened = sqliteLedger();
  const { log, ledger } = seen(opened, master);
  await log.append([base, { ...base, type: "TOOL_RESULT" }]);
  await log.putRecord({ kind: "approval", key: "acme/1", json: `"${secret}"` }, undefined);
  await ledger.checkpoint();
  const files = ["", "-wal"].map((suffix) => readFileSync(`${opened.path}${suffix}`, "latin1"));
  expect(files.join("")).toContain("aegis-sealed-1:");
  for (const file of files) expect(file).not.toContain(secret);
  const plain = sqliteLedger();
  await createControlLog(plain.store).append([base]);
  const found = ["", "-wal"].map((suffix) => readFileSync(`${plain.path}${suffix}`, "latin1"));
  expect(found.join("")).toContain(secret);
});
