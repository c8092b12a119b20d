// What a ledger keeps beside its events: whatever is edited there is found, the guards stop honest
// tools, and what could not be checked is said.

import { describe, expect, test } from "bun:test";
import { appendFileSync, chmodSync, rmSync } from "node:fs";
import type { FindingKind } from "../../src/ledger/contract.ts";
import { opening, startMs, testPolicy } from "../support/ledger.ts";
import { attack, editHonestly } from "../support/ledger-attack.ts";
import { useVictim } from "../support/ledger-victim.ts";

const victim = useVictim();
const { verify, kinds } = victim;

describe("what is kept beside the events", () => {
  test.each<[string, string, FindingKind | FindingKind[]]>([
    ["a counter", "UPDATE session SET denied_count = 0 WHERE num = 2", "derived-mismatch"],
    ["a tag", "UPDATE session SET tag = 'approved' WHERE num = 2", "derived-mismatch"],
    ["a command", "UPDATE session SET command = '[\"ls\"]' WHERE num = 2", "derived-mismatch"],
    [
      "a command that is no list",
      "UPDATE session SET command = 'ls' WHERE num = 2",
      "derived-mismatch",
    ],
    ["an exit status", "UPDATE session SET exit_status = 1 WHERE num = 2", "derived-mismatch"],
    [
      "an additional session",
      "INSERT INTO session SELECT 9, 'x', name, mode, command, directory, policy_hash, tag, opened_ms, closed_ms, exit_status, access_count, denied_count, next_seq, last_hash FROM session WHERE num = 1",
      "missing-session",
    ],
    [
      "a policy's text",
      "UPDATE policy SET sources = replace(sources, 'permit', 'forbid')",
      "derived-mismatch",
    ],
    ["a policy's text that is no list", "UPDATE policy SET sources = '{}'", "derived-mismatch"],
    ["a policy that is gone", "DELETE FROM policy", "derived-mismatch"],
    [
      "a policy nobody loaded",
      `INSERT INTO policy VALUES ('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855', '[]')`,
      "derived-mismatch",
    ],
    [
      "when a policy was loaded",
      "UPDATE policy_load SET ts_ms = 0 WHERE idx = 1",
      "derived-mismatch",
    ],
    ["a policy load that is gone", "DELETE FROM policy_load WHERE idx = 1", "derived-mismatch"],
    [
      "a policy load too many",
      "INSERT INTO policy_load SELECT 5, session, ts_ms, hash FROM policy_load WHERE idx = 1",
      "derived-mismatch",
    ],
    ["a tree node", "UPDATE node SET hash = zeroblob(32) WHERE level = 8", "derived-mismatch"],
    ["a tree node that is gone", "DELETE FROM node WHERE level = 8", "derived-mismatch"],
    ["a tree node too many", "INSERT INTO node VALUES (9, 7, zeroblob(32))", "derived-mismatch"],
    [
      "the head's tree",
      "UPDATE head SET frontier = zeroblob(length(frontier))",
      "derived-mismatch",
    ],
    ["a head that is behind", "UPDATE head SET size = 311", "derived-mismatch"],
    ["a head that is ahead", "UPDATE head SET size = 400", "truncated"],
    [
      "a checkpoint's root",
      "UPDATE checkpoint SET note = replace(note, 'aegis', 'aegiz') WHERE size = 312",
      "checkpoint-invalid",
    ],
    [
      "a checkpoint at another size",
      "UPDATE checkpoint SET size = 310 WHERE size = 312",
      ["checkpoint-invalid", "checkpoint-missing"],
    ],
    [
      "a checkpoint that is none",
      "UPDATE checkpoint SET note = '' WHERE size = 312",
      "checkpoint-invalid",
    ],
    ["an index that is gone", "DROP INDEX event_chain", "schema-changed"],
    ["a table too many", "CREATE TABLE extra(x)", "schema-changed"],
    ["a table with a wider door", "ALTER TABLE event ADD COLUMN note TEXT", "schema-changed"],
  ])("%s", async (_, sql, kind) => {
    attack(victim.path, sql);
    expect(await kinds()).toEqual([kind].flat());
  });

  test("a guard that is gone", async () => {
    editHonestly(victim.path, "DROP TRIGGER event_update_guard");
    const { findings } = await verify();
    expect(findings).toEqual([
      {
        kind: "schema-changed",
        index: undefined,
        message: '"event_update_guard" is missing from the database',
      },
    ]);
  });

  test("a guard that is gone, and what was done then", async () => {
    editHonestly(victim.path, "DROP TRIGGER event_update_guard");
    editHonestly(
      victim.path,
      `UPDATE event SET body = replace(body, 'file-50', 'file-51') WHERE idx = 53`,
    );
    expect(await kinds()).toEqual(["modified", "schema-changed"]);
  });
});

describe("the guards refuse", () => {
  test.each([
    "UPDATE event SET ts_ms = 0",
    "DELETE FROM event",
    "INSERT OR REPLACE INTO event SELECT 5, session, seq, ts_ms, type, decision, leaf, body FROM event WHERE idx = 6",
    "REPLACE INTO event SELECT * FROM event WHERE idx = 5",
    "INSERT INTO event SELECT 999, session, 999, ts_ms, type, decision, leaf, body FROM event WHERE idx = 6",
    "DELETE FROM session",
    "UPDATE session SET next_seq = 0",
    "INSERT OR REPLACE INTO session SELECT * FROM session",
    "DELETE FROM checkpoint",
    "UPDATE checkpoint SET note = ''",
    "INSERT OR REPLACE INTO checkpoint VALUES (312, '')",
    "DELETE FROM policy",
    "INSERT OR REPLACE INTO policy SELECT hash, '[]' FROM policy",
    "DELETE FROM node",
    "INSERT OR REPLACE INTO node SELECT level, position, zeroblob(32) FROM node",
    "UPDATE head SET size = 0",
    "DELETE FROM head",
    "INSERT OR REPLACE INTO head VALUES (1, 'x', 0, x'')",
  ])("%s", async (sql) => {
    expect(() => editHonestly(victim.path, sql)).toThrow("the ledger only grows");
    expect(await kinds()).toEqual([]);
  });
});

describe("what cannot be checked is said", () => {
  test("without a head memory", async () => {
    rmSync(victim.headsPath);
    const { valid, warnings } = await verify();
    expect(valid).toBe(true);
    expect(warnings).toEqual([
      `"${victim.headsPath}" does not know how long this ledger was before: events that were taken away at its end would not be missed`,
    ]);
  });

  test("without the key", async () => {
    rmSync(victim.keyPath);
    const { valid, warnings } = await verify();
    expect(valid).toBe(true);
    expect(warnings).toEqual(["the signing key is not here, so no signature was checked"]);
  });

  test("with lines in the head memory that a crash cut short", async () => {
    appendFileSync(victim.headsPath, "aegis.local/x 12");
    const { ledger } = victim.open();
    await ledger.openSession(opening(), testPolicy, startMs);
    const { valid, warnings } = await ledger.verify();
    expect(valid).toBe(true);
    expect(warnings).toEqual([`"${victim.headsPath}" has 1 unreadable lines`]);
  });

  test("with a key that others can read nothing is begun", async () => {
    chmodSync(victim.keyPath, 0o644);
    const { ledger } = victim.open();
    const failure = await ledger
      .openSession(opening(), testPolicy, startMs)
      .catch((error) => error);
    expect(failure.message).toContain("others may read or write it");
    expect(failure.hint).toContain("600");
  });
});
