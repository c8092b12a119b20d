// Every policy of conformance/lower compiles to the capabilities, or is refused with the
// diagnostics, that stand beside it. UPDATE_GOLDEN=1 writes them anew.

import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { PolicySource } from "../../../src/model/policy-snapshot.ts";
import { printCapabilities } from "../../../src/policy/cedar/print.ts";
import { type CompiledPolicy, compilePolicy } from "../../../src/policy/compile.ts";
import { diagnosticText } from "../../../src/policy/diagnostic.ts";
import { testCedar } from "../../support/cedar.ts";
import { repoRoot } from "../../support/harness.ts";

const folder = join(repoRoot, "conformance/lower");
const places = { workspace: "/home/ada/project", home: "/home/ada", tmp: "/tmp/aegis" };
const cedar = async () => testCedar();
const cases = readdirSync(folder, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name)
  .sort();

function sourceIn(name: string): PolicySource {
  const manifest = join(folder, name, "policy.json");
  if (existsSync(manifest))
    return { kind: "manifest", name: "policy.json", text: readFileSync(manifest, "utf8") };
  const text = readFileSync(join(folder, name, "policy.cedar"), "utf8");
  return { kind: "cedar", name: "policy.cedar", text };
}

function compile(source: PolicySource) {
  const findProgram = (name: string) => (name === "git" ? ["/usr/bin/git"] : []);
  return compilePolicy({ cedar, sources: [source], places, findProgram });
}

/** One capability or diagnostic a line, so that a change shows as one line. */
function goldenText(compiled: Awaited<ReturnType<typeof compile>>): string {
  const lines = (items: readonly unknown[]) => items.map((item) => `    ${JSON.stringify(item)}`);
  const section = (name: string, items: readonly unknown[]) =>
    items.length === 0 ? `  "${name}": []` : `  "${name}": [\n${lines(items).join(",\n")}\n  ]`;
  const notes = compiled.ok ? compiled.value.warnings : compiled.error;
  const diagnostics = notes.map((note) => [diagnosticText(note), note.hint]);
  const sections = [section("diagnostics", diagnostics)];
  if (compiled.ok)
    sections.unshift(section("capabilities", compiled.value.capabilities.capabilities));
  return `{\n${sections.join(",\n")}\n}\n`;
}

describe("conformance/lower", () => {
  test("has a case for every form and every refusal", () => {
    expect(cases.length).toBeGreaterThanOrEqual(25);
    expect(cases.filter((name) => name.startsWith("refused-")).length).toBeGreaterThanOrEqual(8);
  });

  for (const name of cases) {
    test(`${name} compiles to its golden`, async () => {
      const compiled = await compile(sourceIn(name));
      const file = join(folder, name, "ir.json");
      if (process.env.UPDATE_GOLDEN === "1") writeFileSync(file, goldenText(compiled));
      expect(goldenText(compiled)).toBe(readFileSync(file, "utf8"));
      expect(compiled.ok).toBe(!name.startsWith("refused-"));
    });
  }

  for (const name of cases.filter((known) => !known.startsWith("refused-"))) {
    test(`${name} compiles again from its capabilities printed as Cedar`, async () => {
      const first = await compile(sourceIn(name));
      if (!first.ok) throw new Error("does not compile");
      const text = printCapabilities(first.value.capabilities);
      const second = await compile({ kind: "cedar", name: "policy.cedar", text });
      if (!second.ok) throw new Error(second.error.map(diagnosticText).join("\n"));
      expect(meanings(second.value)).toEqual(meanings(first.value));
    });
  }
});

/** Capabilities without where they come from. */
function meanings({ capabilities }: CompiledPolicy) {
  return capabilities.capabilities.map(({ effect, actions, agent, where }) => ({
    effect,
    actions,
    agent,
    where,
  }));
}
