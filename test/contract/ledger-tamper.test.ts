// Attacks on a ledger's file, and what verify calls each of them. The attacker has the database and
// our code, but neither the key nor the head memory; who has those too is found by checkpoints kept
// elsewhere.

import { describe, expect, test } from "bun:test";
import { rmSync } from "node:fs";
import type { FindingKind } from "../../src/ledger/contract.ts";
import { leafHash, rootOf } from "../../src/ledger/tree/merkle.ts";
import { createSigner } from "../../src/ledger/tree/signer.ts";
import type { SealedEvent } from "../../src/model/event.ts";
import { opening, recordSession, sqliteLedger, startMs, testPolicy } from "../support/ledger.ts";
import { attack, copyDatabase, readAll, rewriteHistory } from "../support/ledger-attack.ts";
import { sessionEvents, useVictim, victimEvents } from "../support/ledger-victim.ts";

const victim = useVictim();
const { verify, kinds } = victim;

const edit = `replace(body, '/usr/lib/file-50', '/usr/lib/file-51')`;

test("the untouched ledger is valid", async () => {
  const report = await verify();
  expect(report).toMatchObject({
    valid: true,
    eventCount: victimEvents,
    findings: [],
    warnings: [],
  });
  expect(report.checkpoint?.size).toBe(victimEvents);
});

describe("an edit of a single row is found where it is", () => {
  test.each<[string, string, FindingKind, number]>([
    ["another path", `UPDATE event SET body = ${edit} WHERE idx = 53`, "modified", 53],
    [
      "a decision turned",
      "UPDATE event SET body = replace(body, '\"deny\"', '\"allow\"') WHERE idx = 12",
      "modified",
      12,
    ],
    [
      "a space in the text",
      "UPDATE event SET body = replace(body, ',\"seq\"', ', \"seq\"') WHERE idx = 7",
      "modified",
      7,
    ],
    ["a text that is no JSON", "UPDATE event SET body = 'x' WHERE idx = 7", "modified", 7],
    ["another decision column", "UPDATE event SET decision = 1 WHERE idx = 12", "modified", 12],
    ["another time column", "UPDATE event SET ts_ms = ts_ms + 1 WHERE idx = 9", "modified", 9],
    ["another type column", "UPDATE event SET type = 'DIR_LIST' WHERE idx = 9", "modified", 9],
    [
      "another session column",
      "UPDATE event SET session = 3, seq = 999 WHERE idx = 9",
      "modified",
      9,
    ],
    ["another leaf", "UPDATE event SET leaf = zeroblob(32) WHERE idx = 9", "modified", 9],
    [
      "the last event of all",
      "UPDATE event SET body = replace(body, '\"exit_status\":0', '\"exit_status\":1') WHERE idx = 311",
      "modified",
      311,
    ],
    ["an event that is gone", "DELETE FROM event WHERE idx = 40", "chain-broken", 40],
    [
      "ten events that are gone",
      "DELETE FROM event WHERE idx BETWEEN 40 AND 49",
      "chain-broken",
      40,
    ],
  ])("%s", async (_, sql, kind, index) => {
    attack(victim.path, sql);
    const { findings } = await verify();
    expect(findings[0]).toMatchObject({ kind, index });
    expect(findings.filter((finding) => finding.kind !== kind)).toEqual(
      kind === "modified" ? [] : expect.anything(),
    );
  });

  /** What an attacker writes who knows how leaves are made. */
  async function resealed(index: number, change: (body: string) => string): Promise<void> {
    const { store, ledger } = victim.open();
    const [event] = await store.eventsFrom(index, 1);
    await ledger.close();
    const body = change(new TextDecoder().decode(event?.body));
    const leaf = leafHash(new TextEncoder().encode(body)).toHex();
    const quoted = body.replaceAll("'", "''");
    attack(
      victim.path,
      `UPDATE event SET body = '${quoted}', leaf = x'${leaf}' WHERE idx = ${index}`,
    );
  }

  test("an event sealed anew breaks the chain behind it", async () => {
    await resealed(53, (body) => body.replace("/usr/lib/file-50", "/usr/lib/file-51"));
    const { findings } = await verify();
    expect(findings[0]).toMatchObject({ kind: "chain-broken", index: 54 });
    expect(findings.map(({ kind }) => kind)).toContain("forked");
  });

  test("an event sealed anew in another spelling is not canonical", async () => {
    await resealed(53, (body) => body.replace(',"seq"', ', "seq"'));
    const { findings } = await verify();
    expect(findings[0]).toMatchObject({ kind: "modified", index: 53 });
    expect(findings[0]?.message).toContain("canonical");
  });

  test("an event with the content and the hash of its neighbour", async () => {
    const copied = "(SELECT body, leaf FROM event WHERE idx = 61)";
    attack(victim.path, `UPDATE event SET (body, leaf) = ${copied} WHERE idx = 60`);
    expect(await kinds()).toEqual(["chain-broken", "derived-mismatch", "forked", "modified"]);
  });
});

