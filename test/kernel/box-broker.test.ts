// Policies that neither Landlock nor a mount can say, on the real kernel: the broker holds them,
// for what is there and for what comes to be, with namespaces and without. Every denial has a twin
// that goes through.

import { expect } from "bun:test";
import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { gapsOf } from "../../src/enforce/coverage.ts";
import { realDisk } from "../../src/enforce/linux/paths/disk.ts";
import { planLinux } from "../../src/enforce/linux/plan.ts";
import type { Capability } from "../../src/model/capability.ts";
import { fixtureRules, probe, runBox, type Setting, settings, testFolder } from "../support/box.ts";
import { testWith } from "../support/features.ts";
import { giveToPlainUser } from "../support/harness.ts";
import { exactly, forbid, like, not, permit, request, under } from "../support/ir.ts";

const needs = ["linux", "landlock", "seccomp"] as const;

/** `%` stands for the folder. */
interface Case {
  readonly name: string;
  readonly rules: (base: string) => Capability[];
  /** In this order; what is denied leaves no trace. */
  readonly attempts: readonly (readonly [attempt: string, answer: "ok" | "denied" | "ENOENT"])[];
}

function makeTree(setting: Setting): string {
  const base = `${testFolder(setting)}/tree`;
  for (const folder of ["src/deep", "private/public", "private/rest", ".git/hooks", "in"]) {
    mkdirSync(`${base}/${folder}`, { recursive: true });
  }
  for (const file of [
    "src/a.txt",
    "src/key.pem",
    "src/deep/b.txt",
    "src/deep/key.pem",
    "private/key",
    "private/public/note",
    "private/public/secret",
    "private/rest/x",
    ".git/hooks/sample",
    ".git/config",
    ".env",
  ]) {
    writeFileSync(`${base}/${file}`, "content");
  }
  symlinkSync("key.pem", `${base}/src/to-key`);
  symlinkSync("src", `${base}/to-src`);
  if (setting.isPlain) giveToPlainUser(base);
  return base;
}

const cases: readonly Case[] = [
  {
    name: "a pattern in a permit",
    rules: (base) => [
      permit("FileRead FileWrite", like(`${base}/src/*.txt`)),
      permit("DirList", under(`${base}/src`)),
    ],
    attempts: [
      ["read %/src/a.txt", "ok"],
      ["append %/src/deep/b.txt", "ok"],
      ["create %/src/deep/new.txt", "ok"],
      ["read %/src/deep/new.txt", "ok"],
      ["list %/src/deep", "ok"],
      ["read %/src/key.pem", "denied"],
      ["read %/src/to-key", "denied"],
      ["read %/to-src/a.txt", "ok"],
      ["create %/src/new.pem", "denied"],
      ["truncate %/src/key.pem", "denied"],
      ["chmod %/src/key.pem", "denied"],
      ["chmod %/src/a.txt", "ok"],
      ["unlink %/src/a.txt", "denied"],
      ["link %/src/key.pem %/src/key.txt", "denied"],
      ["link %/src/a.txt %/src/c.txt", "ok"],
      ["mkdir %/src/new", "denied"],
      ["read %/.env", "denied"],
    ],
  },
  {
    name: "a pattern in a forbid, for what is there and for what is made later",
    rules: (base) => [
      permit("all", under(base)),
      forbid("all", like("*.pem")),
      forbid("all", like("*/.env")),
      forbid("all", like("*/.env/*")),
    ],
    attempts: [
      ["read %/src/key.pem", "denied"],
      ["read %/src/deep/key.pem", "denied"],
      ["read %/src/to-key", "denied"],
      ["read %/.env", "denied"],
      ["unlink %/.env", "denied"],
      ["rename %/src/key.pem %/src/key.txt", "denied"],
      ["rename %/src/a.txt %/src/a.pem", "denied"],
      ["rename %/src/deep %/deep", "denied"],
      ["exchange %/src/a.txt %/src/key.pem", "denied"],
      ["link %/src/key.pem %/src/key.txt", "denied"],
      ["symlink key.pem %/src/other", "ok"],
      ["read %/src/other", "denied"],
      ["create %/src/new.pem", "denied"],
      ["openat2 %/src/new.pem", "denied"],
      ["mkdir %/src/new", "ok"],
      ["mkdir %/src/new/.env", "denied"],
      ["create %/src/new/.env", "denied"],
      ["create %/src/new/x.txt", "ok"],
      ["read %/src/new/x.txt", "ok"],
      ["exec %/src/key.pem", "denied"],
      ["rename %/src/a.txt %/src/b.txt", "ok"],
      ["read %/src/b.txt", "ok"],
    ],
  },
  {
    name: "a part given back inside a forbid",
    rules: (base) => [
      permit("all", under(base)),
      forbid("all", under(`${base}/private`), not(under(`${base}/private/public`))),
      forbid("read change", exactly(`${base}/private/public/secret`)),
    ],
    attempts: [
      ["read %/private/public/note", "ok"],
      ["append %/private/public/note", "ok"],
      ["create %/private/public/new", "ok"],
      ["list %/private/public", "ok"],
      ["list %/private", "denied"],
      ["read %/private/key", "denied"],
      ["read %/private/rest/x", "denied"],
      ["read %/private/public/../key", "denied"],
      ["read %/private/public/secret", "denied"],
      ["create %/private/new", "denied"],
      ["unlink %/private/key", "denied"],
      ["rename %/private/public %/public", "denied"],
      ["rename %/private %/other", "denied"],
      ["read %/src/a.txt", "ok"],
    ],
  },
  {
    name: "permits on what is not there",
    rules: (base) => [
      permit("FileRead FileWrite FileDelete", under(`${base}/out.txt`)),
      permit("FileRead FileWrite DirCreate DirList FileDelete", under(`${base}/made`)),
      permit("FileRead", exactly(`${base}/in/later`)),
      permit("FileWrite", exactly(`${base}/in/later.part`)),
    ],
    attempts: [
      ["read %/out.txt", "ENOENT"],
      ["create %/out.txt", "ok"],
      ["read %/out.txt", "ok"],
      ["append %/out.txt", "ok"],
      ["create %/other.txt", "denied"],
      ["create %/out.txt2", "denied"],
      ["append %/src/a.txt", "denied"],
      ["read %/src/a.txt", "denied"],
      ["list %", "denied"],
      ["unlink %/out.txt", "ok"],
      ["create %/out.txt", "ok"],
      ["mkdir %/made", "ok"],
      ["mkdir %/made/deep", "ok"],
      ["create %/made/deep/x", "ok"],
      ["list %/made", "ok"],
      ["mkdir %/made2", "denied"],
      ["read %/in/later", "ENOENT"],
      ["create %/in/later", "denied"],
      ["create %/in/later.part", "ok"],
      ["read %/in/later.part", "denied"],
    ],
  },
  {
    name: "protected names, there and not there, without leave to be weaker",
    rules: (base) => [
      permit("all", under(base)),
      forbid("change", under(`${base}/.git/hooks`)),
      forbid("change", exactly(`${base}/.git/config`)),
      forbid("change", under(`${base}/.claude`)),
    ],
    attempts: [
      ["read %/.git/config", "ok"],
      ["write %/.git/config", "denied"],
      ["open-truncate %/.git/config", "denied"],
      ["truncate %/.git/config", "denied"],
      ["chmod %/.git/hooks/sample", "denied"],
      ["fchmod %/.git/hooks/sample", "denied"],
      ["utime %/.git/config", "denied"],
      ["unlink %/.git/hooks/sample", "denied"],
      ["create %/.git/hooks/post-commit", "denied"],
      ["rename %/.git %/git", "denied"],
      ["mkdir %/.claude", "denied"],
      ["create %/.git/index", "ok"],
      ["fchmod %/src/a.txt", "ok"],
    ],
  },
  {
    name: "rights that belong to a folder, for one name in it",
    rules: (base) => [
      permit("FileDelete", exactly(`${base}/src/key.pem`)),
      permit("DirList", exactly(`${base}/src`)),
      permit("DirCreate", exactly(`${base}/src/new`)),
    ],
    attempts: [
      ["list %/src", "ok"],
      ["list %/src/deep", "denied"],
      ["unlink %/src/a.txt", "denied"],
      ["unlink %/src/key.pem", "ok"],
      ["mkdir %/src/other", "denied"],
      ["mkdir %/src/new", "ok"],
    ],
  },
];

