// Secrets put anywhere into random values do not come out again, and a second pass finds nothing
// more. Seeded; AEGIS_REDACT_CASES raises the number of cases.

import { expect, test } from "bun:test";
import { redact } from "../../src/control/telemetry/redact.ts";
import type { JsonValue } from "../../src/model/event.ts";
import { testMs } from "../support/patience.ts";
import { randomJson, randomText, seededRandom } from "../support/random-json.ts";

const cases = Number(process.env.AEGIS_REDACT_CASES ?? 20_000);

const hex = "0123456789abcdef";
const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

function some(random: () => number, from: string, least: number, most: number): string {
  const size = least + Math.floor(random() * (most - least + 1));
  return Array.from({ length: size }, () => from[Math.floor(random() * from.length)]).join("");
}

/** A secret that texts are to lose, and how it stands there. */
function secretText(random: () => number): { readonly secret: string; readonly text: string } {
  const word = some(random, letters, 12, 40);
  const digits = `${some(random, "23456789", 3, 3)}-${some(random, "23456789", 3, 3)}`;
  const kinds = [
    () => same(`${some(random, letters, 1, 20)}@${some(random, letters, 1, 9)}.example.com`),
    () => same(`${digits}-${some(random, "23456789", 4, 4)}`),
    () => same(some(random, hex, 32, 80)),
    () => same(`ghp_${some(random, letters, 20, 40)}`),
    () => ({ secret: word, text: `password=${word}` }),
    () => ({ secret: word, text: `API_KEY: "${word}"` }),
    () => ({ secret: word, text: JSON.stringify(JSON.stringify({ password: `"${word}` })) }),
    () => ({ secret: word, text: `run --password ${word}` }),
    () => ({ secret: word, text: `Authorization: Bearer ${word}` }),
    () => ({ secret: word, text: `https://user:${word}@example.com/` }),
  ];
  return (kinds[Math.floor(random() * kinds.length)] ?? kinds[0])?.() ?? same("");
}

function same(secret: string): { readonly secret: string; readonly text: string } {
  return { secret, text: secret };
}

/** Wrapped in lists and objects, beside whatever else there is. */
function planted(random: () => number, value: JsonValue, depth: number): JsonValue {
  if (depth === 0) return value;
  const inner = planted(random, value, depth - 1);
  const beside = () => randomJson(random, 2) as JsonValue;
  if (random() < 0.5) return [beside(), inner, beside()];
  return { [`${randomText(random)} `]: beside(), [randomText(random)]: inner };
}

test(
  "no secret survives, wherever it stands",
  () => {
    const random = seededRandom(20_260_707);
    for (let at = 0; at < cases; at++) {
      const { secret, text } = secretText(random);
      const around = `${randomText(random)} ${text} ${randomText(random)}`;
      const named = { [random() < 0.5 ? "client_secret" : "Api-Key"]: [secret, { a: secret }] };
      const value = planted(random, random() < 0.7 ? around : named, Math.floor(random() * 5));
      const before = JSON.stringify(value);
      const copy = redact(value);
      const written = JSON.stringify(copy);
      if (written.includes(secret)) throw new Error(`case ${at}: ${before} became ${written}`);
      if (JSON.stringify(redact(copy)) !== written) throw new Error(`case ${at}: ${written} again`);
      if (JSON.stringify(value) !== before) throw new Error(`case ${at}: ${before} was changed`);
    }
    console.log(`redaction: ${cases} values, 0 secrets left`);
    expect(cases).toBeGreaterThan(0);
  },
  testMs,
);
