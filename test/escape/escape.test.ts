// The catalogue of escapes against the built binary, in every setting this account can set up. Each
// technique must fail, its twin on granted ground must work, and the ledger must tell of both. What
// is tried is in table/, how in native/attack.

import { describe, expect, test } from "bun:test";
import { has } from "../support/probes.ts";
import { knownOpen } from "./known-open.ts";
import { isLeft, isOfLibraries, type LedgerRow, type Left, leftText } from "./left.ts";
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

describe("the tables", () => {
  const all = batches.flatMap(({ rows }) => rows);
  const isRefused = (row: Row) => row.wanted === undefined || row.leaves !== undefined;

  test("every technique has a name of its own", () => {
    const names = all.map(({ name }) => name);
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
  });

  test("every denial has a twin that is allowed: the same on granted ground, or one of its own", () => {
    const isOwn = ({ words, twin = words }: Row) =>
      twin.some((word) => word.includes("{t}")) || !isEqual(twin, words);
    expect(all.filter((row) => isRefused(row) && !isOwn(row)).map(({ name }) => name)).toEqual([]);
  });

  test("every denial says what it leaves in the ledger, or why nothing", () => {
    const isSilent = (row: Row) => row.weaker === undefined && row.leaves === undefined;
    expect(all.filter((row) => isRefused(row) && isSilent(row)).map(({ name }) => name)).toEqual(
      [],
    );
  });
});

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
  test("every denial is some attempt's", () => {
    const told = run.results.flatMap(({ leaves }) => (typeof leaves === "object" ? [leaves] : []));
    const ofNobody = run.unowned.filter((row) => !told.some((left) => isLeft(row, left)));
    expect(ofNobody.map(leftText)).toEqual([]);
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
    expect({ twin: twin.answer, number: twin.number }).toEqual({ twin: "worked", number: 0 });
    if (known === undefined) expectLedger(run, result);
  });
  if (known !== undefined && !result.isOpen)
    console.log(`${setting.name}: ${row.name} holds; it can leave known-open.ts`);
}

function isEqual(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((word, index) => word === other[index]);
}

function isWantedIn(row: Row, setting: Setting): boolean {
  if (!setting.hasNamespaces && row.weaker !== undefined) return true;
  return row.wanted !== undefined && (row.wantedOnly === undefined || setting.hasNamespaces);
}

/**
 * A technique that fails leaves the denial its row tells of and nothing else; one that works, and
 * every twin, leaves none. A twin that is the same call is told of as allowed.
 */
function expectLedger(run: SystemRun, result: RowResult): void {
  const { attack, isOpen, leaves, twinLeaves, denials } = result;
  const works = isOpen || attack.answer === "worked";
  const isRow = (wanted: Left) => (row: LedgerRow) => isLeft(row, wanted);
  expect(othersIn(denials.twin).map(leftText)).toEqual([]);
  if (works || typeof leaves !== "object") {
    expect({ works, leaves }).not.toEqual({ works: false, leaves: undefined });
    expect(othersIn(denials.attack).map(leftText)).toEqual([]);
    return;
  }
  // Of some it is not known who asked, but nobody else asks for the same.
  const left = [...denials.attack, ...run.unowned.filter(isRow(leaves))];
  if (!left.some(isRow(leaves))) expect(left.map(leftText)).toEqual([leaves.join(" ")]);
  expect(othersIn(left, leaves).map(leftText)).toEqual([]);
  if (twinLeaves === undefined) return;
  const [action, object] = twinLeaves;
  expect(
    run.ledger.some(
      (row) => row.decision === "allow" && row.action === action && row.names.includes(object),
    ),
  ).toBe(true);
}

/** What was denied besides. */
function othersIn(denials: readonly LedgerRow[], but?: Left): LedgerRow[] {
  return denials.filter((row) => !(but !== undefined && isLeft(row, but)) && !isOfLibraries(row));
}

function firstLine(text: string): string {
  return (text.split("\n")[0] ?? "").slice(0, 200);
}
