// A box at a terminal: the keys mean the command, and the shell that started it keeps its job
// control. An interactive bash in a terminal of its own starts the helper, without aegis in
// between.

import { describe, expect } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { encodePlan } from "../../src/bridge/encode-plan.ts";
import { testWith } from "../support/features.ts";
import {
  allNamespaces,
  audited,
  type BoxPlan,
  helperFile,
  planFor,
  testProgram,
} from "../support/helper-box.ts";
import { createShown } from "../support/shown.ts";
import { tempDir } from "../support/temp.ts";

/** Interactive, but with the terminal left as it is: what is typed early is not lost. */
const plain = ["--norc", "--noprofile", "--noediting", "-i"] as const;
const keys = { interrupt: "\x03", quit: "\x1c", suspend: "\x1a", end: "\x04" };

class Shell implements AsyncDisposable {
  readonly #process: Bun.Subprocess;
  readonly #terminal: Bun.Terminal;
  readonly #shown = createShown();

  constructor() {
    this.#process = Bun.spawn(["/bin/bash", ...plain], {
      env: { PATH: "/usr/bin:/bin", PS1: "ready> ", TERM: "dumb", HISTFILE: "" },
      terminal: {
        cols: 200,
        rows: 20,
        data: (_, bytes) => this.#shown.add(bytes),
      },
    });
    const { terminal } = this.#process;
    if (terminal === undefined) throw new Error("there is no terminal");
    this.#terminal = terminal;
  }

  type(text: string): void {
    this.#terminal.write(text);
  }

  resize(cols: number): void {
    this.#terminal.resize(cols, 20);
  }

  /** Waits for what the terminal has not shown before. */
  shows(expected: RegExp): Promise<string> {
    return this.#shown.see(expected);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#process.exited;
    this.#terminal.close();
  }
}

/** A shell line that starts a box. */
function line(argv: readonly string[], plan: BoxPlan): string {
  const folder = tempDir("terminal");
  writeFileSync(join(folder, "plan"), encodePlan(planFor(argv, plan)));
  return `${helperFile()} 3<${folder}/plan 4>${folder}/frames`;
}

const landlock = { handledFs: 0n, handledNet: 0n, scoped: 0n, paths: [], ports: [] };
const settings: readonly [name: string, plan: BoxPlan, isPlain: boolean][] = [
  ["with every namespace", { namespaces: allNamespaces(), mounts: [{ kind: "proc" }] }, false],
  ["without namespaces", { landlock }, true],
];

