// Limits where a cgroup (version 2) is handed on, as on a desktop with systemd: the kernel counts
// what the supervisor cannot see, each limit is told once, what stays below it is left alone, and
// nothing of the cgroup is left behind.

import { afterAll, expect } from "bun:test";
import { copyFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { programs, settings } from "../support/box.ts";
import { delegate } from "../support/cgroup.ts";
import { testWith } from "../support/features.ts";
import { makeScene, removeScenes, runIn } from "../support/in-setting.ts";
import type { Need } from "../support/probes.ts";

const needs = ["linux", "landlock", "seccomp", "root"] as const;

interface Row {
  readonly name: string;
  readonly need: Need;
  /** As `--limit` reads it. */
  readonly limit: string;
  /** For sh; `%` is the program that takes too much. */
  readonly script: string;
  /** Undefined: nothing is told. */
  readonly effect: "refused" | "ended" | undefined;
  readonly status: number;
  /** Of the command's own output. */
  readonly output: RegExp;
}

/** Ten children that nobody waits for, each with a tenth of a second. */
const orphans =
  "for i in 0 1 2 3 4 5 6 7 8 9; do (% spin 100 >/dev/null &); done; % sleep $MS; echo over";

const rows: readonly Row[] = (
  [
    ["3 GiB of 256 MiB", "memory", "memory=256M", "% memory 3072", "ended", 137, /^$/],
    ["100 MiB of 256 MiB", "memory", "memory=256M", "% memory 100", undefined, 0, /^ok$/],
    ["a file held in memory", "memory", "memory=64M", "% held 200", "ended", 137, /^$/],
    ["a small file held in memory", "memory", "memory=64M", "% held 9", undefined, 0, /^ok$/],
    ["600 forks of 500", "pids", "processes=500", "% forks 600 1000", "refused", 0, /EAGAIN/],
    ["300 forks of 500", "pids", "processes=500", "% forks 300 50", undefined, 0, /^300 ok$/],
    ["a spinner", undefined, "cpu=300ms", "% spin 20000", "ended", 137, /^$/],
    ["a short spinner", undefined, "cpu=20s", "% spin 50", undefined, 0, /^ok$/],
    ["orphans", undefined, "cpu=500ms", orphans.replace("$MS", "20000"), "ended", 137, /^$/],
    ["a few orphans", undefined, "cpu=20s", orphans.replace("$MS", "20"), undefined, 0, /^over$/],
  ] as const
).map(([name, controller, limit, script, effect, status, output]) => ({
  name,
  need: controller === undefined ? "cgroup2" : `cgroup2 ${controller}`,
  limit,
  script,
  effect,
  status,
  output,
}));

afterAll(removeScenes);

for (const setting of settings())
  for (const row of rows) {
    const verb = row.effect === undefined ? "does not hold up" : "holds";
    const name = `${setting.name}: a cgroup with ${row.limit} ${verb} ${row.name}`;
    testWith([...needs, row.need], name, async () => {
      using delegated = delegate(setting.isPlain);
      const through = (argv: readonly string[]) => delegated.enter(setting.through(argv));
      const scene = makeScene({ ...setting, through });
      copyFileSync(programs().exhaust, join(scene.ws, "exhaust"));
      const script = row.script.replaceAll("%", "./exhaust");
      const flags = ["--json", "--allow-weaker", "--limit", row.limit];
      const run = await runIn(scene, ["run", ...flags, "--", "sh", "-c", script]);
      expect(run.exitCode).toBe(row.status);
      const report = JSON.parse(run.stdout) as { session: string; limits_hit: object[] };
      const [limit = "", value = ""] = row.limit.split("=");
      const hit = { limit, effect: row.effect, value, source: "--limit" };
      expect(report.limits_hit).toMatchObject(row.effect === undefined ? [] : [hit]);
      expect(run.stderr.replace(/^aegis: .*$/gm, "").trim()).toMatch(row.output);
      const { stdout: events } = await runIn(scene, ["audit", "session", report.session, "--json"]);
      expect(events).toMatch(new RegExp(`${limit} ${value} by (rlimit and )?cgroup`));
      expect(events.match(/"LIMIT_HIT"/g)?.length ?? 0).toBe(row.effect === undefined ? 0 : 1);
      expect(readdirSync(delegated.folder).filter((each) => each.startsWith("aegis-"))).toEqual([]);
      expect(readdirSync(join(delegated.folder, "leaf"))).not.toBeEmpty();
    });
  }
