// Opening a file to read and to write: both are judged, and one row says what came of it.

import { describe, expect } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { JudgeRule } from "../../src/bridge/plan.ts";
import { testWith } from "../support/features.ts";
import {
  allBut,
  allNamespaces,
  audited,
  type BoxPlan,
  forbid,
  runShell,
  told,
} from "../support/helper-box.ts";
import { tempDir } from "../support/temp.ts";

const settings: readonly [name: string, plan: BoxPlan][] = [
  ["with every namespace", { namespaces: allNamespaces(), mounts: [{ kind: "proc" }] }],
  ["without namespaces", {}],
];

const cases: [denied: JudgeRule["actions"], effect: string, row: string][] = [
  [[], "forbidden", "+ FileWrite"],
  [["FileRead"], "forbidden", "- FileRead"],
  [["FileWrite"], "forbidden", "- FileWrite"],
  [["FileRead", "FileWrite"], "forbidden", "- FileWrite"],
  [["FileRead"], "not permitted", "- FileRead"],
  [["FileWrite"], "not permitted", "- FileWrite"],
  [["FileRead", "FileWrite"], "not permitted", "- FileWrite"],
];

/** Permits everything but these accesses below a folder. */
function without(folder: string, actions: JudgeRule["actions"]): readonly JudgeRule[] {
  return allBut().flatMap((rule) => [
    { ...rule, actions: rule.actions.filter((action) => !actions.includes(action)) },
    { ...rule, actions, where: [{ kind: "path-in", path: folder, negated: true }] },
  ]);
}

for (const [setting, plan] of settings) {
  const needs = plan.namespaces === undefined ? (["seccomp"] as const) : (["userns"] as const);
  describe(setting, () => {
    for (const [actions, effect, row] of cases) {
      const which = actions.join(" and ") || "nothing";
      testWith(needs, `one row where ${which} is ${effect}`, async () => {
        const folder = tempDir("both");
        const sub = join(folder, "sub");
        mkdirSync(sub);
        writeFileSync(join(sub, "there"), "content");
        const forbids = actions.length > 0 ? [forbid(sub, ...actions)] : [];
        const rules = effect === "forbidden" ? allBut(...forbids) : without(sub, actions);
        const script = "(: <>sub/there) 2>/dev/null; (: <>sub/new) 2>/dev/null";
        const run = await runShell(script, { ...audited({ rules }), ...plan, directory: folder });
        expect(told(run.rows).filter((text) => !text.endsWith("/dev/null"))).toEqual([
          `${row} ${sub}/there`,
          `${row} ${sub}/new`,
        ]);
      });
    }
  });
}
