// Limits in policy texts: annotations and the manifest's wall time.

import { expect, test } from "bun:test";
import type { PolicySource } from "../../../src/model/policy-snapshot.ts";
import { policyLimits } from "../../../src/policy/limits.ts";

const cedar = (text: string): PolicySource => ({ kind: "cedar", name: "p.cedar", text });
const permit = "permit(principal, action, resource);";

const read: readonly [what: string, text: string, wishes: readonly [string, number][]][] = [
  ["an annotation", `@limit_memory("2G")\n${permit}`, [["memory", 2 ** 31]]],
  ["a name with a dash", `@limit_file_size("1M") ${permit}`, [["file-size", 2 ** 20]]],
  ["blanks between its parts", `@limit_time ( "10m" ) ${permit}`, [["time", 600_000]]],
  [
    "several of them",
    `@id("a") @limit_cpu("60s") @limit_files("100") ${permit}`,
    [
      ["cpu", 60_000],
      ["files", 100],
    ],
  ],
  ["a comment as nothing", `// @limit_memory("2G")\n${permit}`, []],
  ["a text as nothing", `@advice("@limit_memory(\\"2G\\")") ${permit}`, []],
  ["other annotations as nothing", `@id("limit_memory") ${permit}`, []],
];

test.each(read)("policyLimits() reads %s", (_, text, wishes) => {
  const found = policyLimits([cedar(text)]);
  expect(found.diagnostics).toEqual([]);
  expect(found.wishes.map(({ name, value }) => [name, value])).toEqual(wishes as never);
});

const wrong: readonly [what: string, text: string, message: RegExp][] = [
  ["a limit there is none of", `@limit_disk("1G") ${permit}`, /no limit "disk"/],
  ["a value that is none", `@limit_memory("much") ${permit}`, /no value that can be read/],
  ["a missing value", `@limit_memory ${permit}`, /no value that can be read/],
];

test.each(wrong)("policyLimits() refuses %s", (_, text, message) => {
  const { diagnostics, wishes } = policyLimits([cedar(`\n${text}`)]);
  expect(wishes).toEqual([]);
  expect(diagnostics).toMatchObject([{ file: "p.cedar", line: 2 }]);
  expect(diagnostics[0]?.message).toMatch(message);
});

test("policyLimits() takes the wall time of a manifest and no other budget", () => {
  const budgets = { max_steps: 3, max_wall_time_ms: 5000, max_output_bytes: 10, timeout_ms: 20 };
  const text = JSON.stringify({ permissions: { budgets } });
  expect(policyLimits([{ kind: "manifest", name: "m.json", text }])).toEqual({
    wishes: [{ name: "time", value: 5000, source: "m.json" }],
    diagnostics: [],
  });
});
