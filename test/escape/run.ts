// Runs rows of the catalogue in one system, the way somebody starts a command in it, and says what
// came of each: inside, by what the technique itself saw, and outside, by what changed.

import { existsSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { testMs } from "../support/patience.ts";
import { denialsByAttempt, type LedgerRow, type Left, leavesIn, type NoRow } from "./left.ts";
import type { Row, Words } from "./row.ts";
import { makeScene, type Scene } from "./scene.ts";
import type { Setting } from "./setting.ts";

export type Answer = "worked" | "blocked" | "absent" | "killed" | "timeout" | "no answer";

export interface Verdict {
  readonly answer: Answer;
  /** The errno or signal. */
  readonly number: number;
  readonly note: string;
  /** The first process of it. */
  readonly pid: number;
}

export interface RowResult {
  readonly row: Row;
  readonly attack: Verdict;
  readonly twin: Verdict;
  /** What changed outside although it must not; empty when nothing did. */
  readonly harm: readonly string[];
  /** What the ledger must tell of it where it is refused. */
  readonly leaves: Left | NoRow | undefined;
  /** What the twin must be told to have done, when it is the same call on granted ground. */
  readonly twinLeaves: Left | undefined;
  /** What the ledger tells. */
  readonly denials: { readonly attack: readonly LedgerRow[]; readonly twin: readonly LedgerRow[] };
  /** The attack got what it wanted. */
  readonly isOpen: boolean;
}

export interface SystemRun {
  readonly results: readonly RowResult[];
  readonly reached: readonly string[];
  readonly stderr: string;
  readonly exitCode: number;
  /** What the ledger has of the run; only with aegis. */
  readonly ledger: readonly LedgerRow[];
  /** Denials of which it cannot be told whose they are. */
  readonly unowned: readonly LedgerRow[];
}

export interface System {
  readonly name: string;
  /** The command line that starts `argv` in the scene. */
  readonly start: (scene: Scene, argv: readonly string[]) => readonly string[];
  readonly env?: (scene: Scene) => Readonly<Record<string, string>>;
  readonly ledger?: (scene: Scene, setting: Setting) => readonly LedgerRow[];
}

/** For a whole batch, besides what its rows ask for themselves. */
const patienceMs = 2 * testMs;
/** For one attempt, most of which are over at once. */
const attemptSeconds = 60;
const noAnswer: Verdict = { answer: "no answer", number: 0, note: "", pid: 0 };

export async function runRows(
  system: System,
  setting: Setting,
  rows: readonly Row[],
): Promise<SystemRun> {
  await using scene = await makeScene(setting, rows);
  const argv = system.start(scene, [scene.attack, "batch"]);
  const child = Bun.spawn(setting.through(argv), {
    cwd: scene.workspace,
    env: system.env?.(scene) ?? { ...scene.env },
    stdio: ["pipe", "pipe", "pipe", ...scene.inherited],
    timeout: patienceMs + 1000 * rows.reduce((sum, row) => sum + (row.seconds ?? 0), 0),
    killSignal: "SIGKILL",
  });
  const reader = child.stdout.getReader();
  const stderr = child.stderr.text();
  let output = await readFirstLine(reader);
  for (const name of ["key.pem", "key2.pem"]) scene.make(join(scene.workspace, "in/glob", name));
  const before = new Map(rows.map((row) => [row.name, scene.traces(row)]));
  await feed(
    child.stdin,
    inOrder(rows)
      .map((row) => lines(scene, setting, row))
      .join(""),
  );
  output += await readRest(reader);
  const exitCode = await child.exited;
  const after = tracesAfter(scene, rows);
  const verdicts = parse(output);
  const ledger = system.ledger?.(scene, setting) ?? [];
  const denials = denialsByAttempt(ledger, verdicts);
  const results = rows.map((row) => {
    const attack = verdicts.get(row.name) ?? noAnswer;
    const earlier = before.get(row.name) ?? [];
    const harm = (after.get(row.name) ?? []).filter((trace, index) => trace !== earlier[index]);
    const isOpen = harm.length > 0 || (attack.answer === "worked" && !isHarmOnly(row));
    const twin = verdicts.get(`${row.name}~`) ?? noAnswer;
    return {
      ...{ row, attack, twin, harm, isOpen },
      ...leftBy(scene, setting, row),
      denials: {
        attack: denials.get(row.name) ?? [],
        twin: denials.get(`${row.name}~`) ?? [],
      },
    };
  });
  return {
    results,
    reached: scene.reached(),
    stderr: await stderr,
    exitCode,
    ledger,
    unowned: denials.get("") ?? [],
  };
}

/** What this kernel holds less well is accepted and said; what it cannot hold at all is not. */
export async function runBoxed(
  system: System,
  setting: Setting,
  rows: readonly Row[],
): Promise<SystemRun> {
  const run = await runRows(system, setting, rows);
  const isOnlyWeaker = run.exitCode === 125 && !/would be absent|Cannot compile/.test(run.stderr);
  if (!isOnlyWeaker) return run;
  console.log(`${setting.name}, ${system.name}: with --allow-weaker: ${firstLine(run.stderr)}`);
  return runRows(withWeaker(system), setting, rows);
}

/** The same with what this machine cannot hold as well as others. */
function withWeaker(system: System): System {
  const start: System["start"] = (scene, argv) => {
    const words = [...system.start(scene, argv)];
    return [...words.slice(0, 2), "--allow-weaker", ...words.slice(2)];
  };
  return { ...system, start };
}

function firstLine(text: string): string {
  return (text.split("\n")[0] ?? "").slice(0, 200);
}

/** With the row's own words. */
function leftBy(
  scene: Scene,
  setting: Setting,
  row: Row,
): Pick<RowResult, "leaves" | "twinLeaves"> {
  const leaves = leavesIn(row, setting);
  if (typeof leaves !== "object") return { leaves, twinLeaves: undefined };
  const as = (whom: "attack" | "twin"): Left => {
    const [action, object, ...rest] = leaves;
    const [expanded = ""] = scene.words(row, [object], whom);
    return [action, expanded, ...rest];
  };
  return { leaves: as("attack"), twinLeaves: row.twin === undefined ? as("twin") : undefined };
}

/** Meant to work inside; what counts is that nothing is seen of it outside. */
function isHarmOnly(row: Row): boolean {
  return row.wanted !== undefined && row.untouched !== undefined;
}

/** A command that could not be started reads nothing: its exit status and errors tell. */
async function feed(stdin: Bun.FileSink, text: string): Promise<void> {
  try {
    await stdin.write(text);
    await stdin.end();
  } catch (error) {
    if (!(error instanceof Error) || !("code" in error) || error.code !== "EPIPE") throw error;
  }
}

/** Where it works, moving the workspace takes the ground from under everything after it. */
function inOrder(rows: readonly Row[]): Row[] {
  return [...rows.filter((row) => !movesWorkspace(row)), ...rows.filter(movesWorkspace)];
}

const movesWorkspace = (row: Row) => row.words.includes("{ws}-away");

/** A workspace that was moved comes back before the others are looked at: no harm of theirs. */
function tracesAfter(scene: Scene, rows: readonly Row[]): ReadonlyMap<string, readonly string[]> {
  const traced = (row: Row) => [row.name, scene.traces(row)] as const;
  const moving = rows.filter(movesWorkspace).map(traced);
  const away = `${scene.workspace}-away`;
  if (existsSync(away)) {
    rmSync(scene.workspace, { recursive: true });
    renameSync(away, scene.workspace);
  }
  return new Map([...rows.map(traced), ...moving]);
}

function lines(scene: Scene, setting: Setting, row: Row): string {
  const seconds = String(row.seconds ?? attemptSeconds);
  const line = (id: string, words: readonly string[]) => `${[id, seconds, ...words].join("\t")}\n`;
  const attack = line(row.name, scene.words(row, row.words, "attack"));
  const twin = line(`${row.name}~`, scene.words(row, twinIn(row, setting), "twin"));
  return attack + twin;
}

function twinIn({ words, twin = words, twinInContainer = twin }: Row, setting: Setting): Words {
  return setting.name.endsWith("container") ? twinInContainer : twin;
}

function parse(output: string): Map<string, Verdict> {
  const verdicts = new Map<string, Verdict>();
  for (const text of output.split("\n")) {
    const found = /^(\S+) (worked|blocked|absent|killed|timeout) (\d+) (\d+) ?(.*)$/.exec(text);
    if (found === null) continue;
    const [, id = "", answer = "", number = "0", pid = "0", note = ""] = found;
    verdicts.set(id, {
      ...{ answer: answer as Answer, note },
      ...{ number: Number(number), pid: Number(pid) },
    });
  }
  return verdicts;
}

type Reader = { read(): Promise<{ done: boolean; value?: Uint8Array | undefined }> };

async function readFirstLine(reader: Reader): Promise<string> {
  let text = "";
  while (!text.includes("\n")) {
    const { done, value } = await reader.read();
    if (done) break;
    text += new TextDecoder().decode(value);
  }
  return text;
}

async function readRest(reader: Reader): Promise<string> {
  const chunks: Uint8Array[] = [];
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return Buffer.concat(chunks).toString();
    if (value !== undefined) chunks.push(value);
  }
}
