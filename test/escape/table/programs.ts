// Classes E and F: programs and processes.

import { rows } from "../row.ts";

const workspaceRuns = "the default policy lets the workspace's own programs run";
const seesOnly = "without a pid namespace other processes can be seen";

export const execution = rows("E", [
  {
    name: "dropped-program",
    technique: "run a program written into the workspace",
    words: ["exec-dropped", "{s}/p"],
    wanted: workspaceRuns,
  },
  {
    name: "memfd",
    technique: "run a program from anonymous memory",
    words: ["exec-memfd", "10"],
    twin: ["exec", "{bin}/attack"],
  },
  {
    name: "loader",
    technique: "start a program through the loader",
    words: ["exec-loader", "/lib64/ld-linux-x86-64.so.2", "/bin/true"],
    wanted: "the loader is a program of the system",
  },
  {
    name: "writable-code",
    technique: "memory that may be written and executed",
    words: ["exec-memory"],
    wanted: "compilers at run time need it",
  },
  {
    name: "script",
    technique: "run a script written into the workspace",
    words: ["exec-script", "{s}/p", "/bin/sh"],
    wanted: workspaceRuns,
  },
  {
    name: "outside-program",
    technique: "run a program outside every grant",
    words: ["exec", "{out}/program"],
    twin: ["exec", "{bin}/attack"],
    ledger: ["ProcessSpawn", "{out}/program"],
  },
  {
    name: "outside-by-descriptor",
    technique: "run it by a descriptor",
    words: ["exec-fd", "{out}/program"],
    twin: ["exec-fd", "{bin}/attack"],
  },
  {
    name: "outside-own-root",
    technique: "run it through /proc/self/root",
    words: ["exec-own-root", "{out}/program"],
    twin: ["exec-own-root", "{bin}/attack"],
  },
  {
    name: "outside-symlink",
    technique: "run it through a link",
    words: ["exec-symlink", "{out}/program", "{s}/l"],
    twin: ["exec-symlink", "{bin}/attack", "{s}/m"],
  },
  {
    name: "outside-copy",
    technique: "copy it into the workspace and run it",
    words: ["exec-copy", "{out}/program", "{s}/c"],
    twin: ["exec-copy", "{bin}/attack", "{s}/d"],
  },
  {
    name: "outside-loader",
    technique: "run it through the loader",
    words: ["exec-loader", "/lib64/ld-linux-x86-64.so.2", "{out}/true"],
    twin: ["exec-loader", "/lib64/ld-linux-x86-64.so.2", "/bin/true"],
  },
  {
    name: "outside-interpreter",
    technique: "give an interpreter a script outside",
    words: ["exec-interpreter", "/bin/sh", "{out}/script"],
    twin: ["exec-interpreter", "/bin/sh", "{bin}/script"],
  },
  {
    name: "outside-shebang",
    technique: "a script whose interpreter lies outside",
    words: ["exec-script", "{s}/p", "{out}/program"],
    twin: ["exec-script", "{s}/p", "/bin/sh"],
  },
  {
    name: "denied-program",
    technique: "run a forbidden program",
    words: ["exec", "{ws}/denied/program"],
    twin: ["exec", "{bin}/attack"],
  },
  {
    name: "denied-moved",
    technique: "move a forbidden program away and run it",
    words: ["rename-read", "{ws}/denied/program", "{s}/p"],
    twin: ["rename-read", "{s}/own", "{s}/p"],
  },
  {
    name: "loader-variable",
    technique: "a loader variable of the starter reaches the box",
    words: ["variable", "LD_PRELOAD"],
    twin: ["variable", "PATH"],
  },
  {
    name: "runtime-variable",
    technique: "a switch of aegis' own runtime reaches the box",
    words: ["variable", "BUN_OPTIONS"],
    twin: ["variable", "PATH"],
  },
]);

