// Bodies that are read by hand, against the schemas that describe them: what one takes the other
// takes. Random bodies are sound ones with a few members changed.

import { expect, test } from "bun:test";
import { createLiveStates } from "../../src/app/serve/live-states.ts";
import { createRateLimiter } from "../../src/app/serve/rate-limit.ts";
import { createTurns } from "../../src/app/turns.ts";
import { parseJsonText } from "../../src/base/json-text.ts";
import { SpelledJson } from "../../src/base/spelled-json.ts";
import { createControlLog } from "../../src/ledger/control/log.ts";
import { createMemoryStore } from "../../src/ledger/memory.ts";
import { decideRequest } from "../../src/server/api/decide.ts";
import { eventDraft } from "../../src/server/api/events.ts";
import type { Operation } from "../../src/server/api/operation.ts";
import { decideRoute } from "../../src/server/decide.ts";
import { appendRequest } from "../../src/server/events.ts";
import { type Call, Refusal } from "../../src/server/http.ts";
import { testMs } from "../support/patience.ts";

const count = Number(process.env.AEGIS_CODEC_BODIES ?? 60_000);

/** Mulberry32. */
function seeded(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

const hash = "bc543d8d4cf615604cc26132d67305edcfc99e5cc0cfb2fdad77499785c51f8d";
const bytes = Array.from({ length: 32 }, (_, at) => at * 8);
/** As JSON text, so that spellings count. */
const values = [
  ...["null", "true", "0", "-1", "1.5", "1e3", "1.0", "-0", "9007199254740991"],
  ...["9007199254740992", "18446744073709551616", "1e400", '""', '"a"', '"\\u0000"', "[]", "[1]"],
  ...["{}", '{"a":1}', `"${"x".repeat(512)}"`, `"${"x".repeat(513)}"`, `"${hash}"`],
  ...[`"${hash.toUpperCase()}"`, `"${hash.slice(1)}"`, `"${hash}00"`],
  ...[`"${Uint8Array.fromHex(hash).toBase64()}"`, `"${"A".repeat(43)}="`, `"${"A".repeat(42)}B="`],
  ...[JSON.stringify(bytes), JSON.stringify(bytes.slice(1)), JSON.stringify([...bytes, 0])],
  ...[JSON.stringify([...bytes.slice(1), 256]), JSON.stringify([...bytes.slice(1), -1])],
  ...[`[${bytes.join(".0,")}]`, JSON.stringify([...bytes.slice(1), "1"])],
];

type Members = Readonly<Record<string, string>>;

function textOf(members: Members): string {
  const parts = Object.entries(members).map(([name, value]) => `${JSON.stringify(name)}:${value}`);
  return `{${parts.join(",")}}`;
}

function changed(
  sound: Members,
  names: readonly string[],
  below: (most: number) => number,
): string {
  const members = { ...sound };
  for (let left = below(4); left > 0; left--) {
    const name = names[below(names.length)] ?? "";
    if (below(4) === 0) delete members[name];
    else members[name] = values[below(values.length)] ?? "null";
  }
  return textOf(members);
}

async function takes(read: () => unknown): Promise<string> {
  try {
    await read();
    return "taken";
  } catch (error) {
    if (error instanceof Refusal && error.status < 500) return "refused";
    throw error;
  }
}

async function compare(
  make: (below: (most: number) => number) => string,
  schema: { safeParse(value: unknown): { readonly success: boolean } },
  read: (body: SpelledJson) => unknown,
): Promise<Readonly<Record<string, number>>> {
  const below = seeded(20_260_101);
  const counts = { taken: 0, refused: 0 };
  for (let at = 0; at < count; at++) {
    const text = make(below);
    const bySchema = schema.safeParse(JSON.parse(text)).success ? "taken" : "refused";
    for (const body of [SpelledJson.parse(text), SpelledJson.of(parseJsonText(text))]) {
      const byHand = await takes(() => read(body));
      if (byHand !== bySchema) throw new Error(`by hand ${byHand}, by schema ${bySchema}: ${text}`);
    }
    counts[bySchema]++;
  }
  console.log(`${count} bodies: ${JSON.stringify(counts)}`);
  return counts;
}

test(
  "events: what is read by hand is what the schema takes",
  async () => {
    const sound = { tenant_id: '"acme"', session_id: '"s"', seq: "0", payload: "{}" };
    const names = [...Object.keys(eventDraft.shape), "other", "TENANT_ID"];
    const make = (below: (most: number) => number) => changed(sound, names, below);
    const counts = await compare(make, eventDraft, (body) =>
      appendRequest(body, () => 1, undefined),
    );
    expect(Math.min(counts.taken ?? 0, counts.refused ?? 0)).toBeGreaterThan(count / 20);
  },
  testMs,
);

test(
  "questions to the policy: what is read by hand is what the schema takes",
  async () => {
    const log = createControlLog(createMemoryStore("aegis.local/codecs"));
    const nothing = { outcome: "deny", reason: "NONE", constraints: {} } as const;
    const route = decideRoute({
      log: { ...log, append: async () => [{ kind: "stored", seq: 0, hash: "", index: 0 }] },
      states: createLiveStates(log),
      turns: createTurns(1),
      decide: () => nothing,
      manifest: {},
      nowMs: () => 1,
      limiter: createRateLimiter(0, () => 1),
    });
    const session = { tenant_id: '"acme"', session_id: '"s"', user_id: '"u"' };
    const make = (below: (most: number) => number) => {
      const inner =
        below(2) === 0 ? textOf(session) : changed(session, [...Object.keys(session), "x"], below);
      /** Seldom, because one wrong member makes the whole wrong. */
      const maybe = (members: Members, names: readonly string[]): string =>
        below(8) === 0 ? changed(members, names, below) : textOf(members);
      const snapshot = maybe({}, ["steps_consumed", "is_tainted", "sanitized_keys", "x"]);
      const budgets = maybe({ max_steps: "1" }, ["max_steps", "timeout_ms", "x"]);
      const permissions = maybe({ tools: '["a"]', budgets }, ["tools", "net"]);
      const manifest = textOf({ permissions });
      const payload = maybe({}, ["tool_name", "args", "sanitizer_key", "call_id"]);
      const event = maybe({ payload }, ["event_type", "payload", "x"]);
      const sound = { event, snapshot, manifest, session: inner };
      const names = [...Object.keys(decideRequest.shape), "other"];
      // A number that JavaScript has not is refused where it is read, which no schema can say.
      return changed(sound, names, below).replaceAll("1e400", "1e300");
    };
    const call = {
      caller: { name: "", role: "agent", tenant: undefined, isKnown: false },
    } as const;
    const counts = await compare(make, decideRequest, (body) =>
      route.handle({
        ...call,
        headers: new Headers(),
        json: () => body,
      } as unknown as Call<Operation>),
    );
    expect(Math.min(counts.taken ?? 0, counts.refused ?? 0)).toBeGreaterThan(count / 20);
  },
  testMs,
);
