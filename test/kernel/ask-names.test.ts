// `aegis run --ask` about names that are made, moved and removed: what each answer is for, what
// happens when the disk changes meanwhile, and what nobody is asked about.

import { describe, expect } from "bun:test";
import { linkSync, mkdirSync, readdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  type AskedPlace,
  askedPlace,
  eventsOf,
  isThere,
  modeOf,
  runAsked,
  runUnasked,
  textOf,
} from "../support/asked.ts";
import { programs } from "../support/box.ts";
import { testWith } from "../support/features.ts";

const needs = ["linux", "landlock", "seccomp"] as const;

/** One box at a terminal; `keys` are pressed in order, whatever is asked. */
async function answered(
  place: AskedPlace,
  script: string,
  keys: readonly string[],
  flags: readonly string[] = [],
): Promise<string> {
  await using asked = runAsked(place, `${script}; echo over`, flags);
  for (const key of keys) {
    await asked.question();
    await asked.answer(key);
  }
  await asked.see(/over\r\n/);
  await asked.exited;
  expect(asked.screen.match(/allow\?/g)?.length ?? 0).toBe(keys.length);
  return asked.screen;
}

describe("answers", () => {
  testWith(needs, "session is for every such call with this path, and for no other", async () => {
    const place = askedPlace();
    const script = 'for i in 1 2 3; do mkdir "$OTHER/f" && rmdir "$OTHER/f" && echo did $i; done';
    const screen = await answered(place, `${script}; mkdir "$OTHER/g"`, ["s", "s", "n"]);
    expect(screen.match(/did \d/g)).toEqual(["did 1", "did 2", "did 3"]);
    expect(readdirSync(place.other).sort()).toEqual(["a", "b", "c", "d"]);
  });

  testWith(needs, "a yes to one name of a move is none to the other", async () => {
    const place = askedPlace();
    await answered(place, 'mv -f "$OTHER/a" "$OTHER/z"', ["o", "n"]);
    expect(readdirSync(place.other).sort()).toEqual(["a", "b", "c", "d"]);
  });

  testWith(needs, "always adds lines that allow the same unasked in the next run", async () => {
    const place = askedPlace();
    const deeds = `mkdir "$OTHER/f"; rmdir "$OTHER/f"; : >"$OTHER/n"; chmod 600 "$OTHER/n"
      rm -f "$OTHER/n"`;
    await answered(place, deeds, ["a", "a", "a", "a"]);
    expect(textOf(place.policy).match(/^@id\("asked/gm)).toHaveLength(4);
    const { stdout, stderr } = await runUnasked(place, `set -e; ${deeds}; echo over`);
    expect({ stdout, stderr }).toEqual({ stdout: "over\n", stderr: "" });
  });

  testWith(needs, "leave rows that name them, and questions that name the deed", async () => {
    const place = askedPlace();
    await answered(place, 'mkdir "$OTHER/f"; rm -f "$OTHER/a"; mv -f "$OTHER/b" own', [
      "o",
      "n",
      "s",
    ]);
    const events = eventsOf(place);
    const own = (path: unknown) => String(path).replace(place.other, "%");
    const questions = events.filter(({ event_type }) => event_type === "ACCESS_ASKED");
    expect(
      questions.map(({ payload: { asked, path, deed, answer } }) => [
        asked,
        own(path),
        deed,
        answer,
      ]),
    ).toEqual([
      ["DirCreate", "%/f", "make", "once"],
      ["FileDelete", "%/a", "remove", "no"],
      ["FileRead FileWrite FileDelete", "%/b", "move", "session"],
    ]);
    const rows = events.filter(({ payload }) => String(payload.rule).startsWith("ask:"));
    expect(
      rows.map(({ payload }) => [
        payload.action,
        own(payload.path),
        payload.decision,
        payload.rule,
      ]),
    ).toEqual([
      ["DirCreate", "%/f", "allow", "ask:once"],
      ["FileDelete", "%/a", "deny", "ask:no"],
      ["FileDelete", "%/b", "allow", "ask:session"],
      ["FileRead", "%/b", "allow", "ask:session"],
      ["FileWrite", "%/b", "allow", "ask:session"],
    ]);
  });
});

describe("what changes while a person thinks", () => {
  testWith(needs, "is another file under the name: it is asked about again", async () => {
    const place = askedPlace();
    await using asked = runAsked(place, 'rm -f "$OTHER/a"; echo over');
    await asked.question();
    renameSync(join(place.other, "b"), join(place.other, "a"));
    await asked.answer("o");
    await asked.question();
    expect(textOf(join(place.other, "a"))).toBe("text of b\n");
    await asked.answer("o");
    await asked.see(/over/);
    expect(isThere(place.other, "a")).toBe(false);
    await asked.exited;
  });

  testWith(needs, "is a file with the name of a new one: writing it is asked about", async () => {
    const place = askedPlace();
    await using asked = runAsked(place, 'echo more >>"$OTHER/n"; echo over');
    expect(await asked.question()).toContain("It is not there yet");
    writeFileSync(join(place.other, "n"), "first\n");
    await asked.answer("o");
    expect(await asked.question()).not.toContain("It is not there yet");
    expect(textOf(join(place.other, "n"))).toBe("first\n");
    await asked.answer("o");
    await asked.see(/over/);
    expect(textOf(join(place.other, "n"))).toBe("first\nmore\n");
    await asked.exited;
  });

  testWith(needs, "is a folder with the name of a new one: there is one", async () => {
    const place = askedPlace();
    await using asked = runAsked(place, 'mkdir "$OTHER/f"; echo over');
    await asked.question();
    mkdirSync(join(place.other, "f"));
    await asked.answer("o");
    await asked.see(/File exists[\s\S]*over/);
    await asked.exited;
  });

  testWith(needs, "is the folder around a name: it is judged where it is then", async () => {
    const place = askedPlace();
    mkdirSync(join(place.other, "f"));
    // In a box with mounts the folder stays under the one it was entered through.
    const script = 'cd "$OTHER/f"; mkdir g; echo over';
    await using asked = runAsked(place, script, ["--allow-weaker"], [programs().noUserns]);
    expect(await asked.question()).toContain(`"${place.other}/f/g"`);
    renameSync(join(place.other, "f"), join(place.workspace, "f"));
    await asked.answer("o");
    await asked.see(/over/);
    await asked.exited;
    expect(asked.screen.match(/allow\?/g)).toHaveLength(1);
    expect(isThere(place.workspace, "f/g")).toBe(true);
  });
});

describe("nobody is asked", () => {
  const cases: readonly [string, string][] = [
    ["to make what a rule forbids", 'mkdir "$OTHER/kept/new"; echo x >"$OTHER/kept/file"'],
    ["to remove what a rule forbids", 'rm -f "$OTHER/kept/a"'],
    ["to move something over what a rule forbids", 'mv -f "$OTHER/a" "$OTHER/kept/a"'],
    ["to move a folder with what a rule forbids", 'mv -f "$OTHER/kept" "$OTHER/free"'],
    ["to move a folder further up", 'mv -f "$OTHER" elsewhere'],
    ["to link what a rule forbids", 'ln "$OTHER/kept/a" own'],
    ["to change what a rule forbids, under a second name", 'chmod 777 "$OTHER/second"'],
    [
      "to move the state of aegis",
      'mv -f "$AEGIS_PLACE" elsewhere; mv -f "$AEGIS_PLACE/state" elsewhere',
    ],
    ["to remove what is not there", 'rm "$OTHER/absent"; rmdir "$OTHER/absent"'],
  ];
  for (const [name, script] of cases)
    testWith(needs, name, async () => {
      const place = askedPlace();
      const kept = join(place.other, "kept");
      mkdirSync(kept);
      writeFileSync(join(kept, "a"), "text\n", { mode: 0o600 });
      linkSync(join(kept, "a"), join(place.other, "second"));
      const before = readdirSync(place.other).sort();
      const flags = ["--deny", kept, "--env", `AEGIS_PLACE=${place.home}`];
      await answered(place, script, [], flags);
      expect(readdirSync(place.other).sort()).toEqual(before);
      expect(readdirSync(kept)).toEqual(["a"]);
      expect(modeOf(join(kept, "a"))).toBe(0o600);
      expect(readdirSync(place.workspace)).toEqual([]);
    });
});
