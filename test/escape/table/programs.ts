// Class E: programs.

import { rows } from "../row.ts";

const workspaceRuns = "the default policy lets the workspace's own programs run";

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
    leaves: ["ProcessSpawn", "/memfd:copy (deleted)"],
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
    leaves: ["ProcessSpawn", "{out}/program"],
    twin: ["exec", "{bin}/attack"],
  },
  {
    name: "outside-by-descriptor",
    technique: "run it by a descriptor",
    words: ["exec-fd", "{out}/program"],
    leaves: ["FileRead", "{out}/program"],
    twin: ["exec-fd", "{bin}/attack"],
  },
  {
    name: "outside-own-root",
    technique: "run it through /proc/self/root",
    words: ["exec-own-root", "{out}/program"],
    leaves: ["ProcessSpawn", "{out}/program"],
    twin: ["exec-own-root", "{bin}/attack"],
  },
  {
    name: "outside-symlink",
    technique: "run it through a link",
    words: ["exec-symlink", "{out}/program", "{s}/l"],
    leaves: ["ProcessSpawn", "{out}/program"],
    twin: ["exec-symlink", "{bin}/attack", "{s}/m"],
  },
  {
    name: "outside-copy",
    technique: "copy it into the workspace and run it",
    words: ["exec-copy", "{out}/program", "{s}/c"],
    leaves: ["FileRead", "{out}/program"],
    twin: ["exec-copy", "{bin}/attack", "{s}/d"],
  },
  {
    name: "outside-loader",
    technique: "run it through the loader",
    words: ["exec-loader", "/lib64/ld-linux-x86-64.so.2", "{out}/true"],
    leaves: ["FileRead", "{out}/true"],
    twin: ["exec-loader", "/lib64/ld-linux-x86-64.so.2", "/bin/true"],
  },
  {
    name: "outside-interpreter",
    technique: "give an interpreter a script outside",
    words: ["exec-interpreter", "/bin/sh", "{out}/script"],
    leaves: ["FileRead", "{out}/script"],
    twin: ["exec-interpreter", "/bin/sh", "{bin}/script"],
  },
  {
    name: "outside-shebang",
    technique: "a script whose interpreter lies outside",
    words: ["exec-script", "{s}/p", "{out}/program"],
    leaves: "landlock",
    twin: ["exec-script", "{s}/p", "/bin/sh"],
  },
  {
    name: "denied-program",
    technique: "run a forbidden program",
    words: ["exec", "{ws}/denied/program"],
    leaves: ["ProcessSpawn", "{ws}/denied/program", "flag:--deny"],
    twin: ["exec", "{bin}/attack"],
  },
  {
    name: "denied-moved",
    technique: "move a forbidden program away and run it",
    words: ["rename-read", "{ws}/denied/program", "{s}/p"],
    leaves: ["FileDelete", "{ws}/denied/program", "flag:--deny"],
    twin: ["rename-read", "{s}/own", "{s}/p"],
  },
  {
    name: "loader-variable",
    technique: "a loader variable of the starter reaches the box",
    words: ["variable", "LD_PRELOAD"],
    leaves: "absent",
    twin: ["variable", "PATH"],
  },
  {
    name: "runtime-variable",
    technique: "a switch of aegis' own runtime reaches the box",
    words: ["variable", "BUN_OPTIONS"],
    leaves: "absent",
    twin: ["variable", "PATH"],
  },
]);

