// One suite for everything that observes a directory. What an observer cannot see by its nature is
// said per implementation; the live macOS feed is skipped, with the reason, where there is none.

import { describe, expect, test } from "bun:test";
import {
  appendFileSync,
  mkdirSync,
  renameSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { systemClock } from "../../src/base/clock.ts";
import { observeByFsEvents } from "../../src/observe/fsevents.ts";
import type { FileChange, Observer } from "../../src/observe/observer.ts";
import { snapshotLimits } from "../../src/observe/snapshot.ts";
import { observeBySnapshot } from "../../src/observe/snapshot-observer.ts";
import { tempDir } from "../support/temp.ts";

interface Subject {
  readonly name: string;
  /** Why it cannot run here. */
  readonly missing: string | undefined;
  readonly observe: (directory: string) => Promise<Observer>;
  /** Tells a name that came and went in between. */
  readonly seesSteps: boolean;
}

const subjects: readonly Subject[] = [
  {
    name: "snapshot",
    missing: undefined,
    observe: async (directory) => observeBySnapshot(directory, snapshotLimits, systemClock),
    seesSteps: false,
  },
  {
    name: "fsevents",
    missing: process.platform === "darwin" ? undefined : "FSEvents exist on macOS alone",
    observe: async (directory) =>
      observeByFsEvents(await import("fsevents"), directory, systemClock),
    seesSteps: true,
  },
];

type Act = (path: (name: string) => string) => void;
interface Case {
  readonly name: string;
  readonly before?: Act;
  readonly act: Act;
  /** `kind name`, sorted. */
  readonly wanted: readonly string[];
  /** The same when the system still remembers that the name was made, shortly before. */
  readonly remembered?: readonly string[];
}

const cases: readonly Case[] = [
  { name: "nothing", act: () => undefined, wanted: [] },
  {
    name: "a file made",
    act: (path) => writeFileSync(path("new"), "x"),
    wanted: ["created /new"],
  },
  {
    name: "a file written",
    before: (path) => writeFileSync(path("old"), "x"),
    act: (path) => appendFileSync(path("old"), "y"),
    wanted: ["modified /old"],
    remembered: ["created /old"],
  },
  {
    name: "a file removed",
    before: (path) => writeFileSync(path("old"), "x"),
    act: (path) => rmSync(path("old")),
    wanted: ["deleted /old"],
    remembered: ["created /old", "deleted /old"],
  },
  {
    name: "a folder made",
    act: (path) => mkdirSync(path("folder")),
    wanted: ["created /folder"],
  },
  {
    name: "a folder removed",
    before: (path) => mkdirSync(path("folder")),
    act: (path) => rmdirSync(path("folder")),
    wanted: ["deleted /folder"],
    remembered: ["created /folder", "deleted /folder"],
  },
  {
    name: "a rename",
    before: (path) => writeFileSync(path("old"), "x"),
    act: (path) => renameSync(path("old"), path("new")),
    wanted: ["created /new", "deleted /old"],
    remembered: ["created /new", "created /old", "deleted /old"],
  },
  {
    name: "a file deep inside",
    before: (path) => mkdirSync(path("a/b/c"), { recursive: true }),
    act: (path) => writeFileSync(path("a/b/c/new"), "x"),
    wanted: ["created /a/b/c/new"],
  },
  {
    name: "a link made",
    act: (path) => symlinkSync("nowhere", path("link")),
    wanted: ["created /link"],
  },
];

async function told(changes: AsyncIterable<FileChange>, root: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { kind, path } of changes) found.push(`${kind} ${path.slice(root.length)}`);
  return [...new Set(found)].sort();
}

for (const subject of subjects) {
  const { missing } = subject;
  const reason = missing === undefined ? "" : ` (skipped: ${missing})`;
  describe.skipIf(missing !== undefined)(`${subject.name} observer${reason}`, () => {
    for (const { name, before, act, wanted, remembered = wanted } of cases) {
      test(`tells ${name}`, async () => {
        const root = tempDir("observer");
        before?.((file) => join(root, file));
        const observer = await subject.observe(root);
        act((file) => join(root, file));
        await observer.close();
        const answers = subject.seesSteps ? [wanted, remembered] : [wanted];
        expect(answers).toContainEqual(await told(observer.events, root));
      });
    }

    test("tells a reader that listens all the while, and ends", async () => {
      const root = tempDir("observer");
      const observer = await subject.observe(root);
      const listening = told(observer.events, root);
      writeFileSync(join(root, "new"), "x");
      await observer.close();
      expect(await listening).toEqual(["created /new"]);
    });

    test("does not follow a link out of the directory", async () => {
      const root = tempDir("observer");
      const outside = tempDir("outside");
      symlinkSync(outside, join(root, "link"));
      const observer = await subject.observe(root);
      writeFileSync(join(outside, "new"), "x");
      await observer.close();
      expect(await told(observer.events, root)).toEqual([]);
    });

    test(`${subject.seesSteps ? "tells" : "does not see"} a name that came and went`, async () => {
      const root = tempDir("observer");
      const observer = await subject.observe(root);
      writeFileSync(join(root, "brief"), "x");
      rmSync(join(root, "brief"));
      await observer.close();
      const wanted = subject.seesSteps ? ["created /brief", "deleted /brief"] : [];
      expect(await told(observer.events, root)).toEqual(wanted);
    });

    test("tells what it knows of many changes", async () => {
      const root = tempDir("observer");
      const observer = await subject.observe(root);
      const files = Array.from({ length: 300 }, (_, index) => `file-${index}`);
      for (const name of files) writeFileSync(join(root, name), "x");
      await observer.close();
      expect(await told(observer.events, root)).toEqual(
        files.map((name) => `created /${name}`).sort(),
      );
    });
  });
}
