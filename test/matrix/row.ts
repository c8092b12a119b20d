// One real program of the matrix and the five things that must hold for it: it works as without
// aegis, what it touched is in the ledger, a planted violation works without aegis, is refused in
// the box, and is recorded.

import { expect } from "bun:test";
import { existsSync, realpathSync, rmSync } from "node:fs";
import { testWith } from "../support/features.ts";
import type { Need } from "../support/probes.ts";
import {
  everyRunner,
  inPlace,
  makePlace,
  type Place,
  type Runner,
  removePlacesAfterwards,
  runBare,
  runBoxed,
} from "./place.ts";
import { countAccesses, lastSession } from "./recorded.ts";

export interface Touched {
  readonly action: string;
  /** As `inPlace` reads it; an expression where the name depends on the installed version. */
  readonly path: string | RegExp;
}

export interface Violation {
  readonly command: readonly string[];
  /**
   * What the program itself says when it is refused; without aegis it must show the secret, or make
   * `makes`.
   */
  readonly says: RegExp;
  readonly denied: { readonly action: string; readonly path: string };
  /** File that holds what the program said, when it is not its output. */
  readonly saysIn?: string;
  /**
   * File that only exists after a violation that worked; checked and removed after the bare run.
   */
  readonly makes?: string;
}

export interface MatrixRow {
  readonly name: string;
  readonly needs: readonly Need[];
  readonly fixture?: string;
  /** Runs before each command, outside the box. */
  readonly prepare?: (place: Place) => Promise<void>;
  readonly command: readonly string[];
  readonly flags?: readonly string[];
  readonly env?: (place: Place) => Readonly<Record<string, string>>;
  /** Recorded as allowed by the boxed run. */
  readonly touched: readonly Touched[];
  readonly violation: Violation;
}

const needed: readonly Need[] = ["linux", "landlock", "seccomp"];

/** One test per account for every row. */
export function testRows(rows: readonly MatrixRow[]): void {
  removePlacesAfterwards();
  for (const row of rows) {
    for (const runner of everyRunner) {
      const needs = [...needed, ...row.needs];
      testWith(needs, `${row.name}, as ${runner}`, () => checkRow(row, runner));
    }
  }
}

async function checkRow(row: MatrixRow, runner: Runner): Promise<void> {
  const place = await preparedPlace(row, runner);
  const bare = await runBare(place, row.command);
  expect({ of: "bare run", ...bare }).toMatchObject({ exitCode: 0 });
  await checkViolationWorksBare(place, row.violation);

  const boxedPlace = await preparedPlace(row, runner);
  const boxed = await runBoxed(boxedPlace, row.command, row.flags);
  const moved = (text: string) => text.replaceAll(place.home, boxedPlace.home);
  const complaints = boxed.exitCode === bare.exitCode ? "" : boxed.stderr;
  expect({ ...boxed, stderr: complaints }).toEqual({
    stdout: moved(bare.stdout),
    stderr: "",
    exitCode: bare.exitCode,
  });
  await checkTouched(boxedPlace, row.touched, bare.exitCode);
  await checkViolationRefused(boxedPlace, row);
}

async function preparedPlace(row: MatrixRow, runner: Runner): Promise<Place> {
  const made = makePlace(runner, row.fixture);
  const place = { ...made, env: { ...made.env, ...row.env?.(made) } };
  await row.prepare?.(place);
  return place;
}

async function checkTouched(
  place: Place,
  touched: readonly Touched[],
  exitStatus: number,
): Promise<void> {
  const session = await lastSession(place);
  expect(session.exitStatus).toBe(exitStatus);
  const missing = touched.filter(({ action, path }) => {
    const isPath = pathTest(place, path);
    const fits = (access: (typeof session.accesses)[number]) =>
      access.action === action && isPath(access.path) && access.decision === "allow";
    return countAccesses(session, fits) === 0;
  });
  expect(missing).toEqual([]);
}

async function checkViolationWorksBare(place: Place, violation: Violation): Promise<void> {
  const bare = await runBare(place, violation.command);
  if (violation.makes === undefined) {
    expect(await said(place, violation, bare)).toContain(place.secret);
    return;
  }
  const made = inPlace(place, violation.makes);
  expect(existsSync(made)).toBe(true);
  rmSync(made, { recursive: true });
}

async function checkViolationRefused(place: Place, row: MatrixRow): Promise<void> {
  const { violation } = row;
  const boxed = await runBoxed(place, violation.command, row.flags);
  const text = await said(place, violation, boxed);
  expect(text).toMatch(violation.says);
  expect(text).not.toContain(place.secret);
  if (violation.makes !== undefined) {
    expect(existsSync(inPlace(place, violation.makes))).toBe(false);
  }
  const session = await lastSession(place);
  const path = inPlace(place, violation.denied.path);
  const denied = session.accesses.filter(
    (access) => access.decision === "deny" && access.path === path,
  );
  expect(denied.map((access) => access.action)).toContain(violation.denied.action);
}

async function said(
  place: Place,
  violation: Violation,
  outcome: { readonly stdout: string; readonly stderr: string },
): Promise<string> {
  if (violation.saysIn === undefined) return outcome.stdout + outcome.stderr;
  return Bun.file(inPlace(place, violation.saysIn)).text();
}

function pathTest(place: Place, path: string | RegExp): (path: string) => boolean {
  if (path instanceof RegExp) return (other) => path.test(other);
  const wanted = realPath(inPlace(place, path));
  return (other) => other === wanted;
}

/** Links resolved; as given when a run removed the file again. */
function realPath(path: string): string {
  return existsSync(path) ? realpathSync(path) : path;
}