for (const [setting, own, isPlain] of settings) {
  const needs = isPlain ? (["seccomp"] as const) : (["userns"] as const);
  const plan = { ...audited(), ...own };
  const start = async (...argv: string[]): Promise<Shell> => {
    const shell = new Shell();
    await shell.shows(/ready> /);
    shell.type(`${line(argv, plan)}; echo "status $?"\n`);
    await shell.shows(/status \$\?"\r\n/);
    return shell;
  };

  describe(setting, () => {
    testWith(needs, "^C ends the command and the helper reports it", async () => {
      await using shell = await start("/bin/sh", "-c", "echo up; exec sleep 1000");
      await shell.shows(/up/);
      shell.type(keys.interrupt);
      await shell.shows(/status 130/);
    });

    testWith(needs, "^C and ^\\ that the command handles leave the helper alone", async () => {
      const script = `trap 'echo caught C' INT; trap 'echo caught B; exit 5' QUIT; echo up
        while :; do sleep 0.01; done`;
      await using shell = await start("/bin/bash", "-c", script);
      await shell.shows(/up/);
      shell.type(keys.interrupt);
      await shell.shows(/caught C/);
      shell.type(keys.quit);
      await shell.shows(/caught B/);
      await shell.shows(/status 5/);
    });

    testWith(needs, "^Z stops the job, fg goes on with it", async () => {
      await using shell = await start("/bin/cat");
      shell.type("first\n");
      await shell.shows(/first\r\nfirst/);
      for (const word of ["second", "third"]) {
        shell.type(keys.suspend);
        await shell.shows(/Stopped.*\r\n[\s\S]*ready> /);
        shell.type("fg\n");
        shell.type(`${word}\n`);
        await shell.shows(new RegExp(`${word}\r\n[\\s\\S]*${word}\r\n`));
      }
      shell.type(keys.end);
      await shell.shows(/ready> /);
    });

    testWith(needs, "^Z also stops a command that waits in a call of the broker", async () => {
      const fifo = join(tempDir("fifo"), "fifo");
      Bun.spawnSync(["mkfifo", fifo]);
      const broker = { ...audited({ broker: true }), ...own };
      await using shell = new Shell();
      await shell.shows(/ready> /);
      const script = `echo up; exec cat /etc/passwd >${fifo}`;
      shell.type(`${line(["/bin/sh", "-c", script], broker)}\n`);
      await shell.shows(/\nup/);
      shell.type(keys.suspend);
      await shell.shows(/Stopped.*\r\n[\s\S]*ready> /);
      shell.type("fg\n");
      await shell.shows(/fg\r\n/);
      const reader = Bun.spawn(["cat", fifo], { stdout: "pipe" });
      expect(await reader.stdout.text()).toBe(readFileSync("/etc/passwd", "utf8"));
      await shell.shows(/ready> /);
    });

    testWith(needs, "a program that stops itself stops the job", async () => {
      await using shell = await start(testProgram("act"), "stop");
      await shell.shows(/stopping/);
      await shell.shows(/Stopped.*\r\n[\s\S]*ready> /);
      shell.type("fg\n");
      await shell.shows(/going on/);
      await shell.shows(/ready> /);
    });

    testWith(needs, "a shell in the box has job control of its own", async () => {
      await using shell = await start("/bin/bash", ...plain);
      await shell.shows(/[$#] $/);
      shell.type(`sh -c 'echo "in it"; exec sleep 1000'\n`);
      await shell.shows(/\nin it/);
      shell.type(keys.suspend);
      await shell.shows(/Stopped/);
      shell.type("kill -9 %1\n");
      // Twice: the first one may find the job not yet dead.
      shell.type("exit 6\nexit 6\n");
      await shell.shows(/status 6/);
    });

    testWith(needs, "a new size of the terminal reaches the command", async () => {
      const script = "trap 'stty size; exit 0' WINCH; echo up; while :; do sleep 0.01; done";
      await using shell = await start("/bin/bash", "-c", script);
      await shell.shows(/up/);
      shell.resize(123);
      await shell.shows(/20 123/);
      await shell.shows(/status 0/);
    });

    testWith(
      needs,
      "a command that reads in the background is stopped like any other",
      async () => {
        await using shell = new Shell();
        await shell.shows(/ready> /);
        shell.type(`${line(["/bin/cat"], plan)} &\n`);
        await shell.shows(/\[1\] \d+/);
        shell.type('while [ -z "$(jobs -s)" ]; do :; done; echo noticed\n');
        await shell.shows(/echo noticed\r\n[\s\S]*noticed\r\n/);
        shell.type("fg\n");
        shell.type("again\n");
        await shell.shows(/again\r\n[\s\S]*again\r\n/);
        shell.type(keys.end);
        await shell.shows(/ready> /);
      },
    );

    testWith(needs, "opening /dev/tty for writing is the caller's own terminal", async () => {
      const script = "echo to tty >/dev/tty; setsid -w sh -c 'echo x >/dev/tty' 2>&1 | tail -c 20";
      const broker = { ...audited({ broker: true }), ...own };
      await using shell = new Shell();
      await shell.shows(/ready> /);
      shell.type(`${line(["/bin/sh", "-c", script], broker)} | cat; echo over\n`);
      await shell.shows(/over\r\n/);
      await shell.shows(/to tty/);
      await shell.shows(/device or address/);
      await shell.shows(/over/);
      expect(broker.notify?.brokerCreate).toBe(true);
    });
  });
}
