// Boxes with hand-made plans, run through src/bridge as aegis runs them. The command's output goes
// to a file, because the helper hands its own standard streams on. AEGIS_HELPER names another build
// of the helper, e.g. the sanitized one.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { encodePlan } from "../../src/bridge/encode-plan.ts";
import type { AccessFrame, Frame } from "../../src/bridge/frame.ts";
import {
  type Helper,
  type HelperExit,
  loadHelper,
  type RunningHelper,
  spawnHelper,
} from "../../src/bridge/helper.ts";
import { openLibc } from "../../src/bridge/libc.ts";
import type { JudgeRule, NativePlan } from "../../src/bridge/plan.ts";
import { syscallTable } from "../../src/enforce/linux/filter/syscall-table.ts";
import { isRoot, repoRoot } from "./harness.ts";
import { tempDir } from "./temp.ts";

export type BoxPlan = Partial<NativePlan>;

export interface BoxRun {
  readonly exit: HelperExit;
  readonly frames: readonly Frame[];
  readonly rows: readonly AccessFrame[];
  /** What the command wrote to its standard output and error. */
  readonly output: string;
}

const arch = process.arch === "x64" ? "x86_64" : "aarch64";
const auditArch = arch === "x86_64" ? 0xc000003e : 0xc00000b7;
const loaded: { helper?: Promise<Helper> } = {};

export function testHelper(): Promise<Helper> {
  const path = process.env.AEGIS_HELPER;
  loaded.helper ??=
    path === undefined ? loadHelper(tempDir("cache")) : Promise.resolve({ libc: openLibc(), path });
  return loaded.helper;
}

/** The helper as a file, for tests that start it from a shell. */
export function helperFile(): string {
  return process.env.AEGIS_HELPER ?? join(repoRoot, `build/aegis-helper-${arch}`);
}

/** Every call the helper judges, as far as the machine has it. */
export const judgedCalls =
  `open openat openat2 creat execve execveat truncate unlink unlinkat rmdir rename renameat
  renameat2 link linkat symlink symlinkat mkdir mkdirat mknod mknodat chmod fchmodat fchmodat2 chown lchown fchownat
  utime utimes futimesat utimensat setxattr lsetxattr removexattr lremovexattr setxattrat removexattrat fchmod fchown
  fsetxattr fremovexattr connect bind listen sendto sendmsg
  sendmmsg umask chdir fchdir unshare`.split(/\s+/);

/** Same numbers everywhere; the table is of a kernel before them. */
const newer: Readonly<Record<string, number>> = { setxattrat: 463, removexattrat: 466 };

/** A filter that hands these calls over and lets all others pass. */
export function notifyFilter(calls: readonly string[] = judgedCalls): Uint8Array {
  const numbers = calls.flatMap(
    (name) => syscallTable(arch).numbers.get(name) ?? newer[name] ?? [],
  );
  const load = 0x20;
  const jumpIfEqual = 0x15;
  const give = 0x06;
  const instructions: [number, number, number, number][] = [
    [load, 0, 0, 4],
    [jumpIfEqual, 1, 0, auditArch],
    [give, 0, 0, 0x80000000],
    [load, 0, 0, 0],
    ...numbers.map((call, index): [number, number, number, number] => [
      jumpIfEqual,
      numbers.length - index,
      0,
      call,
    ]),
    [give, 0, 0, 0x7fff0000],
    [give, 0, 0, 0x7fc00000],
  ];
  const view = new DataView(new ArrayBuffer(instructions.length * 8));
  for (const [index, [code, yes, no, k]] of instructions.entries()) {
    view.setUint16(index * 8, code, true);
    view.setUint8(index * 8 + 2, yes);
    view.setUint8(index * 8 + 3, no);
    view.setUint32(index * 8 + 4, k, true);
  }
  return new Uint8Array(view.buffer);
}

/** Namespaces the account running the tests can have. */
export function allNamespaces(): NativePlan["namespaces"] {
  return { user: !isRoot(), mount: true, pid: true, net: true, ipc: true };
}

export const noNamespaces = { user: false, mount: false, pid: false, net: false, ipc: false };

