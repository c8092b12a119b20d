// Where the benchmarks happen: a home of the account that is measured, a stopwatch, and the command
// lines of aegis in it.

import { chmodSync, existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { join } from "node:path";
import { aegisBinary, asPlainUser, giveToPlainUser, isRoot } from "../test/support/harness.ts";
import { buildTimer } from "./stopwatch.ts";

export type Audit = "off" | "writes" | "full";

export interface Scene {
  readonly account: "root" | "plain user";
  readonly home: string;
  /** `~/project`. */
  readonly workspace: string;
  /** The stopwatch, inside the workspace so that a box may run it. */
  readonly timer: string;
  readonly env: Readonly<Record<string, string>>;
  /** A command line as the scene's account. */
  as(argv: readonly string[]): string[];
  /** A command line of the workspace in a box, as the scene's account. */
  boxed(audit: Audit, argv: readonly string[], flags?: readonly string[]): string[];
  /** Makes a path below the home the account's own. */
  own(path: string): void;
  remove(): void;
}

/**
 * Not below /tmp: a box has a /tmp of its own, and codex refuses a home there.
 * @param account `root` is only possible for root; the account people use is the plain one.
 * @param where `memory` needs root: a file system without the disk's noise, where calls cost least
 * and ratios are worst
 */
export function makeScene(account: Scene["account"], where: "disk" | "memory" = "disk"): Scene {
  const root = realpathSync(mkdtempSync("/var/tmp/aegis-bench-"));
  if (where === "memory") execute(["mount", "-t", "tmpfs", "aegis-bench", root]);
  chmodSync(root, 0o755);
  const home = join(root, "home");
  const workspace = join(home, "project");
  mkdirSync(workspace, { recursive: true });
  const timer = buildTimer(workspace);
  const drops = account === "plain user" && isRoot();
  const as = (argv: readonly string[]) => (drops ? asPlainUser(argv) : [...argv]);
  const own = (path: string) => {
    if (drops && existsSync(path)) giveToPlainUser(path);
  };
  own(home);
  return {
    account,
    home,
    workspace,
    timer,
    env: { PATH: "/usr/local/bin:/usr/bin:/bin", HOME: home, LANG: "C.UTF-8", TERM: "dumb" },
    as,
    boxed: (audit, argv, flags = []) => as([...aegisRun(audit, flags), ...argv]),
    own,
    remove: () => {
      if (where === "memory") execute(["umount", "--lazy", root]);
      rmSync(root, { recursive: true, force: true });
    },
  };
}

function execute(argv: string[]): void {
  const { exitCode, stderr } = Bun.spawnSync(argv, { stdio: ["ignore", "ignore", "pipe"] });
  if (exitCode !== 0) throw new Error(`Cannot run ${argv.join(" ")}: ${stderr}`);
}

/** A live pattern: only the broker can hold it, so it opens every file. */
export const brokerFlags: readonly string[] = ["--deny", "**/*.never"];

/** `aegis run ... --` under the default policy. */
export function aegisRun(audit: Audit, flags: readonly string[] = []): string[] {
  const chosen = ["--quiet", "--policy", "workspace", "--audit", audit, ...flags];
  return [aegisBinary(), "run", ...chosen, "--"];
}
