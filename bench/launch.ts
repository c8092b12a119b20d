// How long `aegis run -- true` takes from start to end, beside nothing, a compiled Bun program, and
// other sandboxes.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { aegisBinary } from "../test/support/harness.ts";
import { findPeers, installPeers, peerEnvironment } from "./peers.ts";
import { type Section, summarise } from "./report.ts";
import { aegisRun, makeScene, type Scene } from "./scene.ts";
import { interleave, type Subject } from "./stopwatch.ts";

const goals = [
  { row: "aegis, audit off", of: "bwrap", max: 3 },
  { row: "aegis, audit full", of: "bwrap", max: 4 },
  { row: "aegis, audit full", of: "codex", max: 1 / 3 },
  { row: "aegis, audit full", of: "srt", max: 1 / 20 },
  { row: "aegis, changed policy", of: undefined, max: 250 },
] as const;

/** @param account whose launches; the plain user's need a user namespace more */
export async function measureLaunch(
  account: Scene["account"],
  options: { readonly rounds: number; readonly installsPeers: boolean },
): Promise<Section> {
  const notInstalled = options.installsPeers ? installPeers() : undefined;
  const scene = makeScene(account);
  try {
    const hello = buildProgram(scene, "hello", 'console.log("hello");\n');
    const least = buildProgram(scene, "least", leastText);
    const policy = join(scene.workspace, "changing.cedar");
    const { present, notes } = findPeers(scene);
    const run = (argv: readonly string[]) => scene.as([scene.timer, "run", ...argv, "true"]);
    const subjects: Subject[] = [
      { name: "bare", argv: run([]) },
      { name: "Bun hello world", argv: scene.as([scene.timer, "run", hello]) },
      { name: "least of its kind", argv: run([least, join(scene.workspace, "least.db")]) },
      { name: "aegis, audit off", argv: run(aegisRun("off")) },
      { name: "aegis, audit full", argv: run(aegisRun("full")) },
      { name: "aegis, changed policy", argv: run(runOfFile(policy)), every: 4 },
      ...present.map(({ name, argv }) => ({
        name,
        argv: run(argv),
        every: name === "srt" ? 4 : 1,
      })),
    ];
    const template = templateText(scene);
    let version = 0;
    const samples = await interleave(subjects, {
      directory: scene.workspace,
      env: peerEnvironment(scene),
      rounds: options.rounds,
      reset: (subject) => {
        if (subject !== "aegis, changed policy") return;
        version += 1;
        writeFileSync(policy, `${template}\n// version ${version}\n`);
      },
    });
    return summarise(
      { title: `launch of true, ${account}`, unit: "ms", base: "bwrap" },
      samples,
      goals,
      { notes: notInstalled === undefined ? notes : [...notes, notInstalled] },
    );
  } finally {
    scene.remove();
  }
}

/**
 * What every program of Bun must do that keeps a durable ledger of what runs in a sandbox: start,
 * store a row while bubblewrap starts the command, and store another after its end. No policy, no
 * audit, no chain, no signature: the floor of a launch.
 */
const leastText = `import { Database } from "bun:sqlite";
const [database, ...command] = process.argv.slice(2);
const db = new Database(database);
db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
db.exec("CREATE TABLE IF NOT EXISTS rows (id INTEGER PRIMARY KEY, text TEXT)");
const box = ["bwrap", "--unshare-all", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"];
const child = Bun.spawn([...box, ...command], { stdio: ["inherit", "inherit", "inherit"] });
db.run("INSERT INTO rows (text) VALUES ('opened')");
const status = await child.exited;
db.run("INSERT INTO rows (text) VALUES ('closed')");
process.exit(status);
`;

function buildProgram(scene: Scene, name: string, text: string): string {
  const folder = join(scene.workspace, name);
  mkdirSync(folder);
  const source = join(folder, `${name}.ts`);
  writeFileSync(source, text);
  return compileBun(source, join(folder, name));
}

/** Compiles one source to a stand-alone program. @returns its path */
export function compileBun(source: string, program: string): string {
  const argv = [process.execPath, "build", "--compile", source, "--outfile", program];
  const built = Bun.spawnSync(argv, { stdio: ["ignore", "ignore", "pipe"] });
  if (built.exitCode !== 0) throw new Error(`Cannot compile ${source}: ${built.stderr}`);
  return program;
}

function runOfFile(policy: string): string[] {
  return [aegisBinary(), "run", "--quiet", "--policy", policy, "--audit", "full", "--"];
}

function templateText(scene: Scene): string {
  const shown = Bun.spawnSync(scene.as([aegisBinary(), "policy", "generate", "workspace"]), {
    cwd: scene.workspace,
    env: { ...scene.env },
  });
  if (shown.exitCode !== 0) throw new Error(`Cannot show the template: ${shown.stderr}`);
  return shown.stdout.toString();
}
