import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { cliDocsPath, renderCliDocs } from "../../../scripts/generate-cli-docs.ts";
import { renderHelp } from "../../../src/cli/help.ts";
import { allSpecs } from "../../../src/cli/tree.ts";

test("docs/cli.md is what scripts/generate-cli-docs.ts writes", async () => {
  expect(readFileSync(cliDocsPath, "utf8")).toBe(await renderCliDocs());
});

test("help of every command fits 80 columns and ends with an example", async () => {
  for (const spec of await allSpecs()) {
    const help = renderHelp(spec);
    const [usage = "", ...others] = help.split("\n").filter((line) => line.length > 80);
    expect([spec.name, usage, others]).toEqual([spec.name, "", []]);
    for (const example of spec.examples) {
      expect(help).toContain(`  ${example}\n`);
      expect(example).toContain(`aegis ${spec.name}`);
    }
  }
});