describe("a rewritten history", () => {
  const redacted = (events: readonly SealedEvent[]) =>
    events.map((event) =>
      event.payload.decision === "deny" && event.seq > 50
        ? { ...event, payload: { ...event.payload, decision: "allow" } }
        : event,
    );

  test("that fits together but was signed differently is a fork", async () => {
    await rewriteHistory(victim.path, redacted);
    expect(await kinds()).toEqual(["forked"]);
  });

  test("without its checkpoints is still a fork: the memory knows", async () => {
    await rewriteHistory(victim.path, redacted);
    attack(victim.path, "DELETE FROM checkpoint");
    expect(await kinds()).toEqual(["checkpoint-missing", "forked"]);
  });

  test("signed with a key of the attacker's is a fork with an invalid checkpoint", async () => {
    await rewriteHistory(victim.path, redacted);
    const { store, ledger } = victim.open();
    const { origin } = store;
    const signer = await createSigner(origin, new Uint8Array(32).fill(9));
    const head = await store.head();
    await ledger.close();
    const note = await signer.sign(`${origin}\n${head.size}\n${rootOf(head).toBase64()}\n`);
    attack(
      victim.path,
      "DELETE FROM checkpoint",
      `INSERT INTO checkpoint VALUES (${head.size}, '${note}')`,
    );
    expect(await kinds()).toEqual(["checkpoint-invalid", "checkpoint-missing", "forked"]);
  });

  test("gets no signature, even where the memory is gone", async () => {
    await rewriteHistory(victim.path, redacted);
    rmSync(victim.headsPath);
    const failure = await victim
      .open()
      .ledger.checkpoint()
      .catch((error) => error);
    expect(failure.code).toBe("ledger/tampered");
    expect(failure.message).toContain("are not the ones that were signed");
  });

  test("of the last session only is a fork", async () => {
    await rewriteHistory(victim.path, (events) => {
      const last = events.at(-1)?.session_id;
      return events.map((event) =>
        event.session_id === last ? { ...event, ts_unix_ms: event.ts_unix_ms + 1 } : event,
      );
    });
    expect(await kinds()).toEqual(["forked"]);
  });

  test("written back as it was is no finding", async () => {
    await rewriteHistory(victim.path, (events) => events);
    expect(await kinds()).toEqual([]);
  });
});

describe("what is taken off the end", () => {
  test("is missed by the ledger's own head", async () => {
    attack(victim.path, "DELETE FROM event WHERE idx >= 300");
    const { findings } = await verify();
    expect(findings.find(({ kind }) => kind === "truncated")).toMatchObject({ index: 300 });
  });

  test("is missed by the checkpoints when head, counters and tree were made to fit", async () => {
    await rewriteHistory(victim.path, (events) => events.slice(0, 250));
    expect(await kinds()).toEqual(["rolled-back", "truncated"]);
  });

  test("is missed by the head memory when the checkpoints are gone as well", async () => {
    await rewriteHistory(victim.path, (events) => events.slice(0, 250));
    attack(victim.path, "DELETE FROM checkpoint WHERE size > 250");
    expect(await kinds()).toEqual(["rolled-back"]);
  });

  test("is missed by the head memory even when the session was never signed", async () => {
    const { ledger } = victim.open();
    await ledger.openSession(opening(), testPolicy, startMs);
    await ledger.close();
    await rewriteHistory(victim.path, (events) => events.slice(0, victimEvents));
    expect(await kinds()).toEqual(["rolled-back"]);
  });
});

