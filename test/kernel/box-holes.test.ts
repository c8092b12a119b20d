// A forbid inside a permit on the real kernel: what is there is covered by mounts or judged by the
// broker, what is not there cannot come to be, and no detour brings either back.

import { expect } from "bun:test";
import {
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { gapsOf } from "../../src/enforce/coverage.ts";
import { runBare, runBox, type Setting, settings, testFolder } from "../support/box.ts";
import { testWith } from "../support/features.ts";
import { giveToPlainUser } from "../support/harness.ts";
import { exactly, forbid, permit, under } from "../support/ir.ts";
import { removeTree } from "../support/temp.ts";

const needs = ["linux", "landlock", "seccomp"] as const;
const isRefused = (answer: string | undefined) =>
  /^(EACCES|EROFS|EPERM|EXDEV|EBUSY)$/.test(answer ?? "");

/** A repository with secrets: what is there and what is not is protected. */
function makeWorkspace(setting: Setting): string {
  const ws = `${testFolder(setting)}/ws`;
  for (const folder of [".git/hooks", "secret/deep", "src", "evil/hooks", "evil/.vscode"]) {
    mkdirSync(`${ws}/${folder}`, { recursive: true });
  }
  for (const file of [
    ".git/config",
    ".git/hooks/sample",
    ".git/HEAD",
    "secret/key",
    "secret/deep/key",
    ".env",
    "src/a",
    "evil/hooks/post-commit",
    "evil/config",
    "evil/tasks.json",
  ]) {
    writeFileSync(`${ws}/${file}`, "content");
  }
  symlinkSync("secret/key", `${ws}/to-key`);
  symlinkSync("secret", `${ws}/to-secret`);
  if (setting.isPlain) giveToPlainUser(ws);
  return ws;
}

function rules(ws: string) {
  return [
    permit("all", under(ws)),
    forbid("all", under(`${ws}/secret`)),
    forbid("all", exactly(`${ws}/.env`)),
    forbid("change", under(`${ws}/.git/hooks`)),
    forbid("change", exactly(`${ws}/.git/config`)),
    forbid("change", under(`${ws}/.claude`)),
    forbid("change", exactly(`${ws}/.mcp.json`)),
    forbid("change", exactly(`${ws}/.vscode/tasks.json`)),
  ];
}

/** Must be refused, and must leave no trace. */
const attacks = [
  "read %/secret/key",
  "read %/secret/deep/key",
  "read %/to-key",
  "read %/to-secret/deep/key",
  "read %/src/../secret/key",
  "write %/secret/key",
  "create %/secret/new",
  "entries %/secret",
  "unlink %/secret/key",
  "rename %/secret %/public",
  "rename %/secret/key %/key",
  "link %/secret/key %/key",
  "exchange %/secret %/src",
  "exchange %/secret/key %/src/a",
  "read %/.env",
  "write %/.env",
  "unlink %/.env",
  "rename %/.env %/env",
  "rename %/src/a %/.env",
  "link %/.env %/env",
  "write %/.git/config",
  "append %/.git/config",
  "truncate %/.git/config",
  "unlink %/.git/config",
  "rename %/evil/config %/.git/config",
  "rename %/.git/config %/.git/config.old",
  "create %/.git/hooks/post-commit",
  "write %/.git/hooks/sample",
  "unlink %/.git/hooks/sample",
  "symlink /bin/sh %/.git/hooks/post-commit",
  "link %/evil/hooks/post-commit %/.git/hooks/post-commit",
  "rename %/evil/hooks/post-commit %/.git/hooks/post-commit",
  "rename %/.git/hooks %/.git/hooks.old",
  "rename %/evil/hooks %/.git/hooks",
  "exchange %/evil/hooks %/.git/hooks",
  "rmdir %/.git/hooks",
  "chmod %/.git/hooks/sample",
  "utime %/.git/config",
  "rename %/.git %/git",
  "rename %/evil %/.git",
  "exchange %/evil %/.git",
  "mkdir %/.claude",
  "create %/.claude",
  "create %/.claude/settings.json",
  "symlink evil %/.claude",
  "rename %/evil %/.claude",
  "rename %/src/a %/.claude",
  "fifo %/.claude",
  "unix-bind %/.claude",
  "create %/.mcp.json",
  "open-create %/.mcp.json",
  "creat %/.mcp.json",
  "openat2 %/.mcp.json",
  "symlink src/a %/.mcp.json",
  "link %/src/a %/.mcp.json",
  "rename %/src/a %/.mcp.json",
  "exchange %/.mcp.json %/src/a",
  "create %/src/../.mcp.json",
];

/** Work that has to go on beside them. */
const work = [
  "read %/.git/config",
  "read %/.git/hooks/sample",
  "list %/.git/hooks",
  "write %/.git/HEAD",
  "create %/.git/index.lock",
  "rename %/.git/index.lock %/.git/index",
  "create %/src/b",
  "rename %/src/b %/src/c",
  "rename %/src/c %/c",
  "mkdir %/src/deep",
  "create %/src/deep/.env",
  "create %/src/.mcp.json",
  "mkdir %/.vscode",
  "create %/.vscode/settings.json",
  "unlink %/src/a",
  "symlink .env %/env-link",
];

const at = (ws: string, attempt: string) => attempt.replaceAll("%", ws);

const withMounts = settings().filter(({ name }) => !name.includes("no namespaces"));

/** What the supervisor may have looked at last; it must remember nothing of it. */
const opened = ["reopen-memory", "reopen-deleted %/src/gone"];

/** Each attempt by itself, then each right after each of `opened`. */
function behind(attempts: readonly string[], ws: string): string[] {
  const later = attempts.flatMap((attempt) => opened.flatMap((first) => [first, attempt]));
  return [...attempts, ...later].map((attempt) => at(ws, attempt));
}

for (const setting of settings()) {
  for (const audit of ["full", "off"] as const) {
    testWith(
      needs,
      `${setting.name}, audit ${audit}: what is protected stays as it was`,
      async () => {
        const ws = makeWorkspace(setting);
        const before = contents(ws);
        const attempts = behind(attacks, ws);
        const result = await runBox(setting, rules(ws), attempts, {
          workspace: ws,
          audit,
        });
        expect(result.failed).toBeUndefined();
        const open = attempts
          .map((attempt, index) => [attempt, result.answers[index] ?? "no answer"])
          .filter(
            ([, answer]) => !isRefused(answer) && answer !== "ENOENT" && answer !== "ENOTDIR",
          );
        expect(open.filter(([attempt]) => !attempt?.startsWith("reopen"))).toEqual([]);
        expect(open.map(([, answer]) => answer)).toEqual(
          Array(attacks.length * opened.length).fill("ok"),
        );
        expect(contents(ws)).toEqual(before);
        const gaps = gapsOf(result.planned.coverage).map(({ protection }) => protection);
        expect(gaps).toEqual([]);
      },
    );

    testWith(needs, `${setting.name}, audit ${audit}: the work beside it goes on`, async () => {
      const ws = makeWorkspace(setting);
      const attempts = work
        .flatMap((attempt) => ["reopen-deleted %/src/gone", attempt])
        .map((attempt) => at(ws, attempt));
      const { answers } = await runBox(setting, rules(ws), attempts, {
        workspace: ws,
        audit,
      });
      expect(attempts.map((attempt, index) => [attempt, answers[index]])).toEqual(
        attempts.map((attempt) => [attempt, "ok"]),
      );
      expect(readdirSync(ws).filter((name) => /claude|mcp/.test(name))).toEqual([]);
    });
  }

  testWith(
    needs,
    `${setting.name}: a nested protected name does not arrive inside a folder`,
    async () => {
      const ws = makeWorkspace(setting);
      const attempts = [
        `create ${ws}/evil/.vscode/tasks.json`,
        `rename ${ws}/evil/.vscode ${ws}/.vscode`,
        `mkdir ${ws}/.vscode`,
        `create ${ws}/.vscode/tasks.json`,
        `rename ${ws}/evil/tasks.json ${ws}/.vscode/tasks.json`,
      ];
      const { answers } = await runBox(setting, rules(ws), attempts, {
        workspace: ws,
      });
      expect(answers).toEqual(["ok", "EACCES", "ok", "EACCES", "EACCES"]);
      expect(readdirSync(`${ws}/.vscode`)).toEqual([]);
    },
  );

  testWith(
    needs,
    `${setting.name}: without a box every one of the attacks gets through somewhere`,
    () => {
      for (const attempt of attacks) {
        const ws = makeWorkspace(setting);
        using _ = { [Symbol.dispose]: () => removeTree(ws) };
        // Making something inside what is not there fails everywhere; its folder is the attack
        // then.
        if (attempt.includes(".claude/settings") || attempt.includes("exchange %/.mcp")) continue;
        if (attempt === "rmdir %/.git/hooks" || attempt.includes("rename %/evil %/.git")) continue;
        if (attempt === "rename %/evil/hooks %/.git/hooks") continue;
        if (attempt === "create %/.git/hooks/post-commit") continue;
        expect([attempt, ...runBare(setting, [at(ws, attempt)])]).toEqual([attempt, "ok"]);
      }
    },
  );

  testWith(
    needs,
    `${setting.name}: a second name made before the start is closed where the broker opens`,
    async () => {
      const ws = makeWorkspace(setting);
      linkSync(`${ws}/secret/key`, `${ws}/hard`);
      linkSync(`${ws}/src/a`, `${ws}/twin`);
      const attempts = [`read ${ws}/hard`, `read ${ws}/twin`];
      const asked = { workspace: ws, directory: ws };
      const { answers, planned } = await runBox(setting, rules(ws), attempts, asked);
      // A mount lies over one name only.
      const isBrokered = planned.plan.notify?.brokerOpen === true;
      expect(answers).toEqual([isBrokered ? "EACCES" : "ok", "ok"]);
    },
  );
}

for (const setting of withMounts) {
  testWith(
    [...needs, "userns"],
    `${setting.name}: a masked folder shows neither names nor sizes`,
    async () => {
      const ws = makeWorkspace(setting);
      const attempts = [
        `stat ${ws}/secret/key`,
        `stat ${ws}/secret`,
        `readlink ${ws}/secret/key`,
        `stat ${ws}/src/a`,
      ];
      const { answers } = await runBox(setting, rules(ws), attempts, { workspace: ws });
      expect(answers).toEqual(["EACCES", "ok", "EACCES", "ok"]);
    },
  );

  testWith(
    [...needs, "userns"],
    `${setting.name}: what a mount refuses beyond its rule is recorded as denied by that rule`,
    async () => {
      const ws = makeWorkspace(setting);
      const capabilities = [
        permit("all", under(ws)),
        forbid("FileRead FileWrite", under(`${ws}/secret`)),
        forbid("FileWrite", under(`${ws}/.git/hooks`)),
      ];
      const rows: [attempt: string, action: string, path: string, isAllowed: boolean][] = [
        ["list", "DirList", "secret", false],
        ["unlink", "FileDelete", "secret/key", false],
        ["mkdir", "DirCreate", "secret/new", false],
        ["rmdir", "FileDelete", "secret", false],
        ["unlink", "FileDelete", ".git/hooks/sample", false],
        ["mkdir", "DirCreate", ".git/hooks/new", false],
        ["list", "DirList", ".git/hooks", true],
        ["list", "DirList", "src", true],
        ["unlink", "FileDelete", "src/a", true],
        ["mkdir", "DirCreate", "src/new", true],
      ];
      const attempts = rows.map(([attempt, , path]) => `${attempt} ${ws}/${path}`);
      const { answers, accesses, planned } = await runBox(setting, capabilities, attempts, {
        workspace: ws,
      });
      const told = rows.map(([, action, path]) => {
        const row = accesses.find((one) => one.action === action && one.path === `${ws}/${path}`);
        const source = row?.rule === undefined ? undefined : planned.sources[row.rule];
        return [path, row?.allowed, source?.effect];
      });
      expect(rows.map(([, , path], index) => [path, answers[index]])).toEqual(
        rows.map(([, , path, isAllowed]) => [path, isAllowed ? "ok" : "EACCES"]),
      );
      expect(told).toEqual(
        rows.map(([, , path, isAllowed]) => [path, isAllowed, isAllowed ? "permit" : "forbid"]),
      );
    },
  );

  testWith(
    [...needs, "userns"],
    `${setting.name}: a program forbidden by name does not run, others do`,
    async () => {
      const capabilities = [
        permit("read ProcessSpawn", under("/usr")),
        permit("read", under("/etc")),
        permit("read ProcessSpawn", under("/lib64")),
        forbid("ProcessSpawn", exactly("/usr/bin/env")),
      ];
      const { answers } = await runBox(setting, capabilities, [
        "exec /usr/bin/env",
        "exec /usr/bin/true",
      ]);
      expect(answers).toEqual(["EACCES", "ok"]);
    },
  );
}

/** Every file with what it holds, and every other name. */
function contents(ws: string): string[] {
  return readdirSync(ws, { recursive: true, withFileTypes: true })
    .map((entry) => {
      const path = `${entry.parentPath}/${entry.name}`;
      return entry.isFile() ? `${path} ${readFileSync(path, "utf8")}` : path;
    })
    .sort();
}
