// `aegis run --ask` with a real box, a real terminal and somebody who answers: each answer does
// what it says, the object that was asked about is the one that is opened, and nothing a box does
// answers for the person.

import { describe, expect } from "bun:test";
import { mkdirSync, renameSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  type AskedEvent,
  askedPlace,
  eventsOf,
  modeOf,
  runAsked,
  runUnasked,
  runWithoutTerminal,
  textOf,
} from "../support/asked.ts";
import { programs } from "../support/box.ts";
import { testWith } from "../support/features.ts";

const needs = ["linux", "landlock", "seccomp"] as const;
const twice = 'cat "$OTHER/a"; cat "$OTHER/a"; echo done';

interface Row {
  readonly name: string;
  readonly script?: string;
  readonly keys: readonly string[];
  readonly outcomes: readonly string[];
  /** How often the text of a file got out. */
  readonly texts: number;
}

const rows: readonly Row[] = [
  {
    name: "once is for one open, and the next is asked about",
    keys: ["o", "n"],
    outcomes: ["allowed once", "denied"],
    texts: 1,
  },
  {
    name: "no is no, and asked again",
    keys: ["n", "n"],
    outcomes: ["denied", "denied"],
    texts: 0,
  },
  { name: "Enter is no", keys: ["\r", "o"], outcomes: ["denied", "allowed once"], texts: 1 },
  {
    name: "^C is no, and does not reach the command",
    keys: ["\x03", "o"],
    outcomes: ["denied", "allowed once"],
    texts: 1,
  },
  {
    name: "session is for every open of the file",
    keys: ["s"],
    outcomes: ["allowed for this session"],
    texts: 2,
  },
  {
    name: "a session's yes to one file is none to another",
    script: 'cat "$OTHER/a"; cat "$OTHER/b"; echo done',
    keys: ["s", "n"],
    outcomes: ["allowed for this session", "denied"],
    texts: 1,
  },
  {
    name: "a session's yes to reading is none to writing",
    script: 'cat "$OTHER/a"; echo x >>"$OTHER/a"; echo done',
    keys: ["s", "n"],
    outcomes: ["allowed for this session", "denied"],
    texts: 1,
  },
  {
    name: "deny is for the session",
    keys: ["d"],
    outcomes: ["denied for this session"],
    texts: 0,
  },
  {
    name: "quit asks nothing more",
    script: 'cat "$OTHER/a" "$OTHER/b" "$OTHER/c"; echo done',
    keys: ["q"],
    outcomes: ["denied, and nothing more is asked"],
    texts: 0,
  },
];