function isExpected(answer: string | undefined, expected: string): boolean {
  if (expected !== "denied") return answer === expected;
  return /^(EACCES|EROFS|EPERM|EXDEV|EBUSY)$/.test(answer ?? "");
}

for (const setting of settings()) {
  for (const { name, rules, attempts } of cases) {
    testWith(needs, `${setting.name}: ${name}`, async () => {
      for (const audit of ["off", "writes", "full"] as const) {
        const base = makeTree(setting);
        const words = attempts.map(([attempt]) => attempt.replaceAll("%", base));
        const asked = { workspace: base, directory: base, audit };
        const { answers, failed, planned } = await runBox(setting, rules(base), words, asked);
        expect(failed).toBeUndefined();
        const wrong = attempts.flatMap(([attempt, expected], index) =>
          isExpected(answers[index], expected) ? [] : [{ attempt, expected, got: answers[index] }],
        );
        expect({ audit, wrong }).toEqual({ audit, wrong: [] });
        expect(gapsOf(planned.coverage)).toEqual([]);
      }
    });
  }

  testWith(
    needs,
    `${setting.name}: what somebody outside makes later is judged as well`,
    async () => {
      const base = makeTree(setting);
      const rules = [
        permit("all", under(base)),
        forbid("read", like("*.pem")),
        permit("FileRead", exactly(`${base}/in/later`)),
      ];
      // Made between planning and the start: neither a mount nor a Landlock rule knows of them.
      const argv = ["/bin/sh", "-c", `cat ${base}/src/late.pem; cat ${base}/src/late.txt`];
      const planned = planLinux(
        request([...fixtureRules(), ...rules], { workspace: base }),
        probe(setting),
        realDisk(),
      );
      expect(planned.ok).toBe(true);
      writeFileSync(`${base}/src/late.pem`, "closed");
      writeFileSync(`${base}/src/late.txt`, "open");
      const { stdout, accesses } = await runBox(
        setting,
        [
          ...rules,
          permit("read ProcessSpawn", under("/usr")),
          permit("read ProcessSpawn", under("/lib64")),
        ],
        [],
        { workspace: base, directory: base, argv },
      );
      expect(stdout).toBe("open");
      const denied = accesses.filter(({ allowed }) => !allowed).map(({ path }) => path);
      expect(denied).toContain(`${base}/src/late.pem`);
    },
  );

  testWith(needs, `${setting.name}: nothing protected is left behind on the disk`, async () => {
    const base = makeTree(setting);
    const before = readdirSync(base).sort();
    const rules = [permit("all", under(base)), forbid("change", under(`${base}/.claude`))];
    await runBox(setting, rules, [`mkdir ${base}/.claude`, `create ${base}/.claude`], {
      workspace: base,
    });
    expect(readdirSync(base).sort()).toEqual(before);
    expect(existsSync(`${base}/.claude`)).toBe(false);
  });
}
