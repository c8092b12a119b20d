// What the tool policy says, through the compiled module and through the code that stands for it.

import { describe, expect, test } from "bun:test";
import type { DecideInput } from "../../../src/control/decide/decision.ts";
import { decideFast } from "../../../src/control/decide/fast.ts";
import { loadRego } from "../../../src/control/decide/rego.ts";
import type { JsonObject } from "../../../src/model/event.ts";
import { repoRoot } from "../../support/harness.ts";

const module = await Bun.file(`${repoRoot}/policies/rego/aegis/decide.wasm`).bytes();
const rego = await loadRego(module);

const costs = { max_output_bytes: 1_048_576, timeout_ms: 30_000 };
const allowed = { outcome: "allow", reason: "OK", constraints: costs } as const;
const approval = { outcome: "require_approval", reason: "APPROVAL_REQUIRED", constraints: {} };
const denied = (reason: string) => ({ outcome: "deny", reason, constraints: {} });

interface Question {
  readonly tool?: string;
  readonly args?: JsonObject;
  readonly sanitizer?: string;
  readonly snapshot?: JsonObject;
  readonly permissions?: JsonObject;
}

/** A call of `read_file` in a fresh session, declared by its manifest, but for what is given. */
function ask({ tool = "read_file", args = {}, sanitizer, snapshot, permissions }: Question) {
  const key = sanitizer === undefined ? {} : { sanitizer_key: sanitizer };
  const payload = { tool_name: tool, args, ...key };
  return {
    event: { event_type: "TOOL_CALL_PROPOSED", payload },
    snapshot: snapshot ?? {},
    manifest: { permissions: { tools: [tool], ...permissions } },
  };
}

const net = (...domains: string[]) => ({ net: { domains } });
const exec = (...bins: string[]) => ({ exec: { allowed_bins: bins } });

