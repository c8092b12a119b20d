// What the log of the control plane must do, over every store.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { canonicalText } from "../../src/base/canonical-dialects.ts";
import { sha256 } from "../../src/base/hash.ts";
import { parseJsonText } from "../../src/base/json-text.ts";
import type {
  AppendOutcome,
  AppendRequest,
  ControlLog,
} from "../../src/ledger/control/contract.ts";
import { createControlLog } from "../../src/ledger/control/log.ts";
import { ledgerKinds, opening, recordSession, startMs, testPolicy } from "../support/ledger.ts";
import { testMs } from "../support/patience.ts";

setDefaultTimeout(testMs);

const base: AppendRequest = {
  tenant: "acme",
  user: "u1",
  session: "sess-001",
  type: "TOOL_CALL_PROPOSED",
  payload: parseJsonText('{"tool_name":"read_file","call_id":"c1","args":{}}'),
  tsUnixMs: 1_700_000_000_000,
};
const firstHash = "a9355e5547d03dbcd3be5ac32cd20d5b7a44630741a90376872b29891f83825c";
const second: AppendRequest = {
  ...base,
  type: "TOOL_RESULT",
  payload: parseJsonText('{"call_id":"c1","result":"ok"}'),
  tsUnixMs: 1_700_000_001_000,
  seq: 1,
  prevHash: Uint8Array.fromHex(firstHash),
};

function stored(seq: number, hash?: string): Partial<AppendOutcome> {
  return { kind: "stored", seq, ...(hash === undefined ? {} : { hash }) };
}