/** Under a policy that lets only programs of the system run. */
export const strictExecution = rows("E", [
  {
    name: "strict-dropped",
    technique: "strict: run a program written into the workspace",
    words: ["exec-dropped", "{s}/p"],
    twin: ["exec", "{bin}/attack"],
  },
  {
    name: "strict-memfd",
    technique: "strict: run a program from anonymous memory",
    words: ["exec-memfd", "0"],
    twin: ["exec", "{bin}/attack"],
  },
  {
    name: "strict-memfd-exec",
    technique: "strict: the same, asking for memory that may be executed",
    words: ["exec-memfd", "10"],
    twin: ["exec", "{bin}/attack"],
  },
  {
    name: "strict-memfd-sealing",
    technique: "strict: the same, with seals allowed",
    words: ["exec-memfd", "2"],
    twin: ["exec", "{bin}/attack"],
  },
  {
    name: "strict-script",
    technique: "strict: run a script written into the workspace",
    words: ["exec-script", "{s}/p", "/bin/sh"],
    twin: ["exec-interpreter", "/bin/sh", "{bin}/script"],
  },
  {
    name: "strict-copy",
    technique: "strict: run a renamed copy of a program",
    words: ["exec-copy", "{bin}/attack", "{s}/c"],
    twin: ["exec", "{bin}/attack"],
  },
  {
    name: "strict-by-descriptor",
    technique: "strict: run it by a descriptor",
    words: ["exec-fd", "{ws}/in/strict-by-descriptor/program"],
    twin: ["exec-fd", "{bin}/attack"],
  },
  {
    name: "strict-own-root",
    technique: "strict: run it through /proc/self/root",
    words: ["exec-own-root", "{ws}/in/strict-own-root/program"],
    twin: ["exec-own-root", "{bin}/attack"],
  },
  {
    name: "strict-loader",
    technique: "strict: start it through the loader",
    words: ["exec-loader", "/lib64/ld-linux-x86-64.so.2", "{ws}/in/strict-loader/true"],
    twin: ["exec", "{bin}/attack"],
    wanted:
      "the loader reads a program, which is no execution to the kernel: a list by --exec, or granting no write, holds it",
  },
]);

/** Under a list of programs: the attack itself, `/bin/sh` and `/bin/true`. */
export const sealedExecution = rows("E", [
  {
    name: "sealed-dropped",
    technique: "sealed: run a program written into the workspace",
    words: ["exec-dropped", "{s}/p"],
    twin: ["exec", "{bin}/attack"],
  },
  {
    name: "sealed-system",
    technique: "sealed: run a program of the system that is not listed",
    words: ["exec", "/usr/bin/env"],
    twin: ["exec", "{bin}/attack"],
    ledger: ["ProcessSpawn", "/usr/bin/env"],
  },
  ...["0", "10", "2"].map((flags) => ({
    name: `sealed-memfd-${flags}`,
    technique: `sealed: run a program from anonymous memory made with flags ${flags}`,
    words: ["exec-memfd", flags],
    twin: ["exec", "{bin}/attack"],
  })),
  {
    name: "sealed-loader",
    technique: "sealed: start a program through the loader",
    words: ["exec-loader", "/lib64/ld-linux-x86-64.so.2", "{ws}/in/sealed-loader/true"],
    twin: ["exec", "{bin}/attack"],
  },
  {
    name: "sealed-loader-listed",
    technique: "sealed: start a listed program through the loader",
    words: ["exec-loader", "/lib64/ld-linux-x86-64.so.2", "/bin/true"],
    twin: ["exec", "{bin}/attack"],
  },
  {
    name: "sealed-copy",
    technique: "sealed: run a renamed copy of a listed program",
    words: ["exec-copy", "{bin}/attack", "{s}/c"],
    twin: ["exec", "{bin}/attack"],
  },
  {
    name: "sealed-script",
    technique: "sealed: run a script of a listed interpreter that is not listed",
    words: ["exec-script", "{s}/p", "/bin/sh"],
    twin: ["exec-interpreter", "/bin/sh", "{bin}/script"],
  },
  {
    name: "sealed-by-descriptor",
    technique: "sealed: run a program by a descriptor",
    words: ["exec-fd", "{ws}/in/sealed-by-descriptor/program"],
    twin: ["exec-fd", "{bin}/attack"],
  },
  {
    name: "sealed-own-root",
    technique: "sealed: run it through /proc/self/root",
    words: ["exec-own-root", "{ws}/in/sealed-own-root/program"],
    twin: ["exec-own-root", "{bin}/attack"],
  },
  {
    name: "sealed-symlink",
    technique: "sealed: run it through a link",
    words: ["exec-symlink", "{ws}/in/sealed-symlink/program", "{s}/l"],
    twin: ["exec-symlink", "{bin}/attack", "{s}/m"],
  },
  {
    name: "sealed-replaced",
    technique: "sealed: move another program over a listed one",
    words: ["exec-copy", "/bin/true", "{bin}/attack"],
    twin: ["exec", "{bin}/attack"],
    untouched: ["{bin}/attack"],
  },
]);

