// A cgroup (version 2) as a service manager hands one to a session: its folder belongs to the
// account, its controllers are handed on, and the command starts in a leaf of it. Made beside
// everything else on the machine, and removed again.

import { chownSync, existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { isRoot, plainUser } from "./harness.ts";

export type Controller = "memory" | "pids";

export interface Delegated extends Disposable {
  readonly folder: string;
  /** The command in the leaf. */
  readonly enter: (argv: readonly string[]) => string[];
}

const controllers: readonly Controller[] = ["memory", "pids"];

/** The version 2 hierarchy, where hosts with only that have it and where those with both do. */
function hierarchy(): string | undefined {
  return ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].find((path) =>
    existsSync(`${path}/cgroup.controllers`),
  );
}

/** What version 2 could hand on here; undefined: no cgroup can be made. */
export function controllersHere(): readonly Controller[] | undefined {
  const top = hierarchy();
  if (top === undefined || !isRoot() || !isWritable(top)) return undefined;
  const all = wordsOf(`${top}/cgroup.controllers`);
  return controllers.filter((name) => all.includes(name));
}

/** @param isPlain for the plain user instead of root */
export function delegate(isPlain: boolean): Delegated {
  const top = hierarchy() ?? "";
  const folder = `${top}/aegis-test-${process.pid}-${performance.now().toFixed(0)}`;
  const handed = wordsOf(`${top}/cgroup.subtree_control`);
  const enabled = (controllersHere() ?? []).filter((name) => !handed.includes(name));
  for (const name of enabled) writeFileSync(`${top}/cgroup.subtree_control`, `+${name}`);
  mkdirSync(`${folder}/leaf`, { recursive: true });
  for (const name of controllersHere() ?? [])
    writeFileSync(`${folder}/cgroup.subtree_control`, `+${name}`);
  const { uid, gid } = plainUser();
  if (isPlain)
    for (const each of [folder, `${folder}/leaf`])
      for (const file of ["", "/cgroup.procs", "/cgroup.subtree_control"])
        chownSync(each + file, uid, gid);
  return {
    folder,
    enter: (argv) => [
      "sh",
      "-c",
      'echo $$ >"$0" && exec "$@"',
      `${folder}/leaf/cgroup.procs`,
      ...argv,
    ],
    [Symbol.dispose]() {
      rmdirSync(`${folder}/leaf`);
      rmdirSync(folder);
      for (const name of enabled) writeFileSync(`${top}/cgroup.subtree_control`, `-${name}`);
    },
  };
}

function isWritable(top: string): boolean {
  const folder = `${top}/aegis-test-${process.pid}`;
  try {
    mkdirSync(folder);
    rmdirSync(folder);
    return true;
  } catch {
    // ignored: a hierarchy that cannot be written is the answer
    return false;
  }
}

function wordsOf(path: string): string[] {
  return readFileSync(path, "utf8").trim().split(/\s+/);
}
