// The catalogue of escapes against the built binary, in every setting this account can set up. Each
// technique must fail, its twin on granted ground must work, and the ledger must tell of both. What
// is tried is in table/, how in native/attack.

import { describe, expect, test } from "bun:test";
import { has } from "../support/probes.ts";
import { isRefusedAround, knownOpen } from "./known-open.ts";
import type { Row } from "./row.ts";
import { type RowResult, runBoxed, type System, type SystemRun } from "./run.ts";
import { type Setting, settingsHere } from "./setting.ts";
import { aegis, globAegis, namedAegis, sealedAegis, strictAegis } from "./systems.ts";
import { catalogue } from "./table/all.ts";
import { byName } from "./table/by-name.ts";
import { globs, linkedFiles } from "./table/files.ts";
import { sealedExecution, strictExecution } from "./table/programs.ts";

const batches: readonly { readonly system: System; readonly rows: readonly Row[] }[] = [
  { system: aegis, rows: catalogue },
  { system: { ...aegis, name: "aegis, linked before" }, rows: linkedFiles },
  { system: strictAegis, rows: strictExecution },
  { system: sealedAegis, rows: sealedExecution },
  { system: globAegis, rows: globs },
  { system: namedAegis, rows: byName },
];
const missing = (["linux", "landlock", "seccomp"] as const).filter((need) => !has(need));

if (missing.length > 0) {
  test.skip(`escapes (skipped, needs: ${missing.join(", ")})`, () => {});
} else {
  for (const setting of settingsHere()) {
    for (const { system, rows } of batches) {
      const run = await runBoxed(system, setting, rows);
      describe(`${setting.name}, ${system.name}`, () => checkRun(setting, run));
    }
  }
}

/** No box at all is a refusal that holds against everything, and it must be told apart from one. */
function checkRun(setting: Setting, run: SystemRun): void {
  if (run.exitCode === 125) {
    test("aegis refuses to start and says why", () => {
      expect(run.stderr).toMatch(/^error: Cannot (enforce|compile) the policy/);
      expect(run.results.filter(({ attack }) => attack.answer !== "no answer")).toEqual([]);
      expect(run.results.flatMap(({ harm }) => harm)).toEqual([]);
    });
    console.log(`${setting.name}: no box, so nothing could be tried: ${firstLine(run.stderr)}`);
    return;
  }
  test("the command ran to its end, and nothing outside was reached", () => {
    expect(run.exitCode).toBe(0);
    expect(run.reached).toEqual([]);
  });
  for (const result of run.results) checkRow(setting, run, result);
}

function checkRow(setting: Setting, run: SystemRun, result: RowResult): void {
  const { row, attack, twin, harm } = result;
  const known = knownOpen(row, setting);
  const isWanted = isWantedIn(row, setting);
  const said = isWanted ? "is meant to work" : known === undefined ? "fails" : "is known to work";
  test(`${row.group} ${row.name}: ${row.technique}: ${said}`, () => {
    expect(attack.answer).not.toBe("no answer");
    const isWeaker = !setting.hasNamespaces && row.weaker !== undefined;
    if (known === undefined && !isWeaker) expect(harm).toEqual([]);
    if (known === undefined && !isWanted)
      expect({ ...attack, isOpen: result.isOpen }).toMatchObject({ isOpen: false });
    if (!isRefusedAround(row, setting))
      expect({ twin: twin.answer, number: twin.number }).toEqual({ twin: "worked", number: 0 });
    if (row.ledger !== undefined && known === undefined) expectLedger(run, row, result);
  });
  if (known !== undefined && !result.isOpen)
    console.log(`${setting.name}: ${row.name} holds; it can leave known-open.ts`);
}

function isWantedIn(row: Row, setting: Setting): boolean {
  if (!setting.hasNamespaces && row.weaker !== undefined) return true;
  return row.wanted !== undefined && (row.wantedOnly === undefined || setting.hasNamespaces);
}

/**
 * The attack's own path has denials and nothing else, of whatever the attempt asked for first; the
 * twin's has the access.
 */
function expectLedger(run: SystemRun, row: Row, { ledgerPaths }: RowResult): void {
  const [action = ""] = row.ledger ?? [];
  const entriesAt = (path: string | undefined) => run.ledger.filter((entry) => entry.path === path);
  const decisions = new Set(entriesAt(ledgerPaths?.attack).map(({ decision }) => decision));
  expect({ path: ledgerPaths?.attack, decisions: [...decisions] }).toEqual({
    path: ledgerPaths?.attack,
    decisions: ["deny"],
  });
  if (row.twin !== undefined) return;
  const path = ledgerPaths?.twin ?? "";
  expect(entriesAt(path)).toContainEqual({ action, path, decision: "allow" });
}

function firstLine(text: string): string {
  return (text.split("\n")[0] ?? "").slice(0, 200);
}
