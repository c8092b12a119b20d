// Both writers of canonical JSON against an independent one, over seeded random values.

import { expect, test } from "bun:test";
import canonicalize from "canonicalize";
import { canonicalJson, canonicalJsonByKey } from "../../src/base/canonical-json.ts";
import { testMs } from "../support/patience.ts";
import { randomJson, seededRandom } from "../support/random-json.ts";

const count = Number(process.env.AEGIS_CANONICAL_CASES ?? 100_000);

test(
  "canonicalJson() agrees with canonicalJsonByKey() and with another implementation",
  () => {
    const random = seededRandom(20_260_101);
    let bytes = 0;
    for (let i = 0; i < count; i++) {
      const value = randomJson(random, 4);
      const text = canonicalJson(value);
      if (text !== canonicalJsonByKey(value) || text !== canonicalize(value)) {
        throw new Error(`case ${i} differs: ${JSON.stringify(value)}`);
      }
      if (canonicalJson(JSON.parse(text)) !== text)
        throw new Error(`case ${i} is not stable: ${text}`);
      bytes += text.length;
    }
    console.log(`canonical JSON: ${count} values, ${bytes} characters, 0 differences`);
    expect(bytes).toBeGreaterThan(count);
  },
  testMs,
);
