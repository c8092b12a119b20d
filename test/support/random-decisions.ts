// Seeded random questions for the tool policy: mostly what real callers send, at the boundaries of
// every rule, and now and then a member of a type it should not have.

import type { DecideInput } from "../../src/control/decide/decision.ts";
import type { JsonValue } from "../../src/model/event.ts";

const tools = [
  "read_file",
  "exec",
  "exec.shell",
  "Exec.Shell",
  "execute_sql",
  "net.post",
  "net.get",
  "NET.PUT",
  "netcat",
  "mcp.http",
  "mcp.https.post",
  "mcp.https.get",
  "fs.write",
  "write_file",
  "db.write",
  "database.writeall",
  "exé",
  "",
];
const domains = [
  "example.com",
  "api.example.com",
  "a.b.example.com",
  ".example.com",
  "Example.com",
];
const patterns = [...domains, "*.example.com", "*", "*example.com", "*.com", ""];
const programs = ["git", "ls", "/bin/ls", ""];
const keys = ["k1", "k2", ""];
const eventTypes = ["TOOL_CALL_PROPOSED", "MODEL_CALL_STARTED", "", "tool_call_proposed"];
const strange: readonly JsonValue[] = [
  null,
  true,
  false,
  0,
  -1,
  1.5,
  "x",
  "",
  [],
  {},
  ["x"],
  [null],
];

/** One question; `random` as `Math.random`. */
export function randomQuestion(random: () => number): DecideInput {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  const some = <T>(list: readonly T[]): T[] => list.filter(() => random() < 0.4);
  const near = (limit: number) => limit + Math.floor(random() * 5) - 3;
  /** The value, or nothing, or now and then something else. */
  const member = (value: JsonValue, present = 0.9): JsonValue | undefined => {
    if (random() < 0.01) return pick(strange);
    return random() < present ? value : undefined;
  };
  const tool = pick(tools);
  const args = object({
    domain: member(pick(domains), 0.7),
    bin: member(pick(programs), 0.7),
    url: member("https://example.com"),
  });
  const payload = object({
    tool_name: member(tool, 0.98),
    args: member(args),
    sanitizer_key: member(pick(keys), 0.3),
  });
  const event = object({
    event_type: member(random() < 0.93 ? "TOOL_CALL_PROPOSED" : pick(eventTypes), 0.99),
    payload: member(payload, 0.99),
  });
  const snapshot = object({
    steps_consumed: member(random() < 0.8 ? 1 : near(24)),
    tool_calls_consumed: member(random() < 0.8 ? 1 : near(12)),
    wall_time_ms: member(random() < 0.8 ? 100 : near(120_000)),
    model_calls_consumed: member(near(3), 0.5),
    loop_violation: member(random() < 0.85 ? "" : "LOOP_DETECTED", 0.6),
    is_tainted: member(random() < 0.4, 0.8),
    sanitized_keys: member(some(keys), 0.6),
  });
  const budgets = object({
    max_steps: member(pick([0, 5, 24, 25]), 0.6),
    max_tool_calls: member(pick([0, 5, 12]), 0.6),
    max_wall_time_ms: member(pick([1000, 120_000]), 0.6),
    max_model_calls: member(pick([0, 2, 3]), 0.2),
    max_output_bytes: member(pick([0, 4096, 1.5]), 0.5),
    timeout_ms: member(pick([1, 30_000]), 0.5),
  });
  const permissions = object({
    tools: member(random() < 0.9 ? [...some(tools), tool] : some(tools), 0.99),
    net: member(object({ domains: member(some(patterns)) }), 0.9),
    exec: member(object({ allowed_bins: member(some(programs)) }), 0.9),
    approval_required: member(some(tools), 0.5),
    budgets: member(budgets),
  });
  return {
    event: member(event, 1) ?? {},
    snapshot: member(snapshot, 1) ?? {},
    manifest: member(object({ permissions: member(permissions, 0.99) }), 1) ?? {},
  };
}

function object(members: Readonly<Record<string, JsonValue | undefined>>): JsonValue {
  const kept = Object.entries(members).filter(
    (entry): entry is [string, JsonValue] => entry[1] !== undefined,
  );
  return Object.fromEntries(kept);
}
