// Whoever dies first, nothing of a box outlives it. Every process of the box holds the writing end
// of a FIFO; its reader sees the end of it when the last of them is gone.

import { describe, expect } from "bun:test";
import { join } from "node:path";
import { testWith } from "../support/features.ts";
import { repoRoot } from "../support/harness.ts";
import {
  allNamespaces,
  audited,
  type BoxPlan,
  startBox,
  testProgram,
} from "../support/helper-box.ts";
import { childrenOf } from "../support/processes.ts";
import { tempDir } from "../support/temp.ts";

interface Watched {
  /** First thing a script of the box does. */
  readonly prologue: string;
  /** Kept when the script has said that it is under way. */
  readonly underWay: Promise<void>;
  /** Kept, with what the box wrote, when no process of it is left. */
  readonly gone: Promise<string>;
}

const say = "echo up >&9";

/** `underWay` is kept when the script has run `say`. */
function watch(): Watched {
  const fifo = join(tempDir("watch"), "fifo");
  Bun.spawnSync(["mkfifo", fifo]);
  const reader = Bun.spawn(["cat", fifo], { stdio: ["ignore", "pipe", "ignore"] });
  const begun = Promise.withResolvers<void>();
  const read = async () => {
    const text = new TextDecoder();
    let said = "";
    for await (const bytes of reader.stdout) {
      said += text.decode(bytes, { stream: true });
      begun.resolve();
    }
    return said;
  };
  return { prologue: `exec 9>${fifo} 2>/dev/null`, underWay: begun.promise, gone: read() };
}

const landlock = { handledFs: 0n, handledNet: 0n, scoped: 0n, paths: [], ports: [] };
const settings: readonly [name: string, plan: BoxPlan, isPlain: boolean][] = [
  ["with every namespace", { namespaces: allNamespaces(), mounts: [{ kind: "proc" }] }, false],
  ["without namespaces", { landlock }, true],
];

for (const [setting, plan, isPlain] of settings) {
  const needs = isPlain ? (["seccomp"] as const) : (["userns"] as const);
  const box = { ...audited(), ...plan };
  /** A family: children, a daemon, one that ignores signals. */
  const family = `sleep 1000 & (setsid sleep 1000 &) & (trap '' TERM HUP INT; sleep 1000) &`;

  describe(setting, () => {
    testWith(needs, "SIGKILL of the helper ends the box", async () => {
      const { prologue, underWay, gone } = watch();
      const script = `${prologue}\n${family}\n${say}; wait`;
      const { running, done } = await startBox(["/bin/sh", "-c", script], box);
      await underWay;
      running.kill("SIGKILL");
      await gone;
      expect((await done).exit).toMatchObject({ status: 125, failed: { step: "helper" } });
    });

    testWith(needs, "SIGKILL of the broker ends the box, and says so", async () => {
      const { prologue, underWay, gone } = watch();
      const script = `${prologue}\n${family}\n${say}; wait`;
      const { running, done } = await startBox(["/bin/sh", "-c", script], box);
      await underWay;
      const [broker] = childrenOf(running.pid);
      process.kill(broker ?? 0, "SIGKILL");
      await gone;
      expect((await done).exit.failed).toMatchObject({
        step: "broker",
        message: "The broker was killed by signal 9",
      });
    });

    testWith(needs, "SIGKILL of the program that started the helper ends the box", async () => {
      const { prologue, underWay, gone } = watch();
      const script = `${prologue}\n${family}\n${say}; wait`;
      const holder = Bun.spawn(
        [
          process.execPath,
          join(repoRoot, "test/fixtures/hold-box.ts"),
          isPlain ? "none" : "namespaces",
          script,
        ],
        { stdio: ["ignore", "ignore", "inherit"] },
      );
      await underWay;
      holder.kill("SIGKILL");
      await gone;
    });

    testWith(needs, "what the command leaves behind ends with it", async () => {
      const { prologue, gone } = watch();
      const script = `${prologue}\n${family}\n${say}; exit 3`;
      const { done } = await startBox(["/bin/sh", "-c", script], box);
      expect((await done).exit.status).toBe(3);
      await gone;
    });

    testWith(needs, "so does what forks on and on in other sessions", async () => {
      const { prologue, gone } = watch();
      const script = `${prologue}\n${testProgram("attack")} fork-for-ever; ${say}; exit 4`;
      const { done } = await startBox(["/bin/sh", "-c", script], box);
      expect((await done).exit.status).toBe(4);
      await gone;
    });

    for (const signal of ["SIGTERM", "SIGHUP", "SIGINT"] as const) {
      testWith(needs, `${signal} is passed on to the command alone`, async () => {
        const name = signal.slice(3);
        const { prologue, underWay, gone } = watch();
        const script = `${prologue}
          (trap 'echo child got it >&9' ${name}; while :; do sleep 0.01; done) &
          trap 'echo got it >&9; exit 9' ${name}; ${say}; while :; do sleep 0.01; done`;
        const { running, done } = await startBox(["/bin/sh", "-c", script], box);
        await underWay;
        running.kill(signal);
        expect((await done).exit.status).toBe(9);
        expect(await gone).toBe("up\ngot it\n");
      });
    }

    testWith(needs, "a command that dies of a signal passed on is reported with it", async () => {
      const { prologue, underWay } = watch();
      const { running, done } = await startBox(
        ["/bin/sh", "-c", `${prologue}; ${say}; exec sleep 1000`],
        box,
      );
      await underWay;
      running.kill("SIGTERM");
      expect((await done).exit).toMatchObject({ status: 143, exited: { status: 143, signal: 15 } });
    });
  });
}
