// Runs one group in one place and says what it proved. The group and everything it started end with
// its time.

import { closeSync, existsSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { asPlainUser } from "../../test/support/harness.ts";
import { testMs } from "../../test/support/patience.ts";
import { errorLines } from "./error-lines.ts";
import { type Group, testFiles } from "./groups.ts";
import { type Failure, type Tally, tally } from "./junit.ts";
import type { Place } from "./place.ts";

interface Ending {
  readonly exitCode: number;
  readonly timedOut: boolean;
  /** Both output streams. */
  readonly output: string;
}

export interface GroupResult extends Tally {
  /** What the group printed; shown when something failed. */
  readonly output: string;
}

/** Runs the commands of a group, each counted as one test. */
export async function runCommands(group: Group, place: Place): Promise<GroupResult> {
  const failures: Failure[] = [];
  let output = "";
  const commands = group.commands ?? [];
  for (const argv of commands) {
    const ending = await runBounded(argv, place, group.timeoutMs);
    const problem = problemOf(ending);
    if (problem === undefined) continue;
    const said = errorLines(ending.output, "end");
    failures.push({ label: `${argv.join(" ")}: ${problem}`, said });
    output += ending.output;
  }
  return { passed: commands.length - failures.length, failures, skips: [], output };
}

function problemOf({ exitCode, timedOut, output }: Ending): string | undefined {
  if (timedOut) return "ran out of time";
  if (exitCode !== 0) return `status ${exitCode}`;
  return /\bNothing to be done for\b/.test(output) ? "did nothing" : undefined;
}

/** Runs the test files of a group with `bun test`. */
export async function runTests(
  group: Group,
  place: Place,
  asWhom: "self" | "plain user",
): Promise<GroupResult> {
  const files = testFiles(place.tree, group);
  if (files.length === 0)
    return {
      passed: 0,
      failures: [{ label: `${group.tests}: no test file`, said: [] }],
      skips: [],
      output: "",
    };
  const report = join(place.env.TMPDIR ?? "", `${group.name}.xml`);
  const bun = join(place.tree, "node_modules/bun/bin/bun.exe");
  const reporting = ["--reporter=junit", `--reporter-outfile=${report}`];
  const paths = files.map((file) => `./${file}`);
  const argv = [bun, "test", ...reporting, `--timeout=${testMs}`, ...paths];
  const command = asWhom === "self" ? argv : asPlainUser(argv);
  const { exitCode, timedOut, output } = await runBounded(command, place, group.timeoutMs);
  const written = existsSync(report) ? readFileSync(report, "utf8") : undefined;
  return { ...tally({ report: written, files, exitCode, timedOut, output }), output };
}

/**
 * Starts `argv` as the leader of a process group: nothing that it leaves behind in it outlives it,
 * or its time. Output goes to a file: a pipe would stay open in a process that escaped the group.
 */
async function runBounded(
  argv: readonly string[],
  place: Place,
  timeoutMs: number,
): Promise<Ending> {
  const log = join(place.env.TMPDIR ?? "", "output.log");
  const fd = openSync(log, "w");
  const child = Bun.spawn([...argv], {
    cwd: place.tree,
    env: place.env,
    detached: true,
    stdio: ["ignore", fd, fd],
  });
  const bound = { expired: false };
  const timer = setTimeout(() => {
    bound.expired = true;
    killGroup(child.pid);
  }, timeoutMs);
  const exitCode = await child.exited;
  clearTimeout(timer);
  killGroup(child.pid);
  closeSync(fd);
  return { exitCode, timedOut: bound.expired, output: readFileSync(log, "utf8") };
}

function killGroup(leader: number): void {
  try {
    process.kill(-leader, "SIGKILL");
  } catch (error) {
    // ignored: nobody is left in it
    if (!(error instanceof Error) || !("code" in error) || error.code !== "ESRCH") throw error;
  }
}
