// `aegis audit export`, by the built binary: every format, all of a long ledger, large entries.

import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { parseJsonText } from "../../src/base/json-text.ts";
import { createControlLog } from "../../src/ledger/control/log.ts";
import { openSqliteStore } from "../../src/ledger/sqlite/store.ts";
import { type Outcome, spawnAegis } from "../support/harness.ts";
import { recordMany, recordSessions } from "../support/recorded.ts";
import { tempDir } from "../support/temp.ts";

const home = join(tempDir("home"), "state");
const { first, second } = await recordSessions(home);
const env = { AEGIS_HOME: home };

async function aegis(...args: string[]): Promise<Outcome> {
  return spawnAegis(args, { env });
}

describe("aegis audit export", () => {
  test("--json is --format json, and contradicts every other format", async () => {
    const same = await aegis("audit", "export", "--format", "json");
    for (const args of [["--json"], ["--json", "--format", "json"]])
      expect(await aegis("audit", "export", ...args)).toEqual(same);
    for (const format of ["jsonl", "csv", "cef"]) {
      const args = ["--json", "--format", format];
      const { exitCode, stdout, stderr } = await aegis("audit", "export", ...args);
      expect([exitCode, stdout]).toEqual([2, ""]);
      expect(stderr).toBe(
        `error: Cannot export as both json and ${format}\nhint: give --json or --format ${format}\n`,
      );
    }
  });
  test("gives the same entries in every format, newest first", async () => {
    const exported = async (format: string) =>
      (await aegis("audit", "export", "--format", format)).stdout;
    const array = JSON.parse(await exported("json"));
    const lines = (await exported("jsonl")).trimEnd().split("\n");
    expect(lines.map((line) => JSON.parse(line))).toEqual(array);
    expect(array.length).toBe(13);
    expect([array[0].session_id, array[12].session_id]).toEqual([second, first]);
    const csv = (await exported("csv")).trimEnd().split("\n");
    const columns = csv[0]?.split(",").slice(0, 10).join(" ");
    expect(columns).toBe(
      "entry_id timestamp action_id action_kind principal decision reason policy_id prev_hash " +
        "entry_hash",
    );
    expect(csv.length).toBe(14);
    const cef = (await exported("cef")).trimEnd().split("\n");
    expect(cef.every((line) => line.startsWith("CEF:0|Aegis|"))).toBe(true);
    expect(cef.length).toBe(13);
  });

  test("takes the newest --limit entries, and all of a long ledger", async () => {
    const { stdout } = await aegis("audit", "export", "--format=jsonl", "--limit=2");
    expect(stdout.trimEnd().split("\n").length).toBe(2);
    const other = join(tempDir("home"), "state");
    const total = await recordMany(other, 2500);
    const long = await spawnAegis(["audit", "export"], { env: { AEGIS_HOME: other } });
    const entries: { seq: number }[] = JSON.parse(long.stdout);
    const expected = Array.from({ length: total }, (_, at) => total - 1 - at);
    expect(entries.map(({ seq }) => seq)).toEqual(expected);
  });

  test("gives large entries whole and in order, a few read at a time", async () => {
    const path = join(tempDir("large"), "ledger.db");
    const store = openSqliteStore(path);
    const log = createControlLog(store);
    const place = { tenant: "acme", session: "s", user: "", type: "T", tsUnixMs: 1 };
    // The stretch of small ones makes room for more at a time again.
    const lengths = [1, 3e6, 3e6, 3e6, 3e6, ...Array(1500).fill(1), 3e6, 3e6, 3e6, 1];
    const requests = lengths.map((length, at) => ({
      ...place,
      payload: parseJsonText(JSON.stringify({ at, text: "x".repeat(length) })),
    }));
    for (const request of requests.slice(0, 5)) await log.append([request]);
    await log.append(requests.slice(5, 1505));
    for (const request of requests.slice(1505)) await log.append([request]);
    await store.close();
    const { stdout, stderr } = await spawnAegis(
      ["audit", "export", "--format", "jsonl", "--ledger", path],
      { env },
    );
    const entries = stdout.trimEnd().split("\n");
    expect(stderr).toBe("");
    expect(entries.map((line) => JSON.parse(line).seq)).toEqual(
      lengths.map((_, at) => lengths.length - 1 - at),
    );
    expect(entries.map((line) => line.length > 3e6)).toEqual(
      lengths.map((length) => length > 1).reverse(),
    );
  });

  test("refuses a format it does not know, naming those it does", async () => {
    const { stderr, exitCode } = await aegis("audit", "export", "--format", "xml");
    expect(exitCode).toBe(2);
    expect(stderr).toContain("json, jsonl, csv, cef");
  });
});