/** Permits everything that has a path, after the rules given. */
export function allBut(...rules: JudgeRule[]): readonly JudgeRule[] {
  const actions = [
    "FileRead",
    "FileWrite",
    "FileDelete",
    "DirCreate",
    "DirList",
    "ProcessSpawn",
  ] as const;
  return [
    ...rules,
    { effect: "permit", actions, where: [{ kind: "path-in", path: "/", negated: false }] },
  ];
}

export function forbid(path: string, ...actions: JudgeRule["actions"][number][]): JudgeRule {
  return { effect: "forbid", actions, where: [{ kind: "path-in", path, negated: false }] };
}

/** Everything is handed over, nothing is refused by Landlock. `open` implies `broker`. */
export function audited(
  options: { broker?: boolean; open?: boolean; rules?: readonly JudgeRule[] } = {},
): BoxPlan {
  const { open = false, broker = open, rules = allBut() } = options;
  return {
    seccomp: notifyFilter(),
    notify: {
      recordAllowed: true,
      brokerCreate: broker,
      brokerSocket: broker,
      brokerOpen: open,
      brokerMessages: false,
      verifyPrograms: false,
      tellsUmasks: broker,
      tellsFolders: broker,
    },
    rules,
  };
}

/** A plan that does nothing but run the command. */
export function planFor(argv: readonly string[], plan: BoxPlan): NativePlan {
  const [program = ""] = argv;
  return {
    namespaces: noNamespaces,
    mounts: [],
    landlock: undefined,
    seccomp: undefined,
    notify: undefined,
    rules: [],
    rlimits: [],
    umask: undefined,
    directory: "/",
    program,
    argv,
    environment: ["PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8"],
    ...plan,
  };
}

export interface StartedBox {
  readonly running: RunningHelper;
  readonly frames: Frame[];
  /** Kept with what the box did when it has ended. */
  readonly done: Promise<Omit<BoxRun, "output">>;
}

export async function startBox(argv: readonly string[], plan: BoxPlan): Promise<StartedBox> {
  const frames: Frame[] = [];
  const running = spawnHelper(await testHelper(), {
    plan: encodePlan(planFor(argv, plan)),
    onFrames: (batch) => {
      frames.push(...batch);
    },
  });
  const done = running.exited.then((exit) => ({
    exit,
    frames,
    rows: frames.filter((frame) => frame.kind === "access"),
  }));
  return { running, frames, done };
}

export async function runBox(argv: readonly string[], plan: BoxPlan = {}): Promise<BoxRun> {
  const { done } = await startBox(argv, plan);
  return { ...(await done), output: "" };
}

/**
 * Runs a shell script in the box; `output` is what it wrote. Rows of the shell's own start are left
 * out.
 */
export async function runShell(script: string, plan: BoxPlan = {}): Promise<BoxRun> {
  const out = join(tempDir("output"), "out");
  const mark = `exec >${out} 2>&1`;
  const { done } = await startBox(["/bin/sh", "-c", `${mark}\n${script}`], plan);
  const run = await done;
  const start = run.rows.findIndex((row) => row.path === out && row.action === "FileWrite");
  return { ...run, rows: run.rows.slice(start + 1), output: readFileSync(out, "utf8") };
}

/** `+`/`-`, action and path of each row, without what loading a program reads. */
export function told(rows: readonly AccessFrame[]): string[] {
  return rows
    .filter((row) => !/^\/(etc|usr|lib\w*|proc|bin)(\/|$)/.test(row.path))
    .map((row) => `${row.allowed ? "+" : "-"} ${row.action} ${row.path}`);
}

const programs = ["act", "attack", "change", "stuck", "contexts"] as const;
const compiled: { folder?: string } = {};

/** One of the programs of native/test, compiled once for each test process. */
export function testProgram(name: (typeof programs)[number]): string {
  compiled.folder ??= compile();
  return join(compiled.folder, name);
}

function compile(): string {
  const folder = tempDir("programs");
  for (const name of programs) {
    const source = join(repoRoot, "native/test", `${name}.c`);
    const flags = ["-std=gnu11", "-D_GNU_SOURCE", "-O1", "-pthread", "-static"];
    const argv = ["cc", ...flags, "-o", join(folder, name), source];
    const { exitCode, stderr } = Bun.spawnSync(argv, { stdio: ["ignore", "ignore", "pipe"] });
    if (exitCode !== 0) throw new Error(`Cannot compile "${source}": ${stderr.toString()}`);
  }
  return folder;
}
