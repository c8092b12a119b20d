// The process that looks for other names of forbidden files: a box ends with its command whatever
// that process does, and it with the box. Notify bit 8, with the signal scope that keeps a broker
// from reaching who was there before it.

import { describe, expect } from "bun:test";
import { existsSync, linkSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { severalNamesRule } from "../../src/bridge/frame.ts";
import { testWith } from "../support/features.ts";
import { waitFor } from "../support/harness.ts";
import {
  allBut,
  allNamespaces,
  audited,
  type BoxPlan,
  forbid,
  runShell,
  startBox,
  testProgram,
} from "../support/helper-box.ts";
import { has } from "../support/probes.ts";
import { childrenOf, isRunning } from "../support/processes.ts";
import { tempDir } from "../support/temp.ts";

const scopeOfSignals = 2n;
const scoped = { handledFs: 0n, handledNet: 0n, scoped: scopeOfSignals, paths: [], ports: [] };
const landlock = has("landlock") ? scoped : { ...scoped, scoped: 0n };
const settings = [
  ["with every namespace", ["seccomp", "userns"], { namespaces: allNamespaces(), landlock }],
  ["without namespaces", ["seccomp"], { landlock }],
] as const;

/** `in/free` and `in/bound` have a second name each, the second one below a forbidden place. */
function furnish(): string {
  const folder = tempDir("look");
  for (const name of ["in", "out"]) mkdirSync(join(folder, name));
  for (const name of ["in/one", "in/only", "out/key"]) writeFileSync(join(folder, name), name);
  linkSync(join(folder, "in/one"), join(folder, "in/free"));
  linkSync(join(folder, "out/key"), join(folder, "in/bound"));
  return folder;
}

/**
 * Changes only below `folder` and where the test writes its output: what is installed and has
 * several names is then read without a look.
 */
function planFor(folder: string, more: BoxPlan, place = join(folder, "out")): BoxPlan {
  const mounts = more.namespaces?.pid === true ? [{ kind: "proc" } as const] : [];
  const [all] = allBut();
  if (all === undefined) throw new Error("there is a rule");
  const rules = [
    forbid(place, "FileRead", "FileWrite"),
    { ...all, actions: ["FileRead", "DirList", "ProcessSpawn"] as const },
    { ...all, where: [{ kind: "path-in", path: folder, negated: false } as const] },
    ...["/aegis-output", "/dev/null"].map((part) => ({
      ...all,
      where: [{ kind: "path-like" as const, parts: ["", part, ""], negated: false }],
    })),
  ];
  return { ...audited({ open: true, rules }), directory: join(folder, "in"), mounts, ...more };
}

/** The one child of the helper that has none itself, and is not there without a forbid rule. */
function scannerOf(helper: number): number {
  const [scanner] = childrenOf(helper).filter((pid) => childrenOf(pid).length === 0);
  if (scanner === undefined) throw new Error("nobody looks");
  return scanner;
}

/** Starts a script once the process that looks stands still. */
async function startHeld(folder: string, script: string, more: BoxPlan) {
  const fifo = join(tempDir("gate"), "fifo");
  Bun.spawnSync(["mkfifo", fifo]);
  const box = await startBox(
    ["/bin/sh", "-c", `read x <${fifo}; exec 2>/dev/null\n${script}`],
    planFor(folder, more),
  );
  await waitFor("the box", () =>
    childrenOf(box.running.pid).some((pid) => childrenOf(pid).length > 0),
  );
  const scanner = scannerOf(box.running.pid);
  process.kill(scanner, "SIGSTOP");
  Bun.spawn(["sh", "-c", `echo go >${fifo}`], { stdio: ["ignore", "ignore", "ignore"] });
  return { ...box, scanner };
}

for (const [setting, needs, more] of settings) {
  describe(setting, () => {
    testWith(needs, "twenty boxes that look at the last moment end one after another", async () => {
      const folder = furnish();
      for (let i = 0; i < 20; i++) {
        const run = await runShell("cat bound; cat free; exit 7", planFor(folder, more));
        expect(run.exit.status).toBe(7);
        expect(run.output).toBe("cat: bound: Permission denied\nin/one");
        expect(run.rows.filter(({ allowed }) => !allowed).map(({ rule }) => rule)).toEqual([0]);
      }
    });

    testWith(needs, "so does one that never looks", async () => {
      const run = await runShell("cat only; exit 8", planFor(furnish(), more));
      expect([run.exit.status, run.output]).toEqual([8, "in/only"]);
    });

    testWith(needs, "a look that is under way does not keep a box from ending", async () => {
      const folder = furnish();
      const out = join(tempDir("output"), "out");
      const script = `exec >${out} 2>&1; cat bound & cat free & cat only; echo new >../new; mv ../new n
        mkdir d; mv d e; cat n; exit 5`;
      const { done, scanner } = await startHeld(folder, script, more);
      expect((await done).exit.status).toBe(5);
      expect(await Bun.file(out).text()).toBe("in/onlynew\n");
      await waitFor("the end of the look", () => !isRunning(scanner));
    });

    for (const who of ["helper", "broker"] as const) {
      testWith(needs, `SIGKILL of the ${who} ends the look`, async () => {
        const folder = furnish();
        const script = "cat bound & cat free >/dev/null; exit 0";
        const { running, done, scanner } = await startHeld(folder, script, more);
        const [broker] = childrenOf(running.pid).filter((pid) => pid !== scanner);
        process.kill((who === "helper" ? undefined : broker) ?? running.pid, "SIGKILL");
        expect((await done).exit.status).toBe(125);
        await waitFor("the end of the look", () => !isRunning(scanner));
      });
    }

    testWith(needs, "one who is killed has not seen everything, and that is told", async () => {
      const folder = furnish();
      const script = "cat bound; cat free >/dev/null && exit 3";
      const { done, scanner } = await startHeld(folder, script, more);
      process.kill(scanner, "SIGKILL");
      const { exit, rows } = await done;
      const denied = rows.filter(({ allowed }) => !allowed).map(({ rule, path }) => [rule, path]);
      expect(denied).toEqual([[severalNamesRule, join(folder, "in/bound")]]);
      // All names of that one lie where the box may write.
      expect(exit.status).toBe(3);
    });

    testWith(needs, "the box neither sees it nor gets its link", async () => {
      const folder = furnish();
      const fds = 'ls /proc/self/fd | tr "\\n" " "';
      const script = `cat free; echo; ${fds}; set -- /proc/[0-9]*; echo $#`;
      const { output } = await runShell(script, planFor(folder, more));
      expect(output).toMatch(/^in\/one\n0 1 2 3 \d+\n$/);
      // The broker and the shell.
      if (setting === "with every namespace") expect(output).toEndWith(" 2\n");
    });
  });
}

describe("places that take long", () => {
  testWith(["seccomp"], "fifty thousand names are looked through", async () => {
    const folder = furnish();
    const wide = join(folder, "out/wide");
    const fill = `mkdir -p ${wide}/1 && cd ${wide}/1 && seq 10000 | xargs touch && cd ..
      for i in 2 3 4 5; do mkdir $i; cp -al 1/. $i; done; echo far >5/last; ln 5/last ../../in/far`;
    expect(Bun.spawnSync(["/bin/sh", "-ec", fill]).exitCode).toBe(0);
    const run = await runShell("cat far bound; cat free; exit 9", planFor(folder, { landlock }));
    expect(run.output).toBe("cat: far: Permission denied\ncat: bound: Permission denied\nin/one");
    expect(run.exit.status).toBe(9);
    Bun.spawnSync(["rm", "-rf", wide]);
  });

  const needs = has("root") && existsSync("/dev/fuse") ? [] : (["root"] as const);
  testWith(
    ["seccomp", ...needs],
    "a file system that does not answer is left out or behind",
    async () => {
      const folder = furnish();
      const hung = join(folder, "hung");
      mkdirSync(hung);
      const server = Bun.spawn([testProgram("stuck"), hung], {
        stdio: ["pipe", "pipe", "inherit"],
      });
      const first = await server.stdout.getReader().read();
      expect(new TextDecoder().decode(first.value)).toBe("ready\n");
      try {
        const counted = await runShell("echo x >>free; cat one", planFor(folder, { landlock }));
        expect(counted.output).toBe("in/onex\n");
        const plan = planFor(folder, { landlock }, join(hung, "place"));
        const run = await runShell("cat bound & cat only; exit 4", plan);
        expect(run.output).toBe("in/only");
        expect(run.exit.status).toBe(4);
      } finally {
        server.kill("SIGKILL");
        await server.exited;
        Bun.spawnSync(["umount", "-l", hung]);
      }
    },
  );
});