describe("a session that disappears", () => {
  const without = (name: string) => (events: readonly SealedEvent[]) =>
    events.filter(({ user_id }) => user_id !== name);

  test("from the middle is a fork", async () => {
    await rewriteHistory(victim.path, without("second"));
    expect(await kinds()).toEqual(["forked", "rolled-back", "truncated"]);
  });

  test("from the end is a rollback", async () => {
    await rewriteHistory(victim.path, without("third"));
    attack(victim.path, "DELETE FROM checkpoint WHERE size > 208");
    expect(await kinds()).toEqual(["rolled-back"]);
  });

  test("with its events but not its row is missing", async () => {
    attack(victim.path, "DELETE FROM event WHERE session = 3");
    expect(await kinds()).toContain("missing-session");
  });

  test("with its beginning is missing", async () => {
    attack(victim.path, "DELETE FROM event WHERE session = 3 AND seq < 5");
    const { findings } = await verify();
    expect(findings.find(({ kind }) => kind === "missing-session")).toMatchObject({
      index: 2 * sessionEvents + 5,
    });
  });
});

describe("another database in its place", () => {
  test("an older copy is a rollback, and gets no new signature and no new session", async () => {
    const old = `${victim.home}/old.db`;
    copyDatabase(victim.path, old);
    const before = victim.open();
    await recordSession(before.ledger, 10);
    await before.ledger.close();
    copyDatabase(old, victim.path);
    expect(await kinds()).toEqual(["rolled-back"]);
    const { ledger } = victim.open();
    for (const attempt of [
      ledger.checkpoint(),
      ledger.openSession(opening(), testPolicy, startMs),
    ]) {
      const failure = await attempt.catch((error) => error);
      expect(failure.code).toBe("ledger/tampered");
      expect(failure.hint).toContain("aegis audit verify");
    }
    expect(readAll(victim.path)).toHaveLength(victimEvents);
  });

  test("somebody else's ledger is a fork", async () => {
    const other = sqliteLedger();
    await recordSession(other.ledger, 400);
    await other.ledger.close();
    copyDatabase(other.path, victim.path);
    expect(await kinds()).toEqual(["checkpoint-invalid", "forked"]);
    expect(victim.open().ledger.checkpoint()).rejects.toThrow("it is not the ledger");
  });

  test("a ledger that was deleted is not begun anew unnoticed", async () => {
    rmSync(victim.path);
    expect(await kinds()).toEqual(["rolled-back"]);
    const failure = await victim
      .open()
      .ledger.openSession(opening(), testPolicy, startMs)
      .catch((error) => error);
    expect(failure.code).toBe("ledger/tampered");
    expect(failure.hint).toContain(victim.headsPath);
  });

  test("after the memory was moved away knowingly a new ledger begins", async () => {
    rmSync(victim.path);
    rmSync(victim.headsPath);
    await recordSession(victim.open().ledger, 3);
    expect(await kinds()).toEqual([]);
  });
});

test("two signed heads of different histories are shown to be a fork", async () => {
  const { ledger, keys, store } = victim.open();
  const genuine = await ledger.checkpoint();
  const signer = await keys.signer();
  const { origin } = store;
  const forged = await signer.sign(`${origin}\n${genuine.size}\n${btoa("f".repeat(32))}\n`);
  const shorter = await signer.sign(`${origin}\n100\n${btoa("f".repeat(32))}\n`);
  expect((await ledger.compare(genuine.note, forged)).relation).toBe("forked");
  expect((await ledger.compare(genuine.note, shorter)).relation).toBe("forked");
  const longer = await signer.sign(`${origin}\n9999\n${btoa("f".repeat(32))}\n`);
  expect((await ledger.compare(genuine.note, longer)).relation).toBe("unknown");
});
