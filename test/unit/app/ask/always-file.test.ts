import { expect, test } from "bun:test";
import { renameSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { alwaysFile, lineFor } from "../../../../src/app/ask/always-file.ts";
import type { Question } from "../../../../src/enforce/backend.ts";
import { modeOf, textOf } from "../../../support/asked.ts";
import { failingDisk } from "../../../support/failing-disk.ts";
import { testWith } from "../../../support/features.ts";
import { repoRoot } from "../../../support/harness.ts";
import { attemptOf, cedarSource, deciderOf } from "../../../support/policies.ts";
import { tempDir } from "../../../support/temp.ts";

const question: Question = {
  actions: ["FileRead", "FileWrite"],
  path: '/data/"a\\b\n',
  isGarbled: false,
  pid: 7,
  exe: "/bin/cat",
};

function policy(text: string): string {
  const path = join(tempDir("policy"), "rules.cedar");
  writeFileSync(path, text, { mode: 0o640 });
  return path;
}

function open(...names: readonly string[]) {
  const files = names.map((name) => ({ kind: "cedar" as const, name, text: "" }));
  return alwaysFile({ templates: [], files, manifests: [] }, "agent");
}

test("a line is added once, below what is there, and the mode stays", () => {
  const path = policy("// mine");
  const file = open(path);
  file?.write(question);
  file?.write(question);
  expect(file?.path).toBe(path);
  expect(textOf(path)).toBe(`// mine\n${lineFor(question, "agent")}`);
  expect(modeOf(path)).toBe(0o640);
});

test("the line permits what was asked, to the agent that asked, and nothing else", async () => {
  const plain = { ...question, path: "/data/a" };
  const { decide } = await deciderOf([cedarSource(lineFor(plain, "agent"))]);
  const rows = [
    ["FileRead /data/a", "agent", "allow"],
    ["FileWrite /data/a", "agent", "allow"],
    ["FileDelete /data/a", "agent", "deny"],
    ["FileRead /data/a/b", "agent", "deny"],
    ["FileRead /data/a", "other", "deny"],
  ] as const;
  for (const [attempt, agent, outcome] of rows)
    expect(decide(attemptOf(attempt, agent)).outcome).toBe(outcome);
});

test("the line of a connection permits that peer by that protocol alone", async () => {
  const connection = { port: 443, protocol: "tcp", name: undefined, kind: undefined } as const;
  for (const [host, path] of [
    ["api.test", "api.test:443"],
    ["10.0.0.5", "10.0.0.5:443"],
  ] as const) {
    const asked: Question = {
      ...question,
      actions: ["NetConnect"],
      path,
      connection: { ...connection, host },
    };
    const { decide } = await deciderOf([cedarSource(lineFor(asked, "agent"))]);
    const rows = [
      [`NetConnect ${host}:443`, "allow"],
      [`NetRequest ${host}:443`, "allow"],
      [`NetConnect ${host}:80`, "deny"],
      [`NetConnect udp:${host}:443`, "deny"],
      ["NetConnect other.test:443", "deny"],
    ] as const;
    for (const [attempt, outcome] of rows)
      expect(`${attempt} ${decide(attemptOf(attempt, "agent")).outcome}`).toBe(
        `${attempt} ${outcome}`,
      );
  }
});

test("a name cannot end the line it stands in", () => {
  expect(lineFor(question, "agent").split("\n")).toHaveLength(3);
  expect(lineFor(question, "agent")).toContain('"/data/\\"a\\\\b\\u{a}"');
});

test("a file that is another one than at the launch takes no line", () => {
  const path = policy("");
  const file = open(path);
  renameSync(path, `${path}.moved`);
  writeFileSync(path, "");
  expect(() => file?.write(question)).toThrow("has been replaced");
  unlinkSync(path);
  symlinkSync(`${path}.moved`, path);
  expect(() => file?.write(question)).toThrow();
  expect(textOf(`${path}.moved`)).toBe("");
});

/** In a process of its own, started by `before`. */
function writeIn(path: string, env: Record<string, string>, ...before: readonly string[]) {
  const module = join(repoRoot, "src/app/ask/always-file.ts");
  const [files, asked] = [[{ kind: "cedar", name: path, text: "" }], question].map((value) =>
    JSON.stringify(value),
  );
  const code =
    `const { alwaysFile } = await import("${module}");` +
    `alwaysFile({ templates: [], manifests: [], files: ${files} }, "agent").write(${asked})`;
  const command = [...before, process.execPath, "-e", code];
  const { exitCode, stderr } = Bun.spawnSync(command, { env, stdio: ["ignore", "ignore", "pipe"] });
  return { exitCode, said: stderr.toString() };
}

testWith(["tool gcc"], "a line that the disk did not take is not there, and is added anew", () => {
  const path = policy("// mine\n");
  const flag = join(tempDir("failing"), "flag");
  const env = { LD_PRELOAD: failingDisk(), FAIL_WHILE: flag };
  writeFileSync(flag, "");
  for (const attempt of [1, 2]) {
    const { exitCode, said } = writeIn(path, env);
    expect([attempt, exitCode]).not.toEqual([attempt, 0]);
    expect(said).toContain("EIO");
    expect(textOf(path)).toBe("// mine\n");
  }
  unlinkSync(flag);
  expect(writeIn(path, env).exitCode).toBe(0);
  expect(textOf(path)).toBe(`// mine\n${lineFor(question, "agent")}`);
});

testWith(["tool gcc"], "a line that another launch added is believed once it is flushed", () => {
  const path = policy(lineFor(question, "agent"));
  const flag = join(tempDir("failing"), "flag");
  const env = { LD_PRELOAD: failingDisk(), FAIL_WHILE: flag };
  writeFileSync(flag, "");
  expect(writeIn(path, env).said).toContain("EIO");
  unlinkSync(flag);
  expect(writeIn(path, env).exitCode).toBe(0);
  expect(textOf(path)).toBe(lineFor(question, "agent"));
});

test("no part of a line stays in a file that may not grow", () => {
  const mine = `${"// mine\n".repeat(63)}`;
  const path = policy(mine);
  const limited = ["sh", "-c", 'ulimit -f 1; exec "$@"', "limited"];
  const { exitCode, said } = writeIn(path, {}, ...limited);
  expect(exitCode).not.toBe(0);
  expect(said).toContain("took only a part of the line");
  expect(textOf(path)).toBe(mine);
  expect(writeIn(path, {}).exitCode).toBe(0);
  expect(textOf(path)).toBe(`${mine}${lineFor(question, "agent")}`);
});

test("there is none without exactly one file", () => {
  const [one, two] = [policy(""), policy("")];
  expect(open()).toBeUndefined();
  expect(open(one, two)).toBeUndefined();
  expect(open(join(one, "missing"))).toBeUndefined();
  expect(open(one)?.path).toBe(one);
});