const rows: readonly (readonly [string, DecideInput, object])[] = [
  ["a declared tool", ask({}), allowed],
  [
    "an undeclared tool",
    ask({ permissions: { tools: ["other"] } }),
    denied("PERMISSION_UNDECLARED"),
  ],
  [
    "a tool in other letters",
    ask({ permissions: { tools: ["Read_File"] } }),
    denied("PERMISSION_UNDECLARED"),
  ],
  [
    "a tool that begins as a declared one",
    ask({ tool: "net.post", permissions: { tools: ["net"] } }),
    denied("PERMISSION_UNDECLARED"),
  ],
  ...(
    [
      ["mcp.https", "mcp.https.get", net("a.example"), { domain: "a.example" }],
      ["mcp.http", "mcp.https", net("a.example"), { domain: "a.example" }],
      ["exec", "exec.shell", exec("ls"), { bin: "ls" }],
    ] as const
  ).flatMap(([declared, tool, more, args]) =>
    [
      [[declared], denied("PERMISSION_UNDECLARED")] as const,
      [[declared, tool], allowed] as const,
    ].map(
      ([tools, expected]) =>
        [
          `${tool} under ${tools}`,
          ask({ tool, args, permissions: { tools, ...more } }),
          expected,
        ] as const,
    ),
  ),
  [
    "no tool at all",
    { ...ask({}), event: { event_type: "TOOL_CALL_PROPOSED" } },
    denied("PERMISSION_UNDECLARED"),
  ],
  [
    "an event that is no proposal",
    { ...ask({}), event: { event_type: "MODEL_CALL_STARTED" } },
    { ...allowed, constraints: {} },
  ],
  ...[
    ["below its budget", 4, { ...allowed, constraints: {} }] as const,
    ["at its budget", 5, denied("BUDGET_EXCEEDED")] as const,
  ].map(
    ([name, model_calls_consumed, expected]) =>
      [
        `a call of a model ${name}`,
        {
          event: { event_type: "MODEL_CALL_STARTED" },
          snapshot: { model_calls_consumed, steps_consumed: 99 },
          manifest: { permissions: { budgets: { max_model_calls: 5 } } },
        },
        expected,
      ] as const,
  ),
  [
    "an event without a type",
    { ...ask({}), event: { payload: { tool_name: "read_file" } } },
    denied("PERMISSION_UNDECLARED"),
  ],
  [
    "a listed domain",
    ask({ tool: "net.get", args: { domain: "a.example" }, permissions: net("a.example") }),
    allowed,
  ],
  [
    "an unlisted domain",
    ask({ tool: "net.get", args: { domain: "b.example" }, permissions: net("a.example") }),
    denied("EGRESS_DENY"),
  ],
  [
    "a name below a star",
    ask({ tool: "mcp.https", args: { domain: "x.y.a.example" }, permissions: net("*.a.example") }),
    allowed,
  ],
  [
    "the name a star stands below",
    ask({ tool: "mcp.https", args: { domain: "a.example" }, permissions: net("*.a.example") }),
    denied("EGRESS_DENY"),
  ],
  [
    "a star alone",
    ask({ tool: "net", args: { domain: "a.example" }, permissions: net("*") }),
    denied("EGRESS_DENY"),
  ],
  [
    "an address in the wrong argument",
    ask({ tool: "net", args: { url: "https://a.example" }, permissions: net("a.example") }),
    denied("EGRESS_DENY"),
  ],
  [
    "one step below the limit",
    ask({ snapshot: { steps_consumed: 23, tool_calls_consumed: 11, wall_time_ms: 119_999 } }),
    allowed,
  ],
  ["the last step", ask({ snapshot: { steps_consumed: 24 } }), denied("BUDGET_EXCEEDED")],
  ["the last tool call", ask({ snapshot: { tool_calls_consumed: 12 } }), denied("BUDGET_EXCEEDED")],
  ["the last millisecond", ask({ snapshot: { wall_time_ms: 120_000 } }), denied("BUDGET_EXCEEDED")],
  [
    "a limit of its own",
    ask({ snapshot: { steps_consumed: 24 }, permissions: { budgets: { max_steps: 25 } } }),
    allowed,
  ],
  [
    "a limit of nothing",
    ask({ permissions: { budgets: { max_steps: 0 } } }),
    denied("BUDGET_EXCEEDED"),
  ],
  [
    "the last model call",
    ask({
      snapshot: { model_calls_consumed: 3 },
      permissions: { budgets: { max_model_calls: 3 } },
    }),
    denied("BUDGET_EXCEEDED"),
  ],
  ["many model calls without a limit", ask({ snapshot: { model_calls_consumed: 3000 } }), allowed],
  ["a loop", ask({ snapshot: { loop_violation: "LOOP_IDENTICAL_CALL" } }), denied("LOOP_DETECTED")],
  ["no loop", ask({ snapshot: { loop_violation: "" } }), allowed],
  ["a tainted session, harmless tool", ask({ snapshot: { is_tainted: true } }), allowed],
  [
    "a tainted session, high-risk tool",
    ask({ tool: "write_file", snapshot: { is_tainted: true } }),
    denied("TAINTED_TO_HIGH_RISK"),
  ],
  [
    "a high-risk tool in other letters",
    ask({ tool: "Write_File", snapshot: { is_tainted: true } }),
    denied("TAINTED_TO_HIGH_RISK"),
  ],
  [
    "a sanitized argument",
    ask({
      tool: "write_file",
      sanitizer: "k",
      snapshot: { is_tainted: true, sanitized_keys: ["k"] },
    }),
    allowed,
  ],
  [
    "another key's argument",
    ask({
      tool: "write_file",
      sanitizer: "k",
      snapshot: { is_tainted: true, sanitized_keys: ["j"] },
    }),
    denied("TAINTED_TO_HIGH_RISK"),
  ],
  [
    "a listed program",
    ask({ tool: "exec", args: { bin: "git" }, permissions: exec("git") }),
    allowed,
  ],
  [
    "an unlisted program",
    ask({ tool: "exec.shell", args: { bin: "sh" }, permissions: exec("git") }),
    denied("EXEC_DENY"),
  ],
  [
    "a tainted program",
    ask({
      tool: "exec",
      args: { bin: "git" },
      snapshot: { is_tainted: true },
      permissions: exec("git"),
    }),
    denied("TAINTED_TO_HIGH_RISK"),
  ],
  [
    "a tool that needs approval",
    ask({ permissions: { approval_required: ["read_file"] } }),
    approval,
  ],
  [
    "costs of its own",
    ask({ permissions: { budgets: { timeout_ms: 5 } } }),
    { ...allowed, constraints: { ...costs, timeout_ms: 5 } },
  ],
];

describe("the tool policy answers", () => {
  test.each(rows)("%s", (_, question, answer) => {
    expect(rego.evaluate(question)).toEqual(answer as never);
    expect(decideFast(question) ?? answer).toEqual(answer);
  });

  test.each([
    ["counters of no number", ask({ snapshot: { steps_consumed: "5" } })],
    ["a list of no texts", ask({ permissions: { tools: ["read_file", 5] } })],
    ["a name that changes with its case", ask({ tool: "İexec" })],
  ])("%s by the compiled module alone", (_, question) => {
    expect(decideFast(question)).toBeUndefined();
    expect(rego.evaluate(question).outcome).toBeOneOf(["allow", "deny"]);
  });
});

describe("a policy of somebody's own", () => {
  test("that is no compiled policy is refused", async () => {
    await expect(loadRego(new Uint8Array([0, 97, 115, 109]))).rejects.toThrow(
      "Cannot load the Rego policy",
    );
  });

  test("that cannot read the question denies", () => {
    const circular: Record<string, unknown> = {};
    circular.self = circular;
    const question = { ...ask({}), event: circular as never };
    expect(rego.evaluate(question)).toEqual(denied("POLICY_ERROR") as never);
  });
});
