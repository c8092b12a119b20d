// Interactive programs in a box keep the terminal they were started on: its size, its keys, its
// state afterwards. Each test drives a real terminal (tmux) and then asks the ledger how the
// session ended.

import { expect } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { makePlace, type Place, removePlacesAfterwards, runners } from "../../matrix/place.ts";
import { recordedSessions } from "../../matrix/recorded.ts";
import { testWith } from "../../support/features.ts";
import { aegisBinary, asPlainUser, giveToPlainUser, waitFor } from "../../support/harness.ts";
import { openPane, type Pane } from "./terminal-pane.ts";

interface Scene {
  readonly place: Place;
  readonly pane: Pane;
}

const run = `${aegisBinary()} run --quiet --`;

/**
 * For scripts that loop: a shell that hears ^C while a program of its loop ends by itself takes it
 * for handled, and goes on.
 */
const endsByInterrupt = 'trap "exit 130" INT\n';

const cases: readonly { readonly name: string; readonly drive: (scene: Scene) => Promise<void> }[] =
  [
    {
      name: "a program hears of a new terminal size and sees it",
      async drive({ pane, place }) {
        script(
          place,
          "size.sh",
          `${endsByInterrupt}trap "stty size" WINCH\nstty size\nwhile :; do sleep 0.05; done\n`,
        );
        pane.type(`${run} bash size.sh`);
        await pane.see(/^24 80$/m);
        pane.resize(101, 31);
        await pane.see(/^31 101$/m);
        pane.press("C-c");
        await status(pane, 130);
        await expectClosed(place, [130]);
      },
    },
    {
      name: "^C reaches the command, which may handle it and choose the exit status",
      async drive({ pane, place }) {
        script(place, "int.sh", 'trap "echo caught; exit 3" INT\necho ready\nsleep 100 &\nwait\n');
        pane.type(`${run} bash int.sh`);
        await pane.see(/^ready$/m);
        pane.press("C-c");
        await pane.see(/caught$/m);
        await status(pane, 3);
        await expectClosed(place, [3]);
      },
    },
    {
      name: "^C ends a command that does not handle it, and the session is closed",
      async drive({ pane, place }) {
        pane.type(`${run} sh -c 'echo ready; exec sleep 100'`);
        await pane.see(/^ready$/m);
        pane.press("C-c");
        await status(pane, 130);
        await expectClosed(place, [130]);
      },
    },
    {
      name: "^\\ ends a command with SIGQUIT",
      async drive({ pane, place }) {
        pane.type(`${run} sh -c 'ulimit -c 0; echo ready; exec sleep 100'`);
        await pane.see(/^ready$/m);
        pane.press("C-\\");
        await status(pane, 131);
        await expectClosed(place, [131]);
      },
    },
    {
      name: "a shell in a box controls its own jobs",
      async drive({ pane, place }) {
        pane.type(`PS1='inner$ ' ${run} bash --norc --noprofile -i`);
        await pane.see(/^inner\$ *$/m);
        pane.type("sh -c 'echo started; exec sleep 100'");
        await pane.see(/^started$/m);
        pane.press("C-c");
        await pane.see(/^\^C\ninner\$ *$/m);
        pane.type("echo interrupted $?");
        await pane.see(/^interrupted 130$/m);
        pane.type("sh -c 'echo reading; exec cat'");
        await pane.see(/^reading$/m);
        pane.type("to the job");
        await pane.see(/^to the job\nto the job$/m);
        pane.press("C-z");
        await pane.see(/Stopped +sh -c/);
        pane.type("jobs; fg");
        await pane.see(/^sh -c/m);
        pane.type("again");
        await pane.see(/^again\nagain$/m);
        pane.press("C-d");
        pane.type("stty size; exit 5");
        await pane.see(/^24 80$/m);
        await status(pane, 5);
        await expectClosed(place, [5]);
      },
    },
    {
      name: "^Z stops aegis and its command together, and fg resumes both",
      async drive({ pane, place }) {
        pane.type(`${run} sh -c 'echo ready; read line; echo "got $line"; exit 4'`);
        await pane.see(/^ready$/m);
        pane.press("C-z");
        await pane.see(/Stopped/);
        pane.type("jobs");
        await pane.see(/^\[1\]\+ +Stopped .*$/m);
        await pane.clear();
        pane.type("fg");
        await pane.see(/aegis run/);
        pane.type("hello");
        await pane.see(/^got hello$/m);
        await status(pane, 4);
        await expectClosed(place, [4]);
      },
    },
    {
      name: "a stopped command stays stopped while the shell does something else",
      async drive({ pane, place }) {
        const tick = "echo ready\nwhile :; do echo >>ticks; sleep 0.02; done\n";
        script(place, "tick.sh", endsByInterrupt + tick);
        pane.type(`${run} sh tick.sh`);
        await pane.see(/^ready$/m);
        await waitFor("the first ticks", () => ticks(place) > 2);
        pane.press("C-z");
        await pane.see(/Stopped/);
        pane.type("wc -l <ticks; sleep 0.5; wc -l <ticks; echo counted");
        const screen = await pane.see(/^counted$/m);
        const [before, after] = [...screen.matchAll(/^(\d+)$/gm)].map(([, count]) => count);
        expect(after).toBe(before);
        pane.type("fg");
        const resumed = ticks(place);
        await waitFor("more ticks", () => ticks(place) > resumed + 2);
        pane.press("C-c");
        await status(pane, 130);
        await expectClosed(place, [130]);
      },
    },
    {
      name: "python's prompt survives ^C and ends with ^D",
      async drive({ pane, place }) {
        pane.type(`${run} python3 -q`);
        await pane.see(/^>>> *$/m);
        pane.type("6 * 7");
        await pane.see(/^42$/m);
        pane.type("import time; print('started'); time.sleep(100)");
        await pane.see(/^started$/m);
        pane.press("C-c");
        await pane.see(/^KeyboardInterrupt$/m);
        pane.type("1 + 1");
        await pane.see(/^2$/m);
        pane.press("C-d");
        await status(pane, 0);
        await expectClosed(place, [0]);
      },
    },
    {
      name: "vim edits a file and leaves the terminal as it was",
      async drive({ pane, place }) {
        await settingsUnchanged(pane, async () => {
          pane.type(`${run} vim -u NONE -N notes.txt`);
          await pane.see(/^~ *$/m);
          pane.press("i");
          await pane.see(/-- INSERT --/);
          pane.type("written in a box");
          pane.press("Escape");
          pane.type(":wq");
          await status(pane, 0);
        });
        expect(await Bun.file(join(place.workspace, "notes.txt")).text()).toBe(
          "written in a box\n\n",
        );
        await expectClosed(place, [0]);
      },
    },
    {
      name: "less pages and leaves the terminal as it was",
      async drive({ pane, place }) {
        const lines = Array.from({ length: 100 }, (_, index) => `line ${index}`);
        writeFileSync(join(place.workspace, "long.txt"), lines.join("\n"));
        await settingsUnchanged(pane, async () => {
          pane.type(`${run} less long.txt`);
          await pane.see(/^line 22$/m);
          pane.press("G");
          await pane.see(/^line 99$/m);
          pane.press("q");
          await status(pane, 0);
        });
        await expectClosed(place, [0]);
      },
    },
    {
      name: "a terminal that closes ends the box and the session",
      async drive({ pane, place }) {
        pane.type(`${run} sh -c 'echo ready; exec sleep 100'`);
        await pane.see(/^ready$/m);
        pane.close();
        await waitFor("the session to be closed", async () => {
          const [session] = await recordedSessions(place);
          return session?.exitStatus !== undefined;
        });
        await expectClosed(place, [129]);
      },
    },
  ];