export const processes = rows("F", [
  ...["kill", "kill-thread", "kill-pidfd", "kill-queue"].map((name) => ({
    name: `host-${name}`,
    technique: `signal a process outside (${name})`,
    words: [name, "{pid}"],
    twin: [name === "kill-thread" ? "kill-thread" : name, "self"],
  })),
  { name: "kill-init", technique: "signal pid 1", words: ["kill-init"], twin: ["kill", "self"] },
  {
    name: "kill-ancestors",
    technique: "signal whoever started the box",
    words: ["kill-ancestors"],
    twin: ["kill", "self"],
  },
  {
    name: "ptrace-host",
    technique: "trace a process outside",
    words: ["ptrace", "{pid}"],
    twin: ["kill", "self"],
  },
  { name: "ptrace-init", technique: "trace pid 1", words: ["ptrace", "1"], twin: ["kill", "self"] },
  {
    name: "ptrace-child",
    technique: "trace a child of one's own",
    words: ["ptrace-child"],
    twin: ["kill", "self"],
  },
  {
    name: "traceme",
    technique: "let oneself be traced",
    words: ["traceme"],
    twin: ["kill", "self"],
  },
  {
    name: "vm-read-host",
    technique: "process_vm_readv of a process outside",
    words: ["vm-read", "{pid}"],
    twin: ["kill", "self"],
  },
  {
    name: "vm-read-init",
    technique: "process_vm_readv of pid 1",
    words: ["vm-read", "1"],
    twin: ["kill", "self"],
  },
  {
    name: "vm-read-sibling",
    technique: "process_vm_readv of another process of the box",
    words: ["vm-read-sibling"],
    twin: ["kill", "self"],
  },
  {
    name: "vm-write-host",
    technique: "process_vm_writev into a process outside",
    words: ["vm-write", "{pid}"],
    twin: ["kill", "self"],
  },
  {
    name: "steal-fd-host",
    technique: "pidfd_getfd from a process outside",
    words: ["steal-fd", "{pid}", "0"],
    twin: ["kill-pidfd", "self"],
  },
  ...["0", "1", "3", "4", "5"].map((fd) => ({
    name: `steal-fd-init-${fd}`,
    technique: `pidfd_getfd of descriptor ${fd} from pid 1`,
    words: ["steal-fd", "1", fd],
    twin: ["kill-pidfd", "self"],
  })),
  {
    name: "kcmp",
    technique: "kcmp with a process outside",
    words: ["kcmp", "{pid}"],
    twin: ["kill", "self"],
  },
  {
    name: "madvise",
    technique: "process_madvise on a process outside",
    words: ["madvise", "{pid}"],
    twin: ["kill", "self"],
  },
  {
    name: "prlimit-host",
    technique: "set a limit of a process outside",
    words: ["prlimit", "{pid}"],
    twin: ["prlimit", "0"],
  },
  {
    name: "priority-host",
    technique: "set the priority of a process outside",
    words: ["priority", "{pid}"],
    twin: ["priority", "0"],
  },
  ...["priority", "ioprio"].map((what, number) => ({
    name: `${what}-group`,
    technique: `set the ${what} of the process group it was started in`,
    words: [`${what}-of`, String(number + 1)],
    twin: [`${what}-of`, String(number)],
  })),
  {
    name: "affinity-host",
    technique: "choose the CPUs of a process outside",
    words: ["affinity", "{pid}"],
    twin: ["affinity", "0"],
  },
  {
    name: "scheduler-host",
    technique: "choose the scheduler of a process outside",
    words: ["scheduler", "{pid}"],
    twin: ["scheduler", "0"],
  },
  {
    name: "ioprio-host",
    technique: "set the I/O priority of a process outside",
    words: ["ioprio", "{pid}"],
    twin: ["ioprio", "0"],
  },
  {
    name: "set-ptracer",
    technique: "invite a tracer by PR_SET_PTRACER",
    words: ["prctl", "0x59616d61", "-1"],
    twin: ["prctl", "38", "1"],
  },
  {
    name: "not-dumpable",
    technique: "hide one's memory from the supervisor by PR_SET_DUMPABLE 0",
    words: ["prctl", "4", "0"],
    twin: ["prctl", "4", "1"],
  },
  {
    name: "set-mm",
    technique: "change what /proc shows of oneself by PR_SET_MM",
    words: ["prctl", "35", "13"],
    twin: ["prctl", "38", "1"],
  },
  {
    name: "second-listener",
    technique: "a listener of one's own",
    words: ["second-listener"],
    twin: ["own-filter", "{ws}/in/host-root/f"],
  },
  {
    name: "own-filter",
    technique: "a filter of one's own that lets everything pass",
    words: ["own-filter", "{t}/f"],
    twin: ["own-filter", "{ws}/in/host-root/f"],
  },
  {
    name: "see-host",
    technique: "see a process outside",
    words: ["stat", "/proc/{pid}/stat"],
    twin: ["stat", "/proc/self/stat"],
    weaker: seesOnly,
  },
]);
