// Writes docs/escape-report.md: the catalogue of test/escape in aegis, bare, and in what else is on
// this machine. `bun scripts/escape-report.ts [--install]`, which gets the peers from npm first;
// bwrap and firejail are taken where the distribution has put them. As root, the plain user's
// columns are run by an account without privileges: AEGIS_TEST_ACCOUNT, which has to be in
// /etc/passwd with a shell for firejail to start, else `games`.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { installPeers } from "../bench/peers.ts";
import { knownOpen } from "../test/escape/known-open.ts";
import { leavesIn, noRows } from "../test/escape/left.ts";
import { type Peer, peers } from "../test/escape/peers.ts";
import { type ClassName, classes, type Row } from "../test/escape/row.ts";
import { type RowResult, runBoxed, runRows, type System } from "../test/escape/run.ts";
import { type Setting, settingsOf } from "../test/escape/setting.ts";
import { aegis, bare, namedAegis, strictAegis } from "../test/escape/systems.ts";
import { catalogue } from "../test/escape/table/all.ts";
import { byName } from "../test/escape/table/by-name.ts";
import { globs, linkedFiles } from "../test/escape/table/files.ts";
import { sealedExecution, strictExecution } from "../test/escape/table/programs.ts";
import { isRoot, repoRoot } from "../test/support/harness.ts";
import { removeTempDirs } from "../test/support/temp.ts";

interface Column {
  readonly title: string;
  readonly setting: Setting;
  readonly isOurs: boolean;
  readonly results: ReadonlyMap<string, RowResult>;
  /** Why there is nothing to show. */
  readonly absent: string | undefined;
}

const underDefault = [...catalogue, ...linkedFiles];
if (process.argv.includes("--install")) {
  const why = installPeers();
  if (why !== undefined) console.error(why);
}
const plain = settingsOf("plain user");
const columns: Column[] = [];
for (const setting of [...plain, ...(isRoot() ? settingsOf("root") : [])])
  columns.push(await columnOf(`aegis, ${setting.name}`, aegis, setting));
const user = plain[0];
if (user === undefined) throw new Error("broken invariant: there is a plain user");
columns.push(await columnOf(bare.name, bare, user));
const known = peers();
for (const { system, version } of known)
  if (version !== undefined) columns.push(await columnOf(system.name, system, user));
removeTempDirs();
writeFileSync(join(repoRoot, "docs/escape-report.md"), report(columns));
process.exit(0);

async function columnOf(title: string, system: System, setting: Setting): Promise<Column> {
  const isOurs = system === aegis;
  const run = await (isOurs ? runBoxed : runRows)(system, setting, catalogue);
  const linked = await (isOurs ? runBoxed : runRows)(system, setting, linkedFiles);
  const strict = isOurs ? await runBoxed(strictAegis, setting, strictExecution) : undefined;
  const named = isOurs ? await runBoxed(namedAegis, setting, byName) : undefined;
  const results = new Map(
    [run, linked, strict, named]
      .flatMap((part) => part?.results ?? [])
      .map((result) => [result.row.name, result]),
  );
  const isEmpty = run.results.every(({ attack }) => attack.answer === "no answer");
  const reason = run.stderr.split("\n").find((line) => line.trim() !== "") ?? "";
  console.log(`${title}: ${isEmpty ? `nothing, ${reason.slice(0, 120)}` : openIn(results)} open`);
  return { title, setting, isOurs, results, absent: isEmpty ? reason : undefined };
}

function openIn(results: ReadonlyMap<string, RowResult>): number {
  return underDefault.filter((row) => results.get(row.name)?.isOpen === true).length;
}

/** Why an open attack of ours is open. */
function reasonOf(row: Row, setting: Setting): string | undefined {
  const known = knownOpen(row, setting);
  if (known !== undefined) return `not held yet: ${known.why}`;
  if (!setting.hasNamespaces && row.weaker !== undefined) return row.weaker;
  return row.wanted;
}

/** `o` open, `.` held, `n` proves nothing: without any box it does not work either. */
function mark(column: Column, row: Row, baseline: Column | undefined): string {
  const result = column.results.get(row.name);
  if (result === undefined || result.attack.answer === "no answer") return " ";
  if (result.isOpen) return column.isOurs && isAccepted(row, column) ? "w" : "o";
  if (result.attack.answer === "absent") return "n";
  if (baseline !== undefined && baseline.results.get(row.name)?.isOpen === false) return "n";
  return ".";
}

function isAccepted(row: Row, { setting }: Column): boolean {
  return reasonOf(row, setting) !== undefined && knownOpen(row, setting) === undefined;
}