describe("answers", () => {
  for (const { name, script = twice, keys, outcomes, texts } of rows) {
    testWith(needs, name, async () => {
      const place = askedPlace();
      await using asked = runAsked(place, script);
      const said: string[] = [];
      for (const key of keys) {
        const question = await asked.question();
        expect(question).toContain("wants to");
        said.push(await asked.answer(key));
      }
      await asked.see(/done\r\n/);
      expect(await asked.exited).toBe(0);
      expect(said).toEqual([...outcomes]);
      expect(asked.screen.match(/text of/g)?.length ?? 0).toBe(texts);
      expect(asked.screen.match(/allow\?/g)).toHaveLength(keys.length);
    });
  }

  testWith(needs, "the third question about a folder offers it as a whole", async () => {
    const place = askedPlace();
    await using asked = runAsked(place, 'cd "$OTHER"; cat a b c d; ls; echo done');
    for (const key of ["o", "o", "f", "n"]) {
      const question = await asked.question();
      expect(question.includes("with everything in")).toBe(key === "f" || key === "n");
      await asked.answer(key);
    }
    await asked.see(/done/);
    await asked.exited;
    expect(asked.screen.match(/text of/g)).toHaveLength(4);
  });

  testWith(needs, "always adds a line to the policy, which then allows it unasked", async () => {
    const place = askedPlace();
    expect((await runUnasked(place, 'cat "$OTHER/a"')).stdout).toBe("");
    const before = textOf(place.policy);
    {
      await using asked = runAsked(place, 'cat "$OTHER/a"; cat "$OTHER/a"');
      expect(await asked.question()).toContain(`adds a line to "${place.policy}"`);
      expect(await asked.answer("a")).toBe("allowed for good");
      expect(await asked.exited).toBe(0);
    }
    const added = textOf(place.policy);
    expect(added.startsWith(before)).toBe(true);
    expect(added.slice(before.length)).toMatch(
      /^@id\("asked [0-9a-f]+"\)\npermit\(principal == Aegis::Agent::"sh", .*\n$/,
    );
    expect(modeOf(place.policy)).toBe(0o640);
    expect((await runUnasked(place, 'cat "$OTHER/a"')).stdout).toBe("text of a\n");
    expect((await runUnasked(place, 'cat "$OTHER/b"')).stdout).toBe("");
  });

  testWith(needs, "always is not offered where no single policy file is in force", async () => {
    const place = askedPlace();
    const second = join(place.home, "second.cedar");
    writeFileSync(second, "");
    await using asked = runAsked(place, 'cat "$OTHER/a"', ["--policy", second]);
    expect(await asked.question()).not.toContain("always");
    await asked.answer("o");
    expect(await asked.exited).toBe(0);
  });
});

describe("the record", () => {
  testWith(needs, "has each question with its answer, and rows that name the answer", async () => {
    const place = askedPlace();
    {
      await using asked = runAsked(place, 'cat "$OTHER/a"; cat "$OTHER/b"; cat "$OTHER/c"');
      for (const key of ["o", "n", "s"]) {
        await asked.question();
        await asked.answer(key);
      }
      await asked.exited;
    }
    const events = eventsOf(place);
    const about = ({ payload }: AskedEvent) => String(payload.path).startsWith(place.other);
    const questions = events.filter(({ event_type }) => event_type === "ACCESS_ASKED");
    expect(
      questions.map(({ payload }) => [payload.asked, payload.answer, payload.outcome]),
    ).toEqual([
      ["FileRead", "once", "allow"],
      ["FileRead", "no", "deny"],
      ["FileRead", "session", "allow"],
    ]);
    const accesses = events.filter((event) => event.event_type === "FILE_READ" && about(event));
    expect(accesses.map(({ payload }) => [payload.decision, payload.rule])).toEqual([
      ["allow", "ask:once"],
      ["deny", "ask:no"],
      ["allow", "ask:session"],
    ]);
  });
});

/** With a mount namespace, where most of the disk cannot be written, and without. */
const settings: readonly [setting: string, launcher: () => readonly string[]][] = [
  ["with namespaces", () => []],
  ["without namespaces", () => [programs().noUserns]],
];

describe("what is opened", () => {
  for (const [setting, launcher] of settings) {
    testWith(
      needs,
      `${setting}: is the file asked about, though the link leads elsewhere by then`,
      async () => {
        const place = askedPlace();
        const link = join(place.workspace, "link");
        symlinkSync(join(place.other, "a"), link);
        await using asked = runAsked(place, `cat ${link}; cat ${link}`, [], launcher());
        expect(await asked.question()).toContain(`"${place.other}/a"`);
        unlinkSync(link);
        symlinkSync(join(place.other, "b"), link);
        await asked.answer("o");
        await asked.see(/text of a/);
        expect(await asked.question()).toContain(`"${place.other}/b"`);
        await asked.answer("n");
        await asked.exited;
        expect(asked.screen).not.toContain("text of b");
      },
    );

    testWith(
      needs,
      `${setting}: is the file asked about, though another has its name by then`,
      async () => {
        const place = askedPlace();
        await using asked = runAsked(place, 'cat "$OTHER/a"', [], launcher());
        await asked.question();
        renameSync(join(place.other, "a"), join(place.other, "moved"));
        renameSync(join(place.other, "b"), join(place.other, "a"));
        await asked.answer("o");
        await asked.exited;
        expect(asked.screen).toContain("text of a");
        expect(asked.screen).not.toContain("text of b");
      },
    );

    testWith(needs, `${setting}: is never another file in place of one to be written`, async () => {
      const place = askedPlace();
      await using asked = runAsked(
        place,
        'echo more >>"$OTHER/a"; echo over >"$OTHER/c"',
        [],
        launcher(),
      );
      expect(await asked.question()).toContain("wants to write");
      renameSync(join(place.other, "a"), join(place.other, "moved"));
      renameSync(join(place.other, "b"), join(place.other, "a"));
      await asked.answer("o");
      await asked.question();
      await asked.answer("o");
      await asked.exited;
      expect(textOf(join(place.other, "a"))).toBe("text of b\n");
      expect(textOf(join(place.other, "c"))).toBe("over\n");
    });

    testWith(needs, `${setting}: is a folder's list, but not what lies in it`, async () => {
      const place = askedPlace();
      await using asked = runAsked(place, 'ls "$OTHER"; cat "$OTHER/a"; echo done', [], launcher());
      expect(await asked.question()).toContain("wants to list the folder");
      await asked.answer("s");
      await asked.see(/a\s+b\s+c\s+d/);
      expect(await asked.question()).toContain("wants to read");
      await asked.answer("n");
      await asked.see(/done/);
      await asked.exited;
      expect(asked.screen).not.toContain("text of");
    });
  }
});

describe("nobody is asked", () => {
  const cases = [
    ["about what a rule forbids", (place: { other: string }) => ["--deny", place.other]],
    ["about what is allowed", (place: { other: string }) => ["--read", place.other]],
  ] as const;
  for (const [name, flags] of cases) {
    testWith(needs, name, async () => {
      const place = askedPlace();
      await using asked = runAsked(place, `${twice}`, flags(place));
      await asked.see(/done/);
      await asked.exited;
      expect(asked.screen).not.toContain("allow?");
      expect(asked.screen.includes("text of")).toBe(flags(place)[0] === "--read");
    });
  }

  testWith(needs, "about the state of aegis itself", async () => {
    const place = askedPlace();
    const file = join(place.env.AEGIS_HOME ?? "", "ledger.db");
    await using asked = runAsked(place, `cat ${file} | wc -c; ${twice}`);
    await asked.question();
    await asked.answer("d");
    await asked.see(/done/);
    expect(asked.screen).not.toContain(`    "${file}"`);
    expect(asked.screen).toMatch(/^0\r$/m);
    await asked.exited;
  });

  testWith(needs, "about a second name of what a rule forbids", async () => {
    const place = askedPlace();
    const kept = join(place.other, "kept");
    mkdirSync(kept);
    writeFileSync(join(kept, "secret"), "text of secret\n");
    Bun.spawnSync(["ln", join(kept, "secret"), join(place.other, "second")]);
    await using asked = runAsked(place, 'cat "$OTHER/second"; echo done', ["--deny", kept]);
    await asked.see(/done/);
    await asked.exited;
    expect(asked.screen).not.toContain("allow?");
  });

  testWith(needs, "without a terminal, which is said once", async () => {
    const place = askedPlace();
    const { stderr, stdout, exitCode } = await runWithoutTerminal(place, twice, ["--ask"]);
    expect(stderr.match(/aegis: cannot ask: there is no terminal/g)).toHaveLength(1);
    expect(stdout).toBe("done\n");
    expect(exitCode).toBe(0);
  });

  testWith(needs, "in JSON without a terminal, which is refused", async () => {
    const place = askedPlace();
    const { stderr, exitCode } = await runWithoutTerminal(place, twice, ["--ask", "--json"]);
    expect(stderr).toContain("there is no terminal to ask at");
    expect(exitCode).not.toBe(0);
    expect((await runWithoutTerminal(place, twice, ["--json"])).exitCode).toBe(0);
  });
});

testWith(needs, "of several launches at one terminal one asks at a time", async () => {
  const place = askedPlace();
  const launches = '"$@" & "$@" & "$@" & "$@" & wait';
  await using asked = runAsked(place, 'cat "$OTHER/a"', [], ["sh", "-c", launches, "sh"]);
  for (const key of ["o", "n", "o", "n"]) {
    await asked.question();
    await asked.answer(key);
  }
  expect(await asked.exited).toBe(0);
  const told = asked.screen.match(/wants to|allowed once|(?<!Permission )denied|text of a/g) ?? [];
  // What a yes lets out may come after the next question.
  expect(told.filter((what) => what !== "text of a")).toEqual([
    ...["wants to", "allowed once", "wants to", "denied"],
    ...["wants to", "allowed once", "wants to", "denied"],
  ]);
  expect(told.length).toBe(8 + 2);
});