/** Under a policy that lets only programs of the system run. */
export const strictExecution = rows("E", [
  {
    name: "strict-dropped",
    technique: "strict: run a program written into the workspace",
    words: ["exec-dropped", "{s}/p"],
    leaves: ["ProcessSpawn", "{s}/p"],
    twin: ["exec", "{bin}/attack"],
  },
  {
    name: "strict-memfd",
    technique: "strict: run a program from anonymous memory",
    words: ["exec-memfd", "0"],
    leaves: ["ProcessSpawn", "/memfd:copy (deleted)"],
    twin: ["exec", "{bin}/attack"],
  },
  {
    name: "strict-memfd-exec",
    technique: "strict: the same, asking for memory that may be executed",
    words: ["exec-memfd", "10"],
    leaves: ["ProcessSpawn", "/memfd:copy (deleted)"],
    twin: ["exec", "{bin}/attack"],
  },
  {
    name: "strict-memfd-sealing",
    technique: "strict: the same, with seals allowed",
    words: ["exec-memfd", "2"],
    leaves: ["ProcessSpawn", "/memfd:copy (deleted)"],
    twin: ["exec", "{bin}/attack"],
  },
  {
    name: "strict-script",
    technique: "strict: run a script written into the workspace",
    words: ["exec-script", "{s}/p", "/bin/sh"],
    leaves: ["ProcessSpawn", "{s}/p"],
    twin: ["exec-interpreter", "/bin/sh", "{bin}/script"],
  },
  {
    name: "strict-copy",
    technique: "strict: run a renamed copy of a program",
    words: ["exec-copy", "{bin}/attack", "{s}/c"],
    leaves: ["ProcessSpawn", "{s}/c"],
    twin: ["exec", "{bin}/attack"],
  },
  {
    name: "strict-by-descriptor",
    technique: "strict: run it by a descriptor",
    words: ["exec-fd", "{ws}/in/strict-by-descriptor/program"],
    leaves: ["ProcessSpawn", "{ws}/in/strict-by-descriptor/program"],
    twin: ["exec-fd", "{bin}/attack"],
  },
  {
    name: "strict-own-root",
    technique: "strict: run it through /proc/self/root",
    words: ["exec-own-root", "{ws}/in/strict-own-root/program"],
    leaves: ["ProcessSpawn", "{ws}/in/strict-own-root/program"],
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
    leaves: ["ProcessSpawn", "{s}/p", "flag:--exec"],
    twin: ["exec", "{bin}/attack"],
  },
  {
    name: "sealed-system",
    technique: "sealed: run a program of the system that is not listed",
    words: ["exec", "/usr/bin/env"],
    leaves: ["ProcessSpawn", "/usr/bin/env", "flag:--exec"],
    twin: ["exec", "{bin}/attack"],
  },
  ...["0", "10", "2"].map((flags) => ({
    name: `sealed-memfd-${flags}`,
    technique: `sealed: run a program from anonymous memory made with flags ${flags}`,
    words: ["exec-memfd", flags],
    leaves: "filter" as const,
    twin: ["exec", "{bin}/attack"],
  })),
  {
    name: "sealed-loader",
    technique: "sealed: start a program through the loader",
    words: ["exec-loader", "/lib64/ld-linux-x86-64.so.2", "{ws}/in/sealed-loader/true"],
    leaves: ["ProcessSpawn", "/lib64/ld-linux-x86-64.so.2", "flag:--exec"],
    twin: ["exec", "{bin}/attack"],
  },
  {
    name: "sealed-loader-listed",
    technique: "sealed: start a listed program through the loader",
    words: ["exec-loader", "/lib64/ld-linux-x86-64.so.2", "/bin/true"],
    leaves: ["ProcessSpawn", "/lib64/ld-linux-x86-64.so.2", "flag:--exec"],
    twin: ["exec", "{bin}/attack"],
  },
  {
    name: "sealed-copy",
    technique: "sealed: run a renamed copy of a listed program",
    words: ["exec-copy", "{bin}/attack", "{s}/c"],
    leaves: ["ProcessSpawn", "{s}/c", "flag:--exec"],
    twin: ["exec", "{bin}/attack"],
  },
  {
    name: "sealed-script",
    technique: "sealed: run a script of a listed interpreter that is not listed",
    words: ["exec-script", "{s}/p", "/bin/sh"],
    leaves: ["ProcessSpawn", "{s}/p", "flag:--exec"],
    twin: ["exec-interpreter", "/bin/sh", "{bin}/script"],
  },
  {
    name: "sealed-by-descriptor",
    technique: "sealed: run a program by a descriptor",
    words: ["exec-fd", "{ws}/in/sealed-by-descriptor/program"],
    leaves: ["ProcessSpawn", "{ws}/in/sealed-by-descriptor/program", "flag:--exec"],
    twin: ["exec-fd", "{bin}/attack"],
  },
  {
    name: "sealed-own-root",
    technique: "sealed: run it through /proc/self/root",
    words: ["exec-own-root", "{ws}/in/sealed-own-root/program"],
    leaves: ["ProcessSpawn", "{ws}/in/sealed-own-root/program", "flag:--exec"],
    twin: ["exec-own-root", "{bin}/attack"],
  },
  {
    name: "sealed-symlink",
    technique: "sealed: run it through a link",
    words: ["exec-symlink", "{ws}/in/sealed-symlink/program", "{s}/l"],
    leaves: ["ProcessSpawn", "{ws}/in/sealed-symlink/program", "flag:--exec"],
    twin: ["exec-symlink", "{bin}/attack", "{s}/m"],
  },
  {
    name: "sealed-replaced",
    technique: "sealed: move another program over a listed one",
    words: ["exec-copy", "/bin/true", "{bin}/attack"],
    leaves: ["FileWrite", "{bin}/attack", "flag:--exec:unchanged"],
    twin: ["exec", "{bin}/attack"],
    untouched: ["{bin}/attack"],
  },
]);
