// Programs that take too much, in a real box in each setting the machine offers: each limit is
// held, told once, and leaves alone what stays below it.

import { expect } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { limitHolds } from "../../src/enforce/linux/limits.ts";
import type { LimitName } from "../../src/model/limits.ts";
import { containers, programs, runBox, settings, testFolder } from "../support/box.ts";
import { testWith } from "../support/features.ts";
import { repoRoot } from "../support/harness.ts";
import { permit, under } from "../support/ir.ts";
import { removeTree, tempDir } from "../support/temp.ts";

const needs = ["linux", "landlock", "seccomp"] as const;
const megabyte = 2 ** 20;

interface Row {
  readonly name: string;
  readonly limit: LimitName;
  readonly value: number;
  /** `%` is a folder that may be written. */
  readonly argv: string;
  /** Undefined: nothing is told, and the command ends well. */
  readonly effect: "refused" | "ended" | "either" | undefined;
  readonly status: number;
  readonly output?: string;
}

type RowWords = readonly [
  string,
  LimitName,
  number,
  string,
  Row["effect"],
  number,
  string | undefined,
];

function rowOf([name, limit, value, argv, effect, status, output]: RowWords): Row {
  return { name, limit, value, argv, effect, status, ...(output === undefined ? {} : { output }) };
}

const rows: readonly Row[] = [
  ["600 forks of 500", "processes", 500, "forks 600 60000", "either", 137, undefined],
  ["300 forks of 500", "processes", 500, "forks 300 50", undefined, 0, "300 ok"],
  ["3 GiB of 256 MiB", "memory", 256 * megabyte, "memory 3072 60000", "ended", 137, ""],
  ["100 MiB of 256 MiB", "memory", 256 * megabyte, "memory 100 0", undefined, 0, "ok"],
  ["100 MiB shared by five", "memory", 256 * megabyte, "shared 100 5 1000", undefined, 0, "5 ok"],
  ["200 files of 100", "files", 100, "files 200 300", "refused", 0, "EMFILE"],
  ["200 opens of 100", "files", 100, "opens 200 %", "refused", 0, "EMFILE"],
  ["50 opens of 100", "files", 100, "opens 50 %", undefined, 0, "ok"],
  ["a length of 4 MiB of 2 MiB", "file-size", 2 * megabyte, "length %/f 4", "refused", 0, "EFBIG"],
  ["a length of 1 MiB of 2 MiB", "file-size", 2 * megabyte, "length %/f 1", undefined, 0, "ok"],
  ["an orphan's 4 MiB of 2 MiB", "file-size", 2 * megabyte, "orphan %/f 4", "refused", 0, "over"],
  ["an orphan's own 1 MiB", "file-size", 2 * megabyte, "orphan %/f 4 1", undefined, 0, "over"],
  ["50 files of 100", "files", 100, "files 50 0", undefined, 0, "ok"],
  ["a file of 4 MiB of 2 MiB", "file-size", 2 * megabyte, "grow %/f 4", "refused", 153, ""],
  ["a file of 1 MiB of 2 MiB", "file-size", 2 * megabyte, "grow %/f 1", undefined, 0, "ok"],
  ["a flood of output", "output", megabyte, "output 1024", "ended", 137, "x".repeat(megabyte)],
  ["some output", "output", 3 * megabyte, "output 1", undefined, 0, "x".repeat(megabyte)],
  ["a sleeper", "time", 200, "sleep 20000", "ended", 137, ""],
  ["a short sleeper", "time", 20_000, "sleep 20", undefined, 0, ""],
  ["a spinner", "cpu", 300, "spin 20000", "ended", 137, ""],
  ["a short spinner", "cpu", 20_000, "spin 50", undefined, 0, "ok"],
].map((words) => rowOf(words as unknown as RowWords));

/** Where the supervisor makes the sockets, it sees that one is too many. */
const madeOutside = [
  ["200 sockets of 100", "files", 100, "sockets 200", "refused", 0, "EMFILE"],
  ["50 sockets of 100", "files", 100, "sockets 50", undefined, 0, "ok"],
] as const;

const cases = [
  ...settings().map((setting) => ({ setting, rows })),
  ...containers().map((setting) => ({ setting, rows: madeOutside.map(rowOf) })),
];
for (const { setting, rows } of cases) {
  for (const row of rows) {
    const verb = row.effect === undefined ? "does not hold up" : "holds";
    testWith(needs, `${setting.name}: a limit on ${row.limit} ${verb} ${row.name}`, async () => {
      const folder = testFolder(setting);
      const words = row.argv.replace("%", folder).split(" ");
      const rules = [permit("read ProcessSpawn", under(programs().folder))];
      const result = await runBox(setting, [...rules, permit("all", under(folder))], [], {
        argv: [programs().exhaust, ...words],
        limits: ({ plan }) => {
          const limit = { name: row.limit, value: row.value, source: "test" };
          const host = { cgroup: undefined, countsProcesses: plan.namespaces.user };
          return { cgroup: undefined, holds: limitHolds([limit], host) };
        },
      });
      removeTree(folder);
      expect(result.failed).toBeUndefined();
      // Who answers calls and who looks from outside may both have seen it.
      const told = result.limits
        .map(({ limit, effect, value }) => ({ limit, effect, value }))
        .filter((hit, index, all) => index === 0 || !Bun.deepEquals(hit, all[0]));
      // Where the kernel counts for the box alone it refuses; else the box is ended.
      const refuses = row.effect === "either" && result.planned.plan.namespaces.user;
      const effect = row.effect === "either" ? (refuses ? "refused" : "ended") : row.effect;
      const hit = { limit: row.limit, effect, value: row.value };
      expect(told).toEqual(effect === undefined ? [] : ([hit] as typeof told));
      expect(result.status).toBe(refuses ? 0 : row.status);
      if (refuses) expect(result.stdout).toContain("EAGAIN");
      else if (row.output !== undefined) expect(result.stdout.trim() === row.output).toBe(true);
    });
  }
}

testWith(
  needs,
  "a run that is ended for a limit leaves a whole ledger, an event and advice, and no cgroup",
  async () => {
    const home = tempDir("limits-home");
    const ws = tempDir("limits-ws");
    const aegis = (...argv: string[]) =>
      Bun.spawnSync([process.execPath, join(repoRoot, "src/main.ts"), ...argv], {
        cwd: ws,
        env: { ...process.env, AEGIS_HOME: home },
        stdio: ["ignore", "pipe", "pipe"],
      });
    const run = aegis(
      "run",
      "--json",
      "--limit",
      "cpu=200ms",
      "--",
      "sh",
      "-c",
      "while :; do :; done",
    );
    expect(run.exitCode).toBe(137);
    const report = JSON.parse(run.stdout.toString()) as Record<string, unknown>;
    expect(report).toMatchObject({
      status: 137,
      signal: 9,
      limits_hit: [{ limit: "cpu", effect: "ended", value: "200ms", source: "--limit" }],
    });
    const session = String(report.session);
    const events = aegis("audit", "session", session, "--json").stdout.toString();
    expect(events).toContain('"LIMIT_HIT"');
    expect(events).toContain("cpu 200ms by rlimit");
    expect(aegis("audit", "verify").exitCode).toBe(0);
    const left = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].flatMap(namesIn);
    expect(left.filter((name) => name.startsWith(`aegis-${run.pid}-`))).toEqual([]);
  },
);

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    // ignored: a machine without it has none left in it
    return [];
  }
}
