// Records beside the events under the ledger's key, over every store: what somebody does who may
// write to the database and has no key, and what an aegis left that sealed none.

import { describe, expect, test } from "bun:test";
import { AegisError } from "../../src/base/errors.ts";
import { parseJsonText } from "../../src/base/json-text.ts";
import type { AppendRequest } from "../../src/ledger/control/contract.ts";
import { createControlLog } from "../../src/ledger/control/log.ts";
import { sealRecords } from "../../src/ledger/control/sealed-store.ts";
import { encryptedPrefix, payloadsMarker } from "../../src/ledger/encrypted/text.ts";
import { createLedger } from "../../src/ledger/ledger.ts";
import { leafHash } from "../../src/ledger/tree/merkle.ts";
import { keyFile } from "../../src/ledger/tree/signer.ts";
import {
  ledgerKinds,
  memoryLedger,
  sqliteLedger,
  startMs,
  type TestLedger,
} from "../support/ledger.ts";
import { attack } from "../support/ledger-attack.ts";
import { tempDir } from "../support/temp.ts";

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

describe.each(ledgerKinds)("a second server over %s", (_, open) => {
  /** What it says, and whether it made a key. */
  async function refused(ledger: TestLedger, keys: TestLedger["keys"]) {
    const { memory } = memoryLedger(ledger.store.origin);
    let isMade = false;
    const signer = () => {
      isMade = true;
      return keys.signer();
    };
    const watched = { ...ledger, memory, keys: { ...keys, signer } };
    const error = await sealedLog(watched).catch((problem: unknown) => problem);
    if (error instanceof AegisError) return { isMade, code: error.code, message: error.message };
    return { isMade, code: undefined, message: "" };
  }

  test.each([
    ["before anything was signed", false],
    ["once it was signed", true],
  ])("is refused with another key, %s, and served with the same", async (_, isSigned) => {
    const ledger = await open();
    const log = await sealedLog(ledger);
    const [first] = await log.append([event]);
    if (isSigned) await ledger.ledger.checkpoint();
    const other = keyFile(`${tempDir("other")}/ledger.key`, ledger.store.origin);
    const conflict = { isMade: false, code: "ledger/conflict" };
    const none = await refused(ledger, other);
    expect(none).toMatchObject({ ...conflict, message: expect.stringContaining("is not here") });
    await other.signer();
    const wrong = await refused(ledger, other);
    expect(wrong).toMatchObject({ ...conflict, message: expect.stringContaining("another key") });
    expect(await messages(ledger)).toEqual([]);
    // With the same key, on a machine that remembers nothing yet.
    const { memory } = memoryLedger(ledger.store.origin);
    const second = await sealedLog({ ...ledger, memory });
    expect(await second.append([event])).toMatchObject([{ ...first, kind: "repeated" }]);
    expect(memory.areRecordsSealed(ledger.store.origin)).toBe(true);
  });

  test("that had a key of its own here before is refused as well", async () => {
    const ledger = await open();
    await (await sealedLog(ledger)).append([event]);
    await ledger.ledger.checkpoint();
    const other = keyFile(`${tempDir("other")}/ledger.key`, ledger.store.origin);
    await other.signer();
    expect(ledger.memory.areRecordsSealed(ledger.store.origin)).toBe(true);
    await expect(sealedLog({ ...ledger, keys: other })).rejects.toThrow("another key signs it");
  });
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
