// A home with secrets and a project in it, owned by the account that runs the matrix, and commands
// started there bare or boxed. Nothing of the caller's own environment gets in, so that a bare and
// a boxed run can be compared byte by byte.

import { afterAll } from "bun:test";
import { cpSync, mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { programs } from "../support/box.ts";
import {
  aegisBinary,
  asPlainUser,
  giveToPlainUser,
  isRoot,
  type Outcome,
  repoRoot,
} from "../support/harness.ts";
import { programMs } from "../support/patience.ts";
import { removeTree } from "../support/temp.ts";

export type Runner = "root" | "plain user" | "plain user, no namespaces";
/** Root is tried as well where the tests may: a box must not become weaker for it. */
export const runners: readonly Runner[] = isRoot() ? ["root", "plain user"] : ["plain user"];
/**
 * For programs that need nothing of the kernel but files: without namespaces a box has no mounts
 * of its own, and another place for temporary files.
 */
export const everyRunner: readonly Runner[] = [...runners, "plain user, no namespaces"];

export interface Place {
  readonly runner: Runner;
  readonly home: string;
  /** `~/project`: the working folder of every command. */
  readonly workspace: string;
  /** Content of `~/.ssh/id_ed25519`. */
  readonly secret: string;
  readonly env: Readonly<Record<string, string>>;
}

/** Homes of people are not below /tmp, and a box has a /tmp of its own. */
const homePrefix = "/var/tmp/aegis-home-";
const homes = new Set<string>();

/** Every test file that makes places says this once: its homes vanish when its tests are done. */
export function removePlacesAfterwards(): void {
  afterAll(() => {
    for (const home of homes) {
      removeTree(home);
      homes.delete(home);
    }
  });
}

const fixtures = join(repoRoot, "test/fixtures/matrix");

/** Only system folders: a tool of the caller's own home would be outside the home the box sees. */
const systemPath = "/usr/local/bin:/usr/bin:/bin";

/**
 * A fresh home; `fixture` names the folder of test/fixtures/matrix that the project starts with.
 */
export function makePlace(runner: Runner, fixture: string | undefined): Place {
  const home = mkdtempSync(homePrefix);
  homes.add(home);
  const workspace = join(home, "project");
  const secret = `secret-${crypto.randomUUID()}`;
  mkdirSync(join(home, ".ssh"), { mode: 0o700 });
  writeFileSync(join(home, ".ssh/id_ed25519"), `${secret}\n`, { mode: 0o600 });
  mkdirSync(workspace);
  if (fixture !== undefined) cpSync(join(fixtures, fixture), workspace, { recursive: true });
  if (runner !== "root") giveToPlainUser(home);
  const env = { PATH: systemPath, HOME: home, LANG: "C.UTF-8", TZ: "UTC", TERM: "dumb" };
  return { runner, home, workspace, secret, env };
}

/**
 * `path` as a row writes it: `~/x` in the home, `/x` as it is, everything else in the working
 * folder.
 */
export function inPlace(place: Place, path: string): string {
  if (path.startsWith("~/")) return join(place.home, path.slice(2));
  return path.startsWith("/") ? path : join(place.workspace, path);
}

/** `place` with the environment its boxes have: a few variables differ from the caller's own. */
export async function withBoxEnvironment(place: Place): Promise<Place> {
  const { stdout } = await runBoxed(place, ["env", "-0"]);
  const pairs = stdout.split("\0").filter(Boolean);
  const env = pairs.map((pair): [string, string] => {
    const split = pair.indexOf("=");
    return [pair.slice(0, split), pair.slice(split + 1)];
  });
  return { ...place, env: Object.fromEntries(env) };
}

/** Runs a command without aegis. */
export function runBare(place: Place, command: readonly string[]): Promise<Outcome> {
  return start(place, command);
}

/** Runs a command under `workspace` and `flags`. */
export function runBoxed(
  place: Place,
  command: readonly string[],
  flags: readonly string[] = [],
): Promise<Outcome> {
  return start(place, boxed(command, flags));
}

/** The command line of a boxed command. */
export function boxed(command: readonly string[], flags: readonly string[] = []): string[] {
  return [aegisBinary(), "run", "--quiet", "--policy", "workspace", ...flags, "--", ...command];
}

function asRunner(runner: Runner, command: readonly string[]): string[] {
  if (runner === "root") return [...command];
  const isClosed = runner === "plain user, no namespaces";
  return asPlainUser(isClosed ? [programs().noUserns, ...command] : command);
}

/** Starts `command` as the place's account; the caller waits for it. */
export function spawnInPlace(place: Place, command: readonly string[]) {
  const child = Bun.spawn(asRunner(place.runner, command), {
    cwd: place.workspace,
    env: place.env,
    // Not /dev/null: that is root's own, so that what root's boxes do to open files is recorded.
    stdio: ["pipe", "pipe", "pipe"],
    timeout: programMs,
    killSignal: "SIGKILL",
  });
  child.stdin.end();
  return child;
}

async function start(place: Place, command: readonly string[]): Promise<Outcome> {
  const child = spawnInPlace(place, command);
  const [stdout, stderr, exitCode] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
  ]);
  return { stdout, stderr, exitCode };
}
