import { describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { AbsPath } from "../../../src/base/paths.ts";
import {
  createConfig,
  entryOf,
  findConfig,
  listConfigs,
  loadConfig,
  readCurrent,
  requireConfig,
  writeCurrent,
} from "../../../src/config/config.ts";
import { type AegisPaths, aegisHome, aegisPaths } from "../../../src/config/location.ts";
import { isConfigName, requireConfigName, toConfigName } from "../../../src/config/name.ts";
import { tempDir } from "../../support/temp.ts";

const newConfig = {
  sandbox: undefined,
  isolation: "Kernel",
  policy: "forbid(principal, action, resource);\n",
} as const;

function fresh(): { paths: AegisPaths; environment: { AEGIS_HOME: string } } {
  const environment = { AEGIS_HOME: join(tempDir("home"), "state") };
  return { paths: aegisPaths(environment), environment };
}

function modeOf(path: string): string {
  return (statSync(path).mode & 0o777).toString(8);
}

describe("config names", () => {
  for (const name of ["my-agent", "a", "Agent_2.1", "größe", "x".repeat(60)]) {
    test(`${JSON.stringify(name)} is one`, () => expect(requireConfigName(name)).toBe(name));
  }
  for (const name of [
    "",
    ".",
    "..",
    "../x",
    "a/b",
    "a b",
    "a\n",
    "a\0",
    "-x",
    ".hidden",
    "wraps",
    "current",
    "daemon",
    "pilot",
    "keys",
    "ledger.db",
    "x".repeat(61),
  ]) {
    test(`${JSON.stringify(name)} is none`, () => {
      expect(() => requireConfigName(name)).toThrow("invalid config name");
    });
  }
  const made = [
    { from: "claude", to: "claude" },
    { from: "my project!", to: "my-project-" },
    { from: "../etc/passwd", to: "agent-etc-passwd" },
    { from: "wraps", to: "agent-wraps" },
    { from: "", to: "agent" },
    { from: `.${"x".repeat(80)}`, to: `agent-${"x".repeat(54)}` },
  ];
  for (const { from, to } of made) {
    test(`${JSON.stringify(from)} gives ${to}`, () => {
      expect(toConfigName(from)).toBe(to);
      expect(isConfigName(to)).toBe(true);
    });
  }
});

describe("aegisHome()", () => {
  test("is AEGIS_HOME, else .aegis below HOME", () => {
    expect(aegisHome({ AEGIS_HOME: "/state/", HOME: "/home/me" }) as string).toBe("/state");
    expect(aegisHome({ AEGIS_HOME: "", HOME: "/home/me" }) as string).toBe("/home/me/.aegis");
  });
  const none = [
    { AEGIS_HOME: "state" },
    { AEGIS_HOME: "/" },
    // What the bytes of names that are no UTF-8 are spelled as.
    { AEGIS_HOME: "/state\ufffdff", HOME: "/home/me" },
    { HOME: "/home/m\ufffdff" },
    { HOME: "me" },
    {},
  ];
  for (const environment of none) {
    test(`refuses ${JSON.stringify(environment)}`, () => {
      expect(() => aegisHome(environment)).toThrow("Cannot");
    });
  }
});

describe("createConfig()", () => {
  test("makes files only their owner can read, and a configuration that loads", () => {
    const { paths, environment } = fresh();
    const entry = entryOf(paths, "mine", "init");
    createConfig(paths, entry, newConfig);
    const config = loadConfig(entry, environment);
    expect(config.sandbox).toBe(entry.paths.sandbox);
    expect(config.ledger).toBe(entry.paths.ledger);
    expect(config.policyPaths).toEqual([entry.paths.policies]);
    const modes = [
      paths.home,
      entry.paths.directory,
      entry.paths.policies,
      entry.paths.sandbox,
      entry.paths.file,
      join(entry.paths.policies, "default.cedar"),
    ].map(modeOf);
    expect(modes).toEqual(["700", "700", "700", "700", "600", "600"]);
    expect(readdirSync(paths.home)).toEqual(["mine"]);
  });

  test("keeps a quoted folder name as it is", () => {
    const { paths, environment } = fresh();
    const sandbox = '/tmp/it\'s "mine" \\ é\t' as AbsPath;
    const entry = entryOf(paths, "odd", "init");
    createConfig(paths, entry, { ...newConfig, sandbox });
    expect(loadConfig(entry, environment).sandbox).toBe(sandbox);
  });

  test("refuses a name that is taken, and changes nothing", () => {
    const { paths } = fresh();
    const entry = entryOf(paths, "mine", "init");
    createConfig(paths, entry, newConfig);
    const before = readFileSync(entry.paths.file, "utf8");
    expect(() => createConfig(paths, entry, { ...newConfig, isolation: "Process" })).toThrow(
      "already exists",
    );
    expect(readFileSync(entry.paths.file, "utf8")).toBe(before);
  });

  test("refuses a home that others may write to", () => {
    const { paths } = fresh();
    mkdirSync(paths.home, { recursive: true });
    chmodSync(paths.home, 0o777);
    expect(() => createConfig(paths, entryOf(paths, "mine", "init"), newConfig)).toThrow(
      "other users may write to it",
    );
    chmodSync(paths.home, 0o755);
    createConfig(paths, entryOf(paths, "mine", "init"), newConfig);
  });
});

describe("finding configurations", () => {
  test("an init name comes before a wrap of the same name; both are listed", () => {
    const { paths } = fresh();
    createConfig(paths, entryOf(paths, "one", "wrap"), { ...newConfig, isolation: "Process" });
    expect(findConfig(paths, "one")?.kind).toBe("wrap");
    createConfig(paths, entryOf(paths, "one", "init"), newConfig);
    expect(findConfig(paths, "one")?.kind).toBe("init");
    expect(listConfigs(paths).map(({ name, kind }) => `${kind}:${name}`)).toEqual([
      "init:one",
      "wrap:one",
    ]);
  });

  test("a folder without aegis.toml, and aegis' own folders, are none", () => {
    const { paths } = fresh();
    for (const name of ["empty", "keys", ".new-x"])
      mkdirSync(join(paths.home, name), { recursive: true });
    writeFileSync(join(paths.home, "keys/aegis.toml"), "");
    writeFileSync(join(paths.home, "ledger.db-shm"), "");
    expect(listConfigs(paths)).toEqual([]);
    expect(findConfig(paths, "empty")).toBeUndefined();
    expect(() => requireConfig(paths, "empty")).toThrow("not found");
  });

  test("`current` holds the active one, which must exist", () => {
    const { paths } = fresh();
    createConfig(paths, entryOf(paths, "one", "init"), newConfig);
    expect(readCurrent(paths)).toBeUndefined();
    writeCurrent(paths, "one");
    expect(readCurrent(paths)).toBe("one");
    expect(() => writeCurrent(paths, "two")).toThrow("not found");
    expect(readCurrent(paths)).toBe("one");
    expect(modeOf(paths.current)).toBe("600");
    writeFileSync(paths.current, "../../etc\n");
    expect(() => readCurrent(paths)).toThrow("invalid config name");
  });
});
