// Records beside the events under the ledger's key, over every store: what somebody does who may
// write to the database and has no key, and what an aegis left that sealed none.

import { describe, expect, test } from "bun:test";
import { parseJsonText } from "../../src/base/json-text.ts";
import type { AppendRequest } from "../../src/ledger/control/contract.ts";
import { createControlLog } from "../../src/ledger/control/log.ts";
import { sealRecords } from "../../src/ledger/control/sealed-store.ts";
import { encryptedPrefix, payloadsMarker } from "../../src/ledger/encrypted/text.ts";
import { createLedger } from "../../src/ledger/ledger.ts";
import { leafHash } from "../../src/ledger/tree/merkle.ts";
import {
  ledgerKinds,
  memoryLedger,
  sqliteLedger,
  startMs,
  type TestLedger,
} from "../support/ledger.ts";
import { attack } from "../support/ledger-attack.ts";

const event: AppendRequest = {
  tenant: "acme",
  user: "u1",
  session: "s",
  type: "TOOL_CALL_PROPOSED",
  payload: parseJsonText('{"tool_name":"exec"}'),
  tsUnixMs: startMs,
  idempotencyKey: "once",
};
const kind = "idempotency";
const key = "acme/once";

async function sealedLog({ store, keys, memory }: TestLedger) {
  return createControlLog(await sealRecords(store, { keys, memory }), { keys, memory });
}

/** Past the log, as whoever has the database. */
async function change({ store }: TestLedger, to: (json: string) => string, where = key) {
  const json = (await store.record(kind, key))?.json ?? "";
  const before = where === key ? json : undefined;
  expect(await store.putRecord({ kind, key: where, json: to(json) }, before)).toBe(true);
}

async function messages({ ledger }: TestLedger): Promise<readonly string[]> {
  return (await ledger.verify()).findings.map((one) => `${one.kind}: ${one.message}`);
}

const forged = JSON.stringify({ request: "f".repeat(64), seq: 0, hash: "", index: 0 });

describe.each(ledgerKinds)("sealed records over %s", (_, open) => {
  async function opened() {
    const ledger = await open();
    const log = await sealedLog(ledger);
    const [first] = await log.append([event]);
    expect(first).toMatchObject({ kind: "stored", seq: 0 });
    return { ...ledger, log, first };
  }

  test("answer the same request again, and verify", async () => {
    const { log, first, ...ledger } = await opened();
    expect(await log.append([event])).toMatchObject([{ ...first, kind: "repeated" }]);
    expect(await messages(ledger)).toEqual([]);
  });

  test.each<[string, (json: string) => string, RegExp]>([
    [
      "one that was changed",
      (json) => json.replace('"seq":0', '"seq":1'),
      /is not what was sealed/,
    ],
    ["one that was made up", () => forged, /has no seal/],
    ["one whose seal was taken off", (json) => json.slice(json.indexOf("{")), /has no seal/],
    ["one that is nothing", () => "", /has no seal/],
  ])("%s is named, and its key answers nothing", async (_, to, why) => {
    const { log, first, ...ledger } = await opened();
    await change(ledger, to);
    expect(await messages(ledger)).toEqual([
      expect.stringContaining(`record-invalid: record "idempotency" "acme/once"`),
    ]);
    expect((await messages(ledger))[0]).toMatch(why);
    expect(await log.append([event])).toMatchObject([
      {
        kind: "refused",
        code: "idempotency_mismatch",
        message: expect.stringContaining("not what was kept"),
      },
    ]);
    expect(await log.size()).toBe(1);
    // The others' events are stored.
    const other = { ...event, idempotencyKey: "another" };
    expect(await log.append([event, other])).toMatchObject([
      { kind: "refused" },
      { kind: "stored", seq: 1 },
    ]);
  });

  test("one is none under another's key", async () => {
    const { log, first: __, ...ledger } = await opened();
    await change(ledger, (json) => json, "acme/another");
    expect(await messages(ledger)).toEqual([
      `record-invalid: record "idempotency" "acme/another" is not what was sealed with this ledger's key`,
    ]);
    const [refused] = await log.append([{ ...event, idempotencyKey: "another" }]);
    expect(refused).toMatchObject({ kind: "refused", code: "idempotency_mismatch" });
  });

  test("those of before there were seals are sealed once, and answer as they did", async () => {
    const ledger = await open();
    const [first] = await createControlLog(ledger.store).append([event]);
    const { valid, warnings } = await ledger.ledger.verify();
    expect(valid).toBe(true);
    expect(warnings).toContainEqual(expect.stringContaining("1 records are of an older aegis"));
    const log = await sealedLog(ledger);
    expect(await log.append([event])).toMatchObject([{ ...first, kind: "repeated" }]);
    expect(await messages(ledger)).toEqual([]);
    expect((await ledger.ledger.verify()).warnings).not.toContainEqual(
      expect.stringContaining("older aegis"),
    );
    // From then on one without a seal was not left by anybody.
    await change(ledger, () => forged);
    const again = await sealedLog(ledger);
    expect(await again.append([event])).toMatchObject([{ kind: "refused" }]);
    expect(await messages(ledger)).toHaveLength(1);
  });
});

test("where another key signs the ledger they are taken, and kept, as they are", async () => {
  const ledger = sqliteLedger();
  const [first] = await (await sealedLog(ledger)).append([event]);
  const { keys, memory } = memoryLedger(ledger.store.origin);
  const log = await sealedLog({ ...ledger, keys, memory });
  expect(await log.append([event])).toMatchObject([{ ...first, kind: "repeated" }]);
  const [next] = await log.append([{ ...event, idempotencyKey: "theirs" }]);
  expect(next).toMatchObject({ kind: "stored", seq: 1 });
  expect(memory.areRecordsSealed(ledger.store.origin)).toBe(false);
  expect(await messages(ledger)).toEqual([
    'record-invalid: record "idempotency" "acme/theirs" has no seal',
  ]);
  await ledger.ledger.close();
});

test("a mark of encryption that was taken away is missed as soon as something is encrypted", async () => {
  const ledger = sqliteLedger();
  const log = await sealedLog(ledger);
  await ledger.store.putRecord({ ...payloadsMarker, json: "true" }, undefined);
  await log.append([event]);
  expect(await messages(ledger)).toEqual([]);
  attack(ledger.path, `DELETE FROM record WHERE kind = '${payloadsMarker.kind}'`);
  expect(await messages(ledger)).toEqual([]);
  // As the stored text of an event whose key is elsewhere.
  const body = `${encryptedPrefix}0123456789abcdef:AAAA`;
  const leaf = leafHash(new TextEncoder().encode(body)).toHex();
  attack(ledger.path, `UPDATE event SET body = '${body}', leaf = x'${leaf}' WHERE idx = 0`);
  const { warnings } = await ledger.ledger.verify();
  expect(warnings).toContainEqual(expect.stringContaining("no mark that says so"));
  await ledger.ledger.close();
});

test("without the signing key what was not checked is said", async () => {
  const ledger = sqliteLedger();
  await (await sealedLog(ledger)).append([event]);
  const none = { signer: ledger.keys.signer, verifierKey: async () => undefined };

  const blind = createLedger({ ...ledger, keys: { ...none, recordKey: async () => undefined } });
  const { valid, warnings } = await blind.verify();
  expect(valid).toBe(true);
  expect(warnings).toContain("the signing key is not here, so 1 sealed records were not checked");
  await ledger.ledger.close();
});
