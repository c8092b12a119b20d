// A cgroup (version 2) of the box's own, made where the person running aegis may make one: beside
// the cgroup aegis runs in, or in it. Whether that works is found out by doing it. The names here
// come from the kernel; nothing is followed out of the hierarchy.

import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from "node:fs";
import { uniqueSuffix } from "../../base/ids.ts";

export interface BoxCgroup {
  readonly directory: string;
  readonly memory: boolean;
  readonly processes: boolean;
  /** Removes it, and what runs that were killed have left behind. */
  remove(): void;
}

export interface CgroupWish {
  /** Bytes. */
  readonly memory: number | undefined;
  readonly processes: number | undefined;
  /** CPU time is to be counted: every cgroup does. */
  readonly cpu: boolean;
}

/** Hosts with only version 2, and those with both. */
const mounts = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];

/** The cgroup, or why there is none. */
export function makeCgroup(wish: CgroupWish): BoxCgroup | string {
  const mount = mounts.find((path) => existsSync(`${path}/cgroup.controllers`));
  if (mount === undefined) return "version 2 is not mounted at /sys/fs/cgroup";
  const own = ownCgroup();
  if (own === undefined) return "aegis itself is in none of version 2";
  const parents = own === "/" ? [mount] : [`${mount}${parentOf(own)}`, `${mount}${own}`];
  let why = "";
  for (const parent of parents) {
    const made = makeIn(parent, wish);
    if (typeof made !== "string") return made;
    why = made;
  }
  return why;
}

function ownCgroup(): string | undefined {
  const line = readText("/proc/self/cgroup")
    .split("\n")
    .find((each) => each.startsWith("0::/"));
  const path = line?.slice(3);
  return path === undefined || path.includes("/..") ? undefined : path;
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}

function makeIn(parent: string, wish: CgroupWish): BoxCgroup | string {
  const controllers = readText(`${parent}/cgroup.subtree_control`).trim().split(" ");
  const memory = wish.memory !== undefined && controllers.includes("memory");
  const processes = wish.processes !== undefined && controllers.includes("pids");
  if (!memory && !processes && !wish.cpu)
    return `"${parent}" does not hand on the controllers memory and pids`;
  const directory = `${parent}/aegis-${process.pid}-${uniqueSuffix()}`;
  try {
    mkdirSync(directory);
  } catch (error) {
    return `cannot make one in "${parent}": ${codeOf(error)}`;
  }
  try {
    if (memory) {
      writeFileSync(`${directory}/memory.max`, String(wish.memory));
      writeFileSync(`${directory}/memory.oom.group`, "1");
      if (existsSync(`${directory}/memory.swap.max`))
        writeFileSync(`${directory}/memory.swap.max`, "0");
    }
    if (processes) writeFileSync(`${directory}/pids.max`, String(wish.processes));
  } catch (error) {
    rmdirSync(directory);
    return `cannot set its bounds in "${parent}": ${codeOf(error)}`;
  }
  const remove = () => {
    removeEmpty(directory);
    removeStale(parent);
  };
  return { directory, memory, processes, remove };
}

/** Cgroups of runs that were killed: their process is gone, and nothing is in them. */
function removeStale(parent: string): void {
  for (const name of readdirSync(parent)) {
    const pid = /^aegis-(\d+)-/.exec(name)?.[1];
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) removeEmpty(`${parent}/${name}`);
  }
}

function removeEmpty(directory: string): void {
  try {
    rmdirSync(directory);
  } catch (error) {
    // ignored: one that something still ends in is removed by a later run, and one that is gone is
    // what was wanted
    if (!["EBUSY", "ENOENT", "EACCES", "EPERM"].includes(codeOf(error))) throw error;
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    // ignored: what cannot be read offers nothing, and the caller says so
    return "";
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : String(error);
}