function report(all: readonly Column[]): string {
  const shown = all.filter(({ absent }) => absent === undefined);
  const baseline = all.find(({ title }) => title === "bare");
  const rows = underDefault;
  const count = (column: Column, group: ClassName | undefined, which: string) =>
    rows.filter(
      (row) =>
        (group === undefined || row.group === group) && mark(column, row, baseline) === which,
    ).length;
  const cell = (column: Column, group: ClassName | undefined) => {
    const accepted = count(column, group, "w");
    return `${count(column, group, "o")}${accepted > 0 ? ` (+${accepted})` : ""}`;
  };
  const names = Object.keys(classes) as ClassName[];
  const summary = [
    ["class", "tried", ...shown.map(({ title }) => title)],
    ["---", "---:", ...shown.map(() => "---:")],
    ...names.map((group) => [
      `${group} ${classes[group]}`,
      String(rows.filter((row) => row.group === group).length),
      ...shown.map((column) => cell(column, group)),
    ]),
    ["**all**", String(rows.length), ...shown.map((column) => `**${cell(column, undefined)}**`)],
  ];
  const marks = [
    ["attack", "technique", ...shown.map((_, index) => String(index + 1))],
    ["---", "---", ...shown.map(() => ":-:")],
    ...rows.map((row) => [
      `\`${row.name}\``,
      row.technique.replaceAll("|", "\\|"),
      ...shown.map((column) => mark(column, row, baseline)),
    ]),
  ];
  return [
    ...introduction(all, shown),
    ...summary.map(line),
    "",
    "## What is open in aegis",
    "",
    ...ourOpen(shown),
    "",
    "## What leaves no row",
    "",
    "A denial is a row of the ledger, and the suite looks for that very row after each attack. These leave none, and fail their",
    "test when they begin to:",
    "",
    ...unrecorded(shown),
    "",
    "## Every attack",
    "",
    `Columns: ${shown.map(({ title }, index) => `${index + 1} ${title}`).join(", ")}. \`.\` held,`,
    "`o` open, `w` open as wanted or as the coverage says, `n` proves nothing: without any box it",
    "does not work either.",
    "",
    ...marks.map(line),
    "",
    ...granted(shown.filter(({ isOurs }) => isOurs)),
  ].join("\n");
}

/** Nothing is granted by name in the other systems, so there is nothing to compare. */
function granted(ours: readonly Column[]): string[] {
  return [
    "## Where hosts are granted by name",
    "",
    "What a box that may reach one port of this machine by TCP and one by UDP tries beyond that.",
    "",
    ...[
      ["attack", "technique", ...ours.map((_, index) => String(index + 1))],
      ["---", "---", ...ours.map(() => ":-:")],
      ...byName.map((row) => [
        `\`${row.name}\``,
        row.technique.replaceAll("|", "\\|"),
        ...ours.map((column) => mark(column, row, undefined)),
      ]),
    ].map(line),
    "",
  ];
}

function introduction(all: readonly Column[], shown: readonly Column[]): string[] {
  const missing = all.filter((column) => !shown.includes(column));
  return [
    "# Escape report",
    "",
    "Made by `bun scripts/escape-report.ts` from the catalogue in `test/escape`; do not edit. Each attack is tried inside the",
    "system by the same program, and what it was after is looked at from outside as well. A write that only reaches a throw-away",
    "folder counts as open: the program was told that it worked.",
    "",
    `Kernel ${kernel()}. Beside aegis: ${found()}. Number of attacks that worked; in brackets those meant to work, each with its reason below.`,
    "",
    ...missing.map(
      ({ title, absent }) => `Not shown: ${title}, which did not start: ${short(absent)}`,
    ),
    ...(missing.length > 0 ? [""] : []),
  ];
}

function found(): string {
  const told = ({ system, version }: Peer) => `${system.name} ${version ?? ""}`.trim();
  const here = known.filter(({ version }) => version !== undefined).map(told);
  const absent = known.filter(({ version }) => version === undefined).map(told);
  return [here.join(", "), ...(absent.length > 0 ? [`not here: ${absent.join(", ")}`] : [])].join(
    "; ",
  );
}

function short(text: string | undefined): string {
  return (text ?? "").replaceAll(/"[^"]*aegis-escape-[^"]*"/g, "…").slice(0, 400);
}

function kernel(): string {
  return Bun.spawnSync(["uname", "-r"]).stdout.toString().trim();
}

function ourOpen(shown: readonly Column[]): string[] {
  const ours = shown.filter(({ isOurs }) => isOurs);
  const lines = new Map<string, string[]>();
  for (const row of [...underDefault, ...strictExecution, ...byName])
    for (const column of ours) {
      if (column.results.get(row.name)?.isOpen !== true) continue;
      const reason = reasonOf(row, column.setting) ?? "NOT EXPECTED";
      const key = `\`${row.name}\`: ${row.technique}. ${capital(reason)}.`;
      lines.set(key, [...(lines.get(key) ?? []), column.setting.name]);
    }
  return [...lines].map(([text, settings]) => `- ${text} (${settings.join(", ")})`);
}

/** By reason, with the settings where not in all. */
function unrecorded(shown: readonly Column[]): string[] {
  const settings = shown.filter(({ isOurs }) => isOurs).map(({ setting }) => setting);
  return Object.entries(noRows).flatMap(([reason, why]) => {
    const names = [...underDefault, ...strictExecution, ...sealedExecution, ...globs, ...byName]
      .map((row) => ({
        row,
        found: settings.filter((setting) => leavesIn(row, setting) === reason),
      }))
      .filter(({ found }) => found.length > 0)
      .map(({ row, found }) =>
        found.length === settings.length
          ? `\`${row.name}\``
          : `\`${row.name}\` (${found.map(({ name }) => name).join(", ")})`,
      );
    return names.length === 0 ? [] : [`- ${capital(why)}: ${names.join(", ")}.`];
  });
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function line(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`;
}
