// What is asked of a tool policy is checked before any policy sees it.

import { afterAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { testMs } from "../../support/patience.ts";
import { serve } from "../../support/served.ts";
import { tempDir } from "../../support/temp.ts";

setDefaultTimeout(testMs);

const server = await serve(`${tempDir("decide")}/ledger.db`);
afterAll(() => server.stop());

interface Asked {
  readonly payload?: object;
  readonly snapshot?: object;
  readonly permissions?: object;
}

async function ask({ payload, snapshot, permissions }: Asked) {
  const response = await fetch(`${server.url}/v1/policy/decide`, {
    method: "POST",
    body: JSON.stringify({
      event: { event_type: "TOOL_CALL_PROPOSED", payload: { tool_name: "a", ...payload } },
      snapshot: snapshot ?? {},
      manifest: { permissions: { tools: ["a", "write_file"], ...permissions } },
    }),
  });
  const body = (await response.json()) as { readonly code?: string; readonly error?: string };
  return { status: response.status, ...body };
}

const write = { tool_name: "write_file" };
const budgets = (limits: object) => ({ permissions: { budgets: limits } });

describe("what has another type than it is documented with is refused, by name", () => {
  const rows: readonly (readonly [string, Asked, Asked])[] = [
    ["snapshot.steps_consumed", { snapshot: { steps_consumed: "3" } }, { snapshot: {} }],
    ["snapshot.steps_consumed", { snapshot: { steps_consumed: -5 } }, { snapshot: {} }],
    ["snapshot.tool_calls_consumed", { snapshot: { tool_calls_consumed: 1.5 } }, {}],
    ["snapshot.model_calls_consumed", { snapshot: { model_calls_consumed: null } }, {}],
    [
      "snapshot.wall_time_ms",
      { snapshot: { wall_time_ms: -1 } },
      { snapshot: { wall_time_ms: 1.5 } },
    ],
    ["snapshot.is_tainted", { payload: write, snapshot: { is_tainted: "true" } }, {}],
    ["snapshot.is_tainted", { payload: write, snapshot: { is_tainted: 1 } }, {}],
    [
      "snapshot.loop_violation",
      { snapshot: { loop_violation: false } },
      { snapshot: { loop_violation: null } },
    ],
    [
      "snapshot.sanitized_keys.1",
      { snapshot: { sanitized_keys: ["k", 5] } },
      { snapshot: { sanitized_keys: null } },
    ],
    [
      "event.payload.sanitizer_key",
      { payload: { sanitizer_key: 5 } },
      { payload: { sanitizer_key: null } },
    ],
    ["event.payload.tool_name", { payload: { tool_name: ["a"] } }, {}],
    ["event.payload.args", { payload: { args: "x" } }, { payload: { args: null } }],
    ["manifest.permissions.budgets.max_steps", budgets({ max_steps: "x" }), budgets({})],
    ["manifest.permissions.budgets.max_steps", budgets({ max_steps: -1 }), {}],
    ["manifest.permissions.budgets.timeout_ms", budgets({ timeout_ms: "never" }), {}],
    ["manifest.permissions.budgets.max_output_bytes", budgets({ max_output_bytes: -1 }), {}],
    ["manifest.permissions.tools", { permissions: { tools: { a: "a" } } }, {}],
    ["manifest.permissions.tools.1", { permissions: { tools: ["a", null] } }, {}],
    ["manifest.permissions.net.domains", { permissions: { net: { domains: "*.a" } } }, {}],
    [
      "manifest.permissions.approval_required",
      { permissions: { approval_required: { a: true } } },
      { permissions: { approval_required: null } },
    ],
    [
      "manifest.permissions.exec.allowed_bins",
      { permissions: { exec: { allowed_bins: 1 } } },
      { permissions: { exec: null } },
    ],
  ];
  test.each(rows)("%s, as %j, and not as %j", async (name, wrong, right) => {
    const { status, code, error } = await ask(wrong);
    expect({ status, code }).toEqual({ status: 400, code: "type_invalid" });
    expect(error).toStartWith(`invalid JSON: "${name}" is not valid: `);
    expect(await ask(right)).toMatchObject({ status: 200, outcome: "allow" });
  });
});

test("members that nobody documents are let be, also capitalised ones", async () => {
  expect(
    await ask({
      payload: { call_id: 7, args: { domain: 5, bin: ["x"] }, Tool: 1 },
      snapshot: { StepsConsumed: "3", budgets: { steps_consumed: 3 }, LastSeq: null },
      permissions: { limits: "none", budgets: { max_cost: "1" } },
    }),
  ).toMatchObject({ status: 200, outcome: "allow" });
});