removePlacesAfterwards();
for (const runner of runners) {
  for (const { name, drive } of cases) {
    const needs = ["linux", "landlock", "seccomp", "tool tmux"] as const;
    testWith(needs, `terminal: ${name}, as ${runner}`, async () => {
      const place = makePlace(runner, undefined);
      const launcher = runner === "plain user" ? asPlainUser([]) : [];
      const pane = await openPane({ cwd: place.workspace, env: place.env, launcher });
      try {
        await drive({ place, pane });
      } finally {
        pane.close();
      }
    });
  }
}

/** Waits for the outer shell and checks the exit status of what ran last. */
async function status(pane: Pane, wanted: number): Promise<void> {
  // The terminal echoes ^C where the cursor was.
  await pane.see(/^(\^[C\\])?outer\$ *$/m);
  pane.type("echo status $?");
  await pane.see(new RegExp(`^status ${wanted}$`, "m"));
}

async function expectClosed(place: Place, statuses: readonly number[]): Promise<void> {
  const sessions = await recordedSessions(place);
  expect(sessions.map((session) => session.exitStatus)).toEqual([...statuses]);
}

/** The terminal's settings, as stty saves them, are the same before and after. */
async function settingsUnchanged(pane: Pane, use: () => Promise<void>): Promise<void> {
  const read = async () => {
    await pane.clear();
    pane.type("stty -g");
    const screen = await pane.see(/^[0-9a-f]+:[0-9a-f:]+$/m);
    return /^[0-9a-f]+:[0-9a-f:]+$/m.exec(screen)?.[0];
  };
  const before = await read();
  await pane.clear();
  await use();
  expect(await read()).toBe(before);
}

function script(place: Place, name: string, text: string): void {
  const path = join(place.workspace, name);
  writeFileSync(path, text);
  if (place.runner === "plain user") giveToPlainUser(path);
}

function ticks(place: Place): number {
  const counted = Bun.spawnSync(["sh", "-c", "cat ticks 2>/dev/null | wc -l"], {
    cwd: place.workspace,
  });
  return Number(counted.stdout.toString());
}
