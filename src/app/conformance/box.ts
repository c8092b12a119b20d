// A test of a conformance pack in a real box: its program is run by this very binary, in a folder
// made for it and with a ledger of its own, and what the ledger says of it is the answer.

import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import type { SessionId } from "../../base/ids.ts";
import { type AbsPath, absPath, contains, resolvePath } from "../../base/paths.ts";
import { aegisPaths, privateDirectory } from "../../config/location.ts";
import { type BoxProgram, filled } from "../../control/conformance/box-program.ts";
import type { Expectation } from "../../control/conformance/pack.ts";
import type { Answer } from "../../control/conformance/report.ts";
import { temporaryFolder } from "../../supervise/temporary-folder.ts";
import { withExistingLedger } from "../ledger/ledgers.ts";
import type { Surroundings } from "../surroundings.ts";

const timeoutMs = 60_000;
const rowsMax = 100_000;

export async function askBox(
  box: BoxProgram,
  expect: Expectation,
  around: Surroundings,
): Promise<Answer> {
  const home = makeHome(box, around);
  try {
    const ran = await run(box, home, around);
    if (typeof ran === "string") return failure(ran);
    return await recorded(ran, expect, home, around);
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

/** Not in the temporary folder, wherever AEGIS_HOME is: a box has one of its own in its place. */
function makeHome({ files }: BoxProgram, around: Surroundings): AbsPath {
  const parent = aegisPaths(around.environment).home;
  privateDirectory(parent);
  const isTemporary = contains(temporaryFolder, realpathSync(parent));
  const made = isTemporary
    ? mkdtempSync("/var/tmp/aegis-conformance-")
    : mkdtempSync(resolvePath(parent, "conformance-"));
  const home = absPath(realpathSync(made));
  if (home === undefined) throw new Error(`broken invariant: ${made} is no path`);
  mkdirSync(resolvePath(home, "work"), { mode: 0o700 });
  for (const [path, text] of Object.entries(files)) {
    const file = resolvePath(home, path);
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    writeFileSync(file, text, { mode: 0o600 });
  }
  return home;
}

interface Ran {
  readonly session: string;
  readonly status: number;
}

/** What `aegis run` reports, or why it reports nothing. */
async function run(box: BoxProgram, home: AbsPath, around: Surroundings): Promise<Ran | string> {
  const flags = (["read", "write", "deny", "exec"] as const).flatMap((name) =>
    box[name].flatMap((word) => [`--${name}`, filled(word, home)]),
  );
  const command = box.command.map((word) => filled(word, home));
  // Compiled, the binary is the program itself; else the runtime is told which one to run.
  const isCompiled = Bun.main.startsWith("/$bunfs/");
  const self = isCompiled ? [process.execPath] : [process.execPath, Bun.main];
  const child = Bun.spawn([...self, "run", "--json", ...flags, "--", ...command], {
    cwd: resolvePath(home, "work"),
    env: { HOME: home, PATH: around.environment.PATH ?? "/usr/bin:/bin" },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: timeoutMs,
    killSignal: "SIGKILL",
  });
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  const status = await child.exited;
  const report = jsonOf(stdout);
  if (report !== undefined) return report;
  return `box: no program was run, status ${status}: ${stderr.trim().slice(0, 500)}`;
}

function jsonOf(text: string): Ran | undefined {
  try {
    const { session, status } = JSON.parse(text) as Partial<Ran>;
    if (typeof session === "string" && typeof status === "number") return { session, status };
  } catch {
    // ignored: a run that failed prints no report, which is what undefined says
  }
  return undefined;
}

async function recorded(
  { session, status }: Ran,
  expect: Expectation,
  home: AbsPath,
  around: Surroundings,
): Promise<Answer> {
  const environment = { ...around.environment, HOME: home, AEGIS_HOME: undefined };
  const path = aegisPaths(environment).ledger;
  return withExistingLedger({ ...around, environment }, path, async (ledger): Promise<Answer> => {
    const { findings } = await ledger.verify();
    if (findings[0] !== undefined) return failure(`ledger: ${findings[0].message}`);
    if (expect.status !== undefined && expect.status !== status) {
      return failure(`status: want ${expect.status} got ${status}`);
    }
    const page = { limit: rowsMax, offset: 0 };
    const { events } = await ledger.events({ session: session as SessionId }, page);
    const resource = filled(expect.resource ?? "", home);
    const about = events.filter(
      ({ payload }) => payload.action === expect.action && payload.path === resource,
    );
    const row = about.find(({ payload }) => payload.decision === "deny") ?? about[0];
    if (row === undefined) return failure(`ledger: there is no ${expect.action} of ${resource}`);
    const { decision, rule, reason } = row.payload;
    const why = [rule, reason].filter((text) => text !== "").join(": ");
    const evidence = { session, seq: row.seq, status };
    return { kind: "decision", outcome: String(decision), reason: why, evidence };
  });
}

function failure(error: string): Answer {
  return { kind: "failure", error };
}
