// Where tests run: a home and a temporary folder of their own, removed afterwards. For the pass as
// a plain user also a copy of the tree, because the checkout may lie where only its owner may look.

import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative, sep } from "node:path";
import {
  giveToPlainUser,
  inherited,
  networkSettings,
  repoRoot,
} from "../../test/support/harness.ts";
import { removeTree } from "../../test/support/temp.ts";

export interface Place extends Disposable {
  /** The project the tests are read from. */
  readonly tree: string;
  readonly env: Readonly<Record<string, string>>;
}

const systemPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/** Large, and needed by no test of the kernel. */
const leftOut = new Set([
  ".git",
  "dist/release",
  "build/packages",
  "build/runtimes",
  "build/modules",
  "build/npm-cache",
  "node_modules/@biomejs",
  "node_modules/@typescript",
  "node_modules/typescript",
]);

/** The checkout itself, for whoever runs the tests. */
export function ownPlace(): Place {
  const base = makeBase();
  const path = process.env.PATH ?? systemPath;
  return { tree: repoRoot, env: environment(base, path), [Symbol.dispose]: () => removeTree(base) };
}

/** A copy the plain user can read but not change, and a home that is its own. */
export function plainUserPlace(): Place {
  const base = makeBase();
  const tree = join(base, "tree");
  cpSync(repoRoot, tree, {
    recursive: true,
    filter: (source) => !leftOut.has(relative(repoRoot, source).split(sep).join("/")),
  });
  openForReading(tree);
  giveToPlainUser(join(base, "home"));
  giveToPlainUser(join(base, "tmp"));
  return { tree, env: environment(base, systemPath), [Symbol.dispose]: () => removeTree(base) };
}

function makeBase(): string {
  const base = mkdtempSync(join(tmpdir(), "aegis-tests-"));
  chmodSync(base, 0o711);
  for (const name of ["home", "tmp", "bin"]) mkdirSync(join(base, name));
  chmodSync(join(base, "tmp"), 0o711);
  return base;
}

/** The binary is copied to where every account can execute it. */
function environment(base: string, path: string): Record<string, string> {
  const binary = join(base, "bin/aegis");
  const built = join(repoRoot, "dist/aegis");
  if (existsSync(built)) cpSync(built, binary);
  return {
    PATH: path,
    HOME: join(base, "home"),
    TMPDIR: join(base, "tmp"),
    LANG: "C.UTF-8",
    TERM: "dumb",
    AEGIS_BINARY: binary,
    ...toolchains(),
    ...networkSettings(),
    ...testSettings(),
  };
}

/** rustup finds its compilers through the account's real home, not through HOME of the tests. */
function toolchains(): Record<string, string> {
  const rustup = process.env.RUSTUP_HOME ?? join(accountHome(), ".rustup");
  return existsSync(rustup) ? { RUSTUP_HOME: rustup } : {};
}

/** As the account database has it: HOME may be set to anything, and os.userInfo() believes it. */
function accountHome(): string {
  const uid = String(process.getuid?.());
  const entries = readFileSync("/etc/passwd", "utf8").split("\n");
  return entries.map((line) => line.split(":")).find((fields) => fields[2] === uid)?.[5] ?? "/";
}

/** Settings of the tests themselves, such as how many random cases to draw. */
function testSettings(): Record<string, string> {
  return inherited(/^(AEGIS_TEST_\w+|AEGIS_\w+_(CASES|LINES)|CI)$/);
}

function openForReading(tree: string): void {
  const { exitCode } = Bun.spawnSync(["chmod", "-R", "a+rX,go-w", tree]);
  if (exitCode !== 0) throw new Error(`Cannot open "${tree}" for reading`);
}
