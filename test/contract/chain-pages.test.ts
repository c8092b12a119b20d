// Reading events page by page, over every store: whatever is asked for, the pages together hold it
// all and in order, whoever waits meanwhile has a turn, and who has left is read no further for.

import { beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { parseJsonText } from "../../src/base/json-text.ts";
import type { AppendRequest, EventQuery, LoggedEvent } from "../../src/ledger/control/contract.ts";
import { sessionKey, tenantPrefix } from "../../src/ledger/control/foreign.ts";
import { createControlLog } from "../../src/ledger/control/log.ts";
import type { ChainQuery, Store } from "../../src/ledger/store.ts";
import { leafPages } from "../../src/ledger/verify/leaf-pages.ts";
import { ledgerKinds } from "../support/ledger.ts";
import { testMs } from "../support/patience.ts";
import { seededRandom } from "../support/random-json.ts";

setDefaultTimeout(testMs);

/** By tenant: how many sessions it has. More than 1,000 are read in another way. */
const sessionCounts = { few: 7, one: 1, many: 1100 } as const;
const tenants = Object.keys(sessionCounts) as (keyof typeof sessionCounts)[];
const types = ["A", "B", "RARE"];
const eventCount = 6000;

function randomEvents(random: () => number): readonly AppendRequest[] {
  const below = (count: number) => Math.floor(random() * count);
  return Array.from({ length: eventCount }, (_, at) => {
    const tenant = tenants[below(tenants.length)] ?? "few";
    // The first session of each has most of the events, early ones above all.
    const session = random() < 0.5 ? 0 : below(sessionCounts[tenant]);
    const type = random() < 0.002 ? "RARE" : (types[below(2)] ?? "A");
    const payload = parseJsonText(JSON.stringify({ tool_name: `t${below(400)}`, at }));
    const place = { tenant, user: "u", session: `s${session}`, type };
    return { ...place, payload, tsUnixMs: 1000 + below(1000) };
  });
}

describe.each(ledgerKinds)("pages over %s", (_, open) => {
  let store: Store;
  let all: readonly LoggedEvent[];
  beforeEach(async () => {
    ({ store } = await open());
    const log = createControlLog(store);
    const events = randomEvents(seededRandom(7));
    for (let at = 0; at < events.length; at += 500) await log.append(events.slice(at, at + 500));
    all = await log.after(-1, eventCount);
    expect(all).toHaveLength(eventCount);
  });

  test("300 random questions have the answers that looking at all events has", async () => {
    const random = seededRandom(11);
    const below = (count: number) => Math.floor(random() * count);
    for (let question = 0; question < 300; question++) {
      const tenant = tenants[below(tenants.length)] ?? "few";
      const session = random() < 0.4 ? `s${below(sessionCounts[tenant])}` : undefined;
      const isOfAll = random() < 0.1;
      const type = random() < 0.5 ? types[below(types.length)] : undefined;
      const fromUnixMs = random() < 0.3 ? 1000 + below(1000) : undefined;
      const toUnixMs = random() < 0.3 ? 1000 + below(1000) : undefined;
      const after = random() < 0.3 ? -1 : below(eventCount + 10);
      const where = isOfAll
        ? {}
        : session === undefined
          ? { prefix: tenantPrefix(tenant) }
          : { session: sessionKey(tenant, session) };
      const asked = { ...where, type, fromUnixMs, toUnixMs, after, limit: 1 + below(900) };
      const expected = all.filter(
        (event) =>
          event.index > after &&
          (isOfAll || event.tenant === tenant) &&
          (isOfAll || session === undefined || event.session === session) &&
          (type === undefined || event.type === type) &&
          (fromUnixMs === undefined || event.tsUnixMs >= fromUnixMs) &&
          (toUnixMs === undefined || event.tsUnixMs <= toUnixMs),
      );
      expect(await indexesOf(store, asked)).toEqual(expected.map(({ index }) => index));
    }
  });

  test.each([
    ["a tenant with few sessions", { tenant: "few" }],
    ["a tenant with many sessions", { tenant: "many" }],
    ["one session", { tenant: "one", session: "s0" }],
  ])("a tool nobody called, asked for of %s: others have turns", async (_, place) => {
    const log = createControlLog(store);
    const { answer, turns } = await withTurns(log.events({ ...place, toolName: "none", limit: 1 }));
    expect(answer).toEqual([]);
    expect(turns).toBeGreaterThan(5);
  });

  test("verifying a session gives others turns", async () => {
    const log = createControlLog(store);
    const { answer, turns } = await withTurns(log.verify("one", "s0"));
    expect(answer).toMatchObject({ valid: true });
    expect(turns).toBeGreaterThan(3);
  });

  test("a question is answered for as long as somebody waits", async () => {
    const asked: EventQuery = { tenant: "few", toolName: "none", limit: 1 };
    const whole = counting(store);
    await createControlLog(whole.store).events(asked);
    expect(whole.pages()).toBeGreaterThan(5);
    const left = new AbortController();
    const half = counting(store, () => left.abort());
    await createControlLog(half.store).events({ ...asked, signal: left.signal });
    expect(half.pages()).toBe(1);
  });
});

describe.each(ledgerKinds)("large events over %s", (_, open) => {
  const mebibyte = 1024 * 1024;
  /** Mebibytes of each. */
  const sizes = [0, 1, 1, 0, 3, 3, 3, 0, 0, 3, 3, 1, 3, 0];

  test("are read a few at a time, and all of them", async () => {
    const { store } = await open();
    const log = createControlLog(store);
    const place = { tenant: "acme", session: "s", user: "", type: "T", tsUnixMs: 1 };
    for (const size of sizes) {
      const tool_name = size === 0 ? "small" : "large";
      const payload = parseJsonText(
        JSON.stringify({ tool_name, text: "x".repeat(size * mebibyte) }),
      );
      await log.append([{ ...place, payload }]);
    }
    const session = sessionKey("acme", "s");
    for (const where of [{}, { prefix: tenantPrefix("acme") }, { session }]) {
      for (const type of [undefined, "T"]) {
        const asked = { ...where, type, after: -1, limit: 1000 };
        expect(await indexesOf(store, asked)).toEqual(sizes.map((_, at) => at));
        const { events } = await store.chain(asked);
        expect(events.length).toBe(5);
      }
    }
    const query = { tenant: "acme", session: "s", limit: 1000 };
    const first = await log.page(query);
    expect([first.events.length, first.next]).toEqual([6, 5]);
    const large = await log.page({ ...query, toolName: "large" });
    expect(large.events.map(({ seq }) => seq)).toEqual([1, 2, 4, 5]);
    const small = await log.page({ ...query, toolName: "small" });
    expect([small.events.length, small.next]).toEqual([5, undefined]);
    expect(await log.verify("acme", "s")).toMatchObject({ valid: true });
    const snapshot = await store.snapshot();
    const pages = await Array.fromAsync(leafPages(snapshot));
    await snapshot.close();
    expect(pages.map((page) => page.length)).toEqual([5, 4, 3, 2]);
    const lengths: number[] = [];
    for (let first = 0; first < sizes.length; ) {
      const page = await store.eventsFrom(first, 1000);
      expect(page.map(({ index }) => index)).toEqual(page.map((_, at) => first + at));
      lengths.push(page.length);
      first += page.length;
    }
    expect(lengths).toEqual([5, 4, 3, 2]);
    expect(await store.eventsFrom(sizes.length, 1000)).toEqual([]);
    expect(pages.flat().map(({ index }) => index)).toEqual(sizes.map((_, at) => at));
  });
});

async function indexesOf(store: Store, query: ChainQuery): Promise<readonly number[]> {
  const found: number[] = [];
  for (let after: number | undefined = query.after; after !== undefined; ) {
    const page = await store.chain({ ...query, after });
    expect(page.events.length).toBeLessThanOrEqual(query.limit);
    if (page.next !== undefined) expect(page.next).toBeGreaterThan(after);
    found.push(...page.events.map(({ index }) => index));
    after = page.next;
  }
  return found;
}

async function withTurns<T>(work: Promise<T>): Promise<{ answer: T; turns: number }> {
  let turns = 0;
  let isOver = false;
  const turn = (): void => {
    turns += 1;
    if (!isOver) setImmediate(turn);
  };
  setImmediate(turn);
  const answer = await work.finally(() => {
    isOver = true;
  });
  return { answer, turns };
}

/** @param onPage told before each page is read */
function counting(store: Store, onPage: () => void = () => undefined) {
  let pages = 0;
  const counted: Store = {
    ...store,
    chain(query) {
      pages += 1;
      onPage();
      return store.chain(query);
    },
  };
  return { store: counted, pages: () => pages };
}
