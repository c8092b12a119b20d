// docs/sessions.md and the table of docs/manifests.md against the code they tell of.

import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { defaultBudgets, exceededBudget } from "../../../src/control/state/budgets.ts";
import { loopReasons } from "../../../src/control/state/loops.ts";
import { applyEvent, newState } from "../../../src/control/state/reducer.ts";
import type { JsonObject } from "../../../src/model/event.ts";
import { parseManifest } from "../../../src/policy/manifest/parse.ts";
import { manifestSchema } from "../../../src/policy/manifest/schema.ts";
import { repoRoot } from "../../support/harness.ts";

const page = (name: string): string => readFileSync(`${repoRoot}/docs/${name}.md`, "utf8");
const sessions = page("sessions");
const rows = [...sessions.matchAll(/^\| ((?:`[A-Z_]+`(?:, )?)+) \|(.*)\| .* \|$/gm)];

/** Counters and the marks of a step aside. */
function shownBy(type: string, payload: JsonObject): unknown {
  const event = (seq: number, type: string, payload: JsonObject) => ({
    ...{ seq, tsUnixMs: 1, type, payload },
  });
  const tool = { tool_name: "t", call_id: "c", args: {} };
  let state = applyEvent(newState(), event(0, "TOOL_CALL_PROPOSED", tool));
  for (const one of ["TOOL_RESULT", "HANDOFF_REQUESTED"]) {
    state = applyEvent(state, event(state.last_seq + 1, one, { from_agent: "a" }));
  }
  const step = applyEvent(state, event(state.last_seq + 1, "SOME_OTHER_WORD", payload));
  const after = applyEvent(state, event(state.last_seq + 1, type, payload));
  return Bun.deepEquals({ ...after, is_checkpoint: false }, { ...step, is_checkpoint: false });
}

describe("docs/sessions.md", () => {
  const plain = ["MODEL_CALL_FINISHED", "APPROVAL_REQUESTED", "APPROVAL_DECIDED"];
  const types = rows.flatMap(([, names = ""]) => [...names.matchAll(/[A-Z_]+/g)].map(String));
  test.each(types)("%s does something, or is said to be a step", (type) => {
    const members = { outcome: "allow", key: "k", policy_ref: "p", call_id: "d", tool_name: "u" };
    expect(shownBy(type, members)).toBe(plain.includes(type));
  });

  test("has every reason and the bounds there are without a manifest", () => {
    const state = newState();
    const exceeded = (["steps", "tool_calls", "model_calls"] as const).map((name) => {
      const used = { ...state.budgets, [`${name}_consumed`]: 99 };
      return String(
        exceededBudget({ ...state, budgets: used }, { ...defaultBudgets, max_model_calls: 9 }),
      );
    });
    for (const reason of [...loopReasons, ...exceeded]) expect(sessions).toContain(`\`${reason}\``);
    const { max_steps, max_tool_calls, max_wall_time_ms } = defaultBudgets;
    expect(sessions).toContain(`\`max_steps\`, ${max_steps} `);
    expect(sessions).toContain(`\`max_tool_calls\`, ${max_tool_calls} `);
    expect(sessions).toContain(`${max_wall_time_ms.toLocaleString("en")} |`);
  });
});

test("the manifest of docs/manifests.md is a valid one", async () => {
  const text = /```json\n(\{\n {2}"schema"[^`]*)```/.exec(page("manifests"))?.[1] ?? "";
  const parsed = await parseManifest({ kind: "manifest", name: "aegis-manifest.json", text });
  expect(parsed.ok ? parsed.value.name : parsed.error).toBe("fetcher");
});

test("docs/manifests.md has every member of a manifest", () => {
  const names = (schema: unknown): string[] => {
    const { def } = schema as { def: { innerType?: unknown; shape?: Record<string, unknown> } };
    if (def.innerType !== undefined) return names(def.innerType);
    return Object.entries(def.shape ?? {}).flatMap(([name, inner]) => [name, ...names(inner)]);
  };
  const known = names(manifestSchema);
  expect(known).toContain("max_model_calls");
  const text = page("manifests");
  expect(known.filter((name) => !text.includes(name))).toEqual([]);
});
