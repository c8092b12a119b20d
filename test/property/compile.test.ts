// Broken policy texts: whatever a text is, compiling it ends in capabilities or in diagnostics with
// a place in the text, never in an exception. AEGIS_PROPERTY_TEXTS sets the number of texts.

import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { PolicySource } from "../../src/model/policy-snapshot.ts";
import { compilePolicy } from "../../src/policy/compile.ts";
import { testCedar } from "../support/cedar.ts";
import { repoRoot } from "../support/harness.ts";
import { testMs } from "../support/patience.ts";
import { pick, type Random, randomFrom } from "../support/random-capabilities.ts";
import { randomPlaces } from "../support/random-policies.ts";

const textsWanted = Number(process.env.AEGIS_PROPERTY_TEXTS ?? 2000);
const folder = join(repoRoot, "conformance/lower");
const cedar = testCedar();

const seeds: readonly PolicySource[] = readdirSync(folder).flatMap((name) =>
  readdirSync(join(folder, name))
    .filter((file) => file.startsWith("policy."))
    .map((file) => ({
      kind: file.endsWith(".json") ? "manifest" : "cedar",
      name: file,
      text: readFileSync(join(folder, name, file), "utf8"),
    })),
);

const pieces = [
  ...['"', "\\", "(", ")", "{", "}", "[", "]", ";", "//", "::", "*", "!", "&&", "||", "\n", "\0"],
  ...["permit", "forbid", "when", "unless", "resource", "context.tmp", "like", "has", "in", "if"],
  ...["-9223372036854775808", "9223372036854775808", "\u{1F642}", "\uD800", "@id", "?principal"],
  ...['"$workspace/"', '"~"', "null", "true", "1e9", "ip(resource.host)", "{a: 1}"],
];

/** A text with a few pieces cut out, doubled, replaced or put in. */
function damaged(random: Random, text: string): string {
  let result = text;
  for (let count = 1 + random(4); count > 0; count -= 1) {
    const at = random(result.length + 1);
    const length = random(12);
    const middle = pick(random, ["", "", pick(random, pieces), result.slice(at, at + length)]);
    result = result.slice(0, at) + middle + result.slice(at + random(2) * length);
  }
  return result;
}

test(
  "a damaged text compiles or says where it is wrong",
  async () => {
    const random = randomFrom(0xbad);
    const counts = { texts: 0, compiled: 0, diagnostics: 0 };
    while (counts.texts < textsWanted) {
      const seed = pick(random, seeds);
      const source = { ...seed, text: damaged(random, seed.text) };
      const result = await compilePolicy({
        cedar: async () => cedar,
        sources: [source],
        places: randomPlaces,
        decisionOnly: random(2) === 0,
      });
      const lines = source.text.split("\n").length;
      for (const { line, column, message } of result.ok ? result.value.warnings : result.error) {
        const isPlaced = line >= 1 && line <= lines && column >= 1 && message !== "";
        if (!isPlaced) throw new Error(JSON.stringify({ source, line, column, message }));
        counts.diagnostics += 1;
      }
      counts.texts += 1;
      counts.compiled += Number(result.ok);
    }
    const { texts, compiled, diagnostics } = counts;
    console.log(
      `compile: ${texts} damaged texts, ${compiled} compiled, ${diagnostics} diagnostics`,
    );
    expect(compiled / texts).toBeGreaterThan(0.1);
    expect(compiled / texts).toBeLessThan(0.9);
  },
  testMs,
);
