// Sealing against its definition, and reading back only what sealing wrote.

import { expect, test } from "bun:test";
import { canonicalJson, canonicalJsonByKey } from "../../../src/base/canonical-json.ts";
import { sha256 } from "../../../src/base/hash.ts";
import { newSessionId } from "../../../src/base/ids.ts";
import { eventSizeMaxBytes } from "../../../src/base/limits.ts";
import { checkSealed, createSealer, readSealed } from "../../../src/ledger/seal.ts";
import { leafHash } from "../../../src/ledger/tree/merkle.ts";
import type { EventDraft, JsonObject } from "../../../src/model/event.ts";
import { access, startMs } from "../../support/ledger.ts";
import { testMs } from "../../support/patience.ts";
import { randomJson, randomText, seededRandom } from "../../support/random-json.ts";

const seal = createSealer();
const chain = { tenant: "local", user: "agent", session: newSessionId(), seq: 0, prevHash: "" };
const utf8 = new TextEncoder();

test(
  "the written envelope is the canonical form of its event, over random payloads and names",
  () => {
    const random = seededRandom(3);
    const count = Number(process.env.AEGIS_SEAL_CASES ?? 20_000);
    for (let i = 0; i < count; i++) {
      const payload = { random: randomJson(random, 3) } as JsonObject;
      const at = { ...chain, user: randomText(random), seq: i };
      const draft: EventDraft = { type: "TOOL_CALL", tsUnixMs: startMs + i, payload };
      const { body, event, leaf } = seal(at, draft);
      const { hash, ...envelope } = event;
      if (body !== canonicalJson(envelope) || body !== canonicalJsonByKey(envelope)) {
        throw new Error(`case ${i}: ${body}`);
      }
      const bytes = utf8.encode(body);
      expect(hash).toBe(sha256(bytes).toBase64());
      expect(leaf.toHex()).toBe(leafHash(bytes).toHex());
      expect(checkSealed(bytes)).toEqual({ event: readSealed(bytes) ?? event, isCanonical: true });
    }
    console.log(`sealing: ${count} random events, 0 differences`);
  },
  testMs,
);

test("an event of exactly the largest size is sealed, one byte more is refused", () => {
  const { body } = seal(chain, access("/"));
  const room = eventSizeMaxBytes - utf8.encode(body).length;
  const largest = seal(chain, access(`/${"x".repeat(room)}`));
  expect(utf8.encode(largest.body)).toHaveLength(eventSizeMaxBytes);
  expect(() => seal(chain, access(`/${"x".repeat(room + 1)}`))).toThrow("larger than");
  expect(() => seal(chain, access(`/${"x".repeat(room - 1)}é`))).toThrow("larger than");
});

const good = seal(chain, access("/a")).body;
test.each([
  ["a space", good.replace(",", ", ")],
  ["another order", `{"user_id":"agent",${good.slice(1).replace(',"user_id":"agent"', "")}`],
  ["a key twice", good.replace('"seq":0', '"seq":0,"seq":0')],
  ["an escape it does not need", good.replace("/a", "\\u002fa")],
  ["a number written otherwise", good.replace('"seq":0', '"seq":0.0')],
  ["a byte order mark", `\ufeff${good}`],
])("an envelope with %s is not canonical", (_, text) => {
  expect(checkSealed(utf8.encode(text))?.isCanonical).not.toBe(true);
});

test.each([
  ["no JSON", "x"],
  ["a list", "[]"],
  ["no payload", good.replace("payload", "payloads")],
  ["a payload that is a list", good.replace(/"payload":\{[^}]*\}/, '"payload":[]')],
  ["a text for a number", good.replace('"seq":0', '"seq":"0"')],
])("%s is no envelope", (_, text) => {
  expect(readSealed(utf8.encode(text))).toBeUndefined();
});