describe.each(ledgerKinds)("the control log over %s", (_, open) => {
  async function openLog() {
    const opened = await open();
    return { ...opened, log: createControlLog(opened.store) };
  }

  async function append(log: ControlLog, request: AppendRequest) {
    const [outcome] = await log.append([request]);
    if (outcome === undefined) throw new Error("no outcome");
    return outcome;
  }

  describe("seals as other implementations do", () => {
    test.each([
      ["a first event", base, firstHash],
      [
        "an event without a user",
        { ...base, user: "" },
        "96a74364847ab044ae79404427e5de96b495b1bf65d38a2b030ebd8d5439e12a",
      ],
      [
        "an empty payload",
        {
          ...base,
          tenant: "t1",
          session: "s1",
          type: "MODEL_CALL_STARTED",
          payload: null,
          tsUnixMs: 1,
        },
        "92688d99196824a35772899bd52df2226a5f697bd36240e6f239ee7934e83839",
      ],
    ])("%s", async (_, request, hash) => {
      const { log } = await openLog();
      expect(await append(log, request)).toMatchObject(stored(0, hash));
    });

    test("an event that follows another", async () => {
      const { log } = await openLog();
      await append(log, base);
      const hash = "03899cadaa924165997bb320ab06be372b7b0312a1ec9a1110a1aa07c79ce9bd";
      expect(await append(log, second)).toMatchObject(stored(1, hash));
      expect(await log.event("acme", "sess-001", 1)).toMatchObject({
        hash,
        prevHash: firstHash,
        payload: { call_id: "c1", result: "ok" },
        user: "u1",
      });
    });
  });

  test("a tenant's session is not to be had as one of this machine's", async () => {
    const { log } = await openLog();
    await append(log, base);
    expect(await log.session("acme", "sess-001")).toMatchObject({ eventCount: 1 });
    const name = "acme/sess-001";
    expect(await log.session("local", name)).toBeUndefined();
    expect(await log.event("local", name, 0)).toBeUndefined();
    expect(await log.events({ tenant: "local", session: name, limit: 9 })).toEqual([]);
  });

  describe("takes what a client sealed", () => {
    const seals: readonly (readonly [string, string])[] = [
      ["in base64", "03899cadaa924165997bb320ab06be372b7b0312a1ec9a1110a1aa07c79ce9bd"],
      ["as a list of integers", "bb513870ce08b596181358a7b513250a2a7bf72988fc625e050e0033955b41c6"],
      ["in hex", "a104220de2b2040a93d7b972d1f53538008b42cfdb3371e6209516c95968e8dc"],
    ];
    test.each(seals)("with the hash before it written %s", async (_, hash) => {
      const { log, ledger } = await openLog();
      await append(log, base);
      const sealed = { ...second, hash: Uint8Array.fromHex(hash) };
      expect(await append(log, sealed)).toMatchObject(stored(1, hash));
      expect(await log.verify("acme", "sess-001")).toEqual({
        valid: true,
        firstBadSeq: 0,
        error: "",
      });
      expect((await ledger.verify()).findings).toEqual([]);
    });

    test.each(["go", "python", "rfc8785"] as const)("in the canonical form of %s", async (name) => {
      const { log, ledger } = await openLog();
      const payloadText =
        '{"a":1.0,"b":"<&>\u2028","c":-0.0,"d":9007199254740993,"\ufb33":1,"\u{1f602}":1}';
      const envelope = `{"event_type":"X","payload":${payloadText},"seq":0,"session_id":"s","tenant_id":"t","ts_unix_ms":5,"user_id":""}`;
      const hash = sha256(canonicalText(parseJsonText(envelope), name));
      const payload = parseJsonText(payloadText);
      const request = { tenant: "t", user: "", session: "s", type: "X", payload, tsUnixMs: 5 };
      expect(await append(log, { ...request, hash })).toMatchObject(stored(0, hash.toHex()));
      expect(await log.verify("t", "s")).toMatchObject({ valid: true });
      expect((await ledger.verify()).findings).toEqual([]);
    });
  });

  describe("refuses", () => {
    const wrong = new Uint8Array(32);
    const rows: readonly (readonly [string, AppendRequest, string])[] = [
      ["a number that was left out", { ...second, seq: 2 }, "chain_conflict"],
      ["another event in the place of one", { ...base, seq: 0, type: "OTHER" }, "chain_conflict"],
      ["a wrong predecessor", { ...second, prevHash: wrong }, "chain_conflict"],
      [
        "no predecessor where there is one",
        {
          ...{ ...second, prevHash: undefined },
          hash: Uint8Array.fromHex(
            "d03079eed8a63f25a3128447fb329350c659a6268f1910e8c361615ec9845749",
          ),
        },
        "chain_conflict",
      ],
      ["a predecessor of the first", { ...second, session: "new", seq: 0 }, "first_has_prev"],
      ["a seal of something else", { ...second, hash: wrong }, "hash_mismatch"],
      ["such a seal beyond the end", { ...second, seq: 2, hash: wrong }, "hash_mismatch"],
      [
        "a number beyond all numbers",
        { ...second, payload: parseJsonText("1e999") },
        "event_invalid",
      ],
      ["half a character in a name", { ...second, user: "\ud800" }, "event_invalid"],
      ["a number beyond the safe ones", { ...second, seq: 2 ** 53 }, "event_invalid"],
      ["a time before 1970", { ...second, tsUnixMs: -1 }, "event_invalid"],
      ["this machine's own tenant", { ...base, tenant: "local" }, "tenant_reserved"],
    ];
    test.each(rows)("%s, and takes the right one after it", async (_, request, code) => {
      const { log, ledger } = await openLog();
      await append(log, base);
      const refused = await append(log, request);
      expect(refused).toMatchObject({ kind: "refused", code });
      if (code === "chain_conflict") {
        expect(refused).toMatchObject({ expectedSeq: 1, expectedPrevHash: firstHash });
      }
      expect(await append(log, second)).toMatchObject(stored(1));
      expect(await log.size()).toBe(2);
      expect((await ledger.verify()).findings).toEqual([]);
    });
  });

  describe("stores once", () => {
    test("the same event sent again", async () => {
      const { log } = await openLog();
      await append(log, { ...base, seq: 0 });
      const again = await append(log, { ...base, seq: 0 });
      expect(again).toMatchObject({ kind: "repeated", seq: 0, hash: firstHash, index: 0 });
      expect(await log.size()).toBe(1);
    });

    test("what a client sealed, and nothing else that is sent with its hash", async () => {
      const { log } = await openLog();
      const first = { ...base, seq: 0, hash: Uint8Array.fromHex(firstHash) };
      const hex = "bb513870ce08b596181358a7b513250a2a7bf72988fc625e050e0033955b41c6";
      const next = { ...second, hash: Uint8Array.fromHex(hex) };
      const forged: readonly AppendRequest[] = [
        ...[{ payload: new Map() }, { type: "X" }, { user: "root" }, { tsUnixMs: 5 }].map(
          (change) => ({ ...next, ...change }),
        ),
        { ...next, prevHash: new Uint8Array(32) },
        { ...first, payload: null, idempotencyKey: "k1" },
      ];
      // In the transaction that stores them, and after it.
      const before = await log.append([first, next, ...forged, next]);
      const after = await log.append([...forged, first, next]);
      const refused = forged.map(() => "hash_mismatch" as const);
      const told = (outcomes: readonly AppendOutcome[]) =>
        outcomes.map((one) => (one.kind === "refused" ? one.code : one.kind));
      expect(told(before)).toEqual(["stored", "stored", ...refused, "repeated"]);
      expect(told(after)).toEqual([...refused, "repeated", "repeated"]);
      expect(await log.size()).toBe(2);
    });

    test("what is sent again under the same key, which stands for nothing else", async () => {
      const { log } = await openLog();
      const keyed = { ...base, idempotencyKey: "k1" };
      expect(await append(log, keyed)).toMatchObject(stored(0));
      expect(await append(log, keyed)).toMatchObject({ kind: "repeated", seq: 0, index: 0 });
      expect(await append(log, { ...keyed, user: "u2" })).toMatchObject({
        kind: "refused",
        code: "idempotency_mismatch",
      });
      expect(await append(log, { ...keyed, tenant: "other" })).toMatchObject(stored(0));
      expect(await append(log, base)).toMatchObject(stored(1));
    });

    test("the same event without what the log fills in, and no other one in its place", async () => {
      const { log } = await openLog();
      const [first, next] = [
        { ...base, seq: 0 },
        { ...base, seq: 1, isTimeFilledIn: true },
      ];
      const outcomes = await log.append([first, next, { ...next, tsUnixMs: next.tsUnixMs + 5 }]);
      expect(outcomes.map(({ kind }) => kind)).toEqual(["stored", "stored", "repeated"]);
      const later = { ...next, tsUnixMs: next.tsUnixMs + 9 };
      expect(await append(log, later)).toMatchObject({ kind: "repeated", seq: 1, index: 1 });
      expect(await append(log, { ...later, user: "u2" })).toMatchObject({ code: "chain_conflict" });
      const timed = { ...later, isTimeFilledIn: false };
      expect(await append(log, timed)).toMatchObject({ code: "chain_conflict" });
      expect(await log.size()).toBe(2);
    });

    test("a question by its key, and no answer that looks the same", async () => {
      const { log } = await openLog();
      const asked = { ...base, seq: 0, answers: "may I?", idempotencyKey: "k1" };
      expect(await append(log, asked)).toMatchObject(stored(0));
      // By now another answer would be stored, and elsewhere.
      const again = { ...asked, seq: 1, tsUnixMs: 7, payload: new Map([["other", null]]) };
      expect(await append(log, again)).toMatchObject({ kind: "repeated", seq: 0, index: 0 });
      const mismatch = { kind: "refused", code: "idempotency_mismatch" };
      expect(await append(log, { ...asked, answers: "may we?" })).toMatchObject(mismatch);
      const conflict = { kind: "refused", code: "chain_conflict" };
      for (const idempotencyKey of ["k2", undefined]) {
        expect(await append(log, { ...asked, idempotencyKey })).toMatchObject(conflict);
      }
      expect(await log.size()).toBe(1);
    });

    test("both within one transaction", async () => {
      const { log } = await openLog();
      const keyed = { ...base, idempotencyKey: "k1" };
      const outcomes = await log.append([keyed, keyed, { ...base, seq: 0 }]);
      expect(outcomes.map(({ kind }) => kind)).toEqual(["stored", "repeated", "repeated"]);
    });
  });

  test("chains many clients at once, and every one is told where it stands", async () => {
    const { log, ledger } = await openLog();
    const heard: number[] = [];
    log.onStored(({ index }) => heard.push(index));
    const sessions = Array.from({ length: 20 }, (_, at) => `s${at}`);
    await Promise.all(
      sessions.map(async (session) => {
        for (let i = 0; i < 10; i++) {
          expect(await append(log, { ...base, session })).toMatchObject(stored(i));
        }
      }),
    );
    expect(heard).toEqual(Array.from({ length: 200 }, (_, at) => at));
    for (const session of sessions) {
      expect(await log.verify("acme", session)).toMatchObject({ valid: true });
    }
    expect((await ledger.verify()).findings).toEqual([]);
  });

  test("keeps tenants apart, also those whose names contain each other", async () => {
    const { log } = await openLog();
    for (const tenant of ["a", "ab", "a/b", "a%2Fb"]) {
      await append(log, { ...base, tenant, session: `of ${tenant}` });
    }
    for (const tenant of ["a", "ab", "a/b", "a%2Fb"]) {
      const found = await log.sessions(tenant, 10);
      expect(found.map(({ session }) => session)).toEqual([`of ${tenant}`]);
      const events = await log.events({ tenant, limit: 10 });
      expect(events.map(({ session }) => session)).toEqual([`of ${tenant}`]);
    }
    expect(await log.event("a", "of ab", 0)).toBeUndefined();
  });

  test("finds events by type, tool, outcome and time, page by page", async () => {
    const { log } = await openLog();
    for (let i = 0; i < 30; i++) {
      const tool = i % 3 === 0 ? "exec" : "read_file";
      const text = JSON.stringify({
        tool_name: tool,
        outcome: i % 2 === 0 ? "DENY" : "allow",
      });
      const payload = parseJsonText(text);
      const type = i % 5 === 0 ? "POLICY_DECISION" : "TOOL_CALL_PROPOSED";
      await append(log, { ...base, type, payload, tsUnixMs: 1000 + i });
    }
    const ask = async (query: object) =>
      (await log.events({ tenant: "acme", limit: 100, ...query })).map(({ seq }) => seq);
    expect(await ask({ type: "POLICY_DECISION" })).toEqual([0, 5, 10, 15, 20, 25]);
    expect(await ask({ toolName: "exec", outcome: "deny" })).toEqual([0, 6, 12, 18, 24]);
    expect(await ask({ fromUnixMs: 1010, toUnixMs: 1012 })).toEqual([10, 11, 12]);
    const first = await log.events({ tenant: "acme", limit: 4, toolName: "exec" });
    expect(first.map(({ seq }) => seq)).toEqual([0, 3, 6, 9]);
    expect(await ask({ toolName: "exec", after: first.at(-1)?.index, limit: 2 })).toEqual([12, 15]);
    expect(await ask({ session: "none" })).toEqual([]);
  });

  test("stands in one ledger with what this machine records", async () => {
    const { log, ledger } = await openLog();
    await recordSession(ledger, 5);
    await append(log, base);
    const writer = await ledger.openSession(opening(), testPolicy, startMs);
    await append(log, second);
    expect(await log.verify("acme", "sess-001")).toMatchObject({ valid: true });
    expect(await log.verify("local", writer.id)).toMatchObject({ valid: true });
    const all = await log.after(-1, 100);
    expect(all.map(({ index }) => index)).toEqual(all.map((_, at) => at));
    const report = await ledger.verify();
    expect(report.findings).toEqual([]);
    expect(report.eventCount).toBe(all.length);
  });

  test("changes a record together with an event, or neither", async () => {
    const { log } = await openLog();
    const record = { kind: "approval", key: "acme/1", json: "1" };
    const change = (json: string, expected: string | undefined) => ({
      ...base,
      change: { record: { ...record, json }, expected },
    });
    const [first, second, third] = await log.append([
      change("1", undefined),
      change("2", undefined),
      change("3", "1"),
    ]);
    expect(first).toMatchObject(stored(0));
    expect(second).toMatchObject({ kind: "refused", code: "record_changed" });
    expect(third).toMatchObject(stored(1));
    const gap = { ...change("4", "3"), seq: 9 };
    expect(await append(log, gap)).toMatchObject({ kind: "refused", code: "chain_conflict" });
    expect(await log.record("approval", "acme/1")).toEqual({ ...record, json: "3" });
    expect(await log.session("acme", "sess-001")).toMatchObject({ eventCount: 2 });
  });

  test("lists a tenant of many sessions in order, page by page, and no other's", async () => {
    const { log } = await openLog();
    const tenants = ["many", "few"];
    const requests = Array.from({ length: 1500 }, (_, at) => {
      const tenant = tenants[at % 5 === 0 ? 1 : 0] ?? "";
      return { ...base, tenant, session: `s${tenant === "few" ? at % 3 : at}`, tsUnixMs: at };
    });
    await log.append(requests);
    for (const tenant of tenants) {
      const wanted = requests.flatMap((one, at) => (one.tenant === tenant ? [at] : []));
      const seen: number[] = [];
      for (let after = -1; ; ) {
        const page = await log.events({ tenant, after, limit: 400 });
        seen.push(...page.map(({ tsUnixMs }) => tsUnixMs));
        const last = page.at(-1);
        if (last === undefined) break;
        after = last.index;
      }
      expect(seen).toEqual(wanted);
    }
    const newest = (await log.sessions("many", 3)).map(({ session }) => session);
    expect(newest).toEqual(["s1499", "s1498", "s1497"]);
    const listed: string[] = [];
    for (let before: string | undefined; ; before = listed.at(-1)) {
      const page = await log.sessions("many", 500, before);
      listed.push(...page.map(({ session }) => session));
      if (page.length === 0) break;
    }
    expect(listed.slice(0, 5)).toEqual(["s1499", "s1498", "s1497", "s1496", "s1494"]);
    expect(new Set(listed).size).toBe(1200);
    const few = (await log.sessions("few", 9)).map(({ session }) => session);
    expect((await log.sessions("few", 1, few[1])).map(({ session }) => session)).toEqual(
      few.slice(2),
    );
  });
});
