// What every ledger must do, over every store. One that keeps rows elsewhere joins the table below.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { canonicalJson } from "../../src/base/canonical-json.ts";
import { AegisError } from "../../src/base/errors.ts";
import { sha256 } from "../../src/base/hash.ts";
import { newSessionId } from "../../src/base/ids.ts";
import { eventSizeMaxBytes, jsonDepthMax, signEveryEvents } from "../../src/base/limits.ts";
import type { EventFilter } from "../../src/ledger/contract.ts";
import type { JsonValue, SealedEvent } from "../../src/model/event.ts";
import { policySnapshot } from "../../src/model/policy-snapshot.ts";
import {
  access,
  denial,
  ledgerKinds,
  opening,
  recordSession,
  startMs,
  type TestLedger,
  testPolicy,
} from "../support/ledger.ts";
import { testMs } from "../support/patience.ts";

setDefaultTimeout(testMs);

const everything = { limit: 10_000, offset: 0 };

async function allEvents({ ledger }: TestLedger): Promise<readonly SealedEvent[]> {
  return (await ledger.eventsAfter(-1, 10_000)).map(({ event }) => event);
}

/** The definition of the hash, spelled out. */
function hashOf({ hash: _, ...envelope }: SealedEvent): string {
  return sha256(canonicalJson(envelope)).toBase64();
}

describe.each(ledgerKinds)("a ledger over %s", (_, open) => {
  describe("appending", () => {
    test("seals every event under the hash of its canonical form, chained within its session", async () => {
      const opened = await open();
      await recordSession(opened.ledger, 20);
      await recordSession(opened.ledger, 5);
      const events = await allEvents(opened);
      expect(events.map(({ event_type }) => event_type)).toContain("SESSION_CLOSED");
      for (const event of events) expect(event.hash).toBe(hashOf(event));
      const sessions = Map.groupBy(events, ({ session_id }) => session_id);
      expect(sessions.size).toBe(2);
      for (const chain of sessions.values()) {
        expect(chain.map(({ seq }) => seq)).toEqual(chain.map((_, i) => i));
        expect(chain.map(({ prev_hash }) => prev_hash)).toEqual(
          chain.map((_, i) => (i === 0 ? "" : (chain[i - 1]?.hash ?? "?"))),
        );
      }
    });

    test("returns what a later reader gets", async () => {
      const opened = await open();
      const writer = await opened.ledger.openSession(opening(), testPolicy, startMs);
      const sealed = await writer.append([access("/a"), denial("/b")]);
      expect((await allEvents(opened)).slice(-2)).toEqual([...sealed]);
      expect(sealed[0]).toMatchObject({
        tenant_id: "local",
        user_id: "agent",
        session_id: writer.id,
        event_type: "FILE_READ",
      });
    });

    test("keeps every character of a path", async () => {
      const opened = await open();
      const writer = await opened.ledger.openSession(opening(), testPolicy, startMs);
      const paths = [
        "/é",
        "/\u{1f602}",
        "/a\nb\tc\u0000",
        '/"\\',
        "/\ufffd",
        "/\u2028",
        "/e\u0301",
      ];
      await writer.append(paths.map((path) => access(path)));
      const read = (await allEvents(opened)).slice(-paths.length);
      expect(read.map(({ payload }) => payload.path)).toEqual(paths);
      expect((await opened.ledger.verify()).findings).toEqual([]);
    });

    test("an empty append writes nothing", async () => {
      const opened = await open();
      const writer = await opened.ledger.openSession(opening(), testPolicy, startMs);
      const before = (await allEvents(opened)).length;
      expect(await writer.append([])).toEqual([]);
      expect(await allEvents(opened)).toHaveLength(before);
    });

    const huge = access(`/${"x".repeat(eventSizeMaxBytes)}`);
    const deep = (levels: number): JsonValue => (levels === 0 ? 1 : [deep(levels - 1)]);
    test.each([
      ["a path of half a character", access("/\ud800"), "canonical/invalid"],
      ["a number that is none", access("/", { pid: Number.NaN }), "canonical/invalid"],
      ["too deep a payload", access("/", { args: deep(jsonDepthMax) }), "canonical/invalid"],
      ["too large a payload", huge, "ledger/invalid-event"],
      ["a time before 1970", { ...access("/"), tsUnixMs: -1 }, "ledger/invalid-event"],
      ["a time with a fraction", { ...access("/"), tsUnixMs: 1.5 }, "ledger/invalid-event"],
      [
        "a time beyond all dates",
        { ...access("/"), tsUnixMs: 8.64e15 + 1 },
        "ledger/invalid-event",
      ],
    ])("refuses %s, writes none of the batch, and goes on", async (_, bad, code) => {
      const opened = await open();
      const writer = await opened.ledger.openSession(opening(), testPolicy, startMs);
      const before = (await allEvents(opened)).length;
      const failure = await writer.append([access("/a"), bad]).catch((error) => error);
      expect(failure).toBeInstanceOf(AegisError);
      expect(failure.code).toBe(code);
      expect(await allEvents(opened)).toHaveLength(before);
      await writer.append([access("/a")]);
      expect((await opened.ledger.verify()).valid).toBe(true);
    });

    test("accepts the deepest payload there may be", async () => {
      const opened = await open();
      const writer = await opened.ledger.openSession(opening(), testPolicy, startMs);
      await writer.append([access("/", { args: deep(jsonDepthMax - 2) })]);
      expect((await opened.ledger.verify()).findings).toEqual([]);
    });

    test("a closed session takes nothing but tags", async () => {
      const { ledger } = await open();
      const writer = await recordSession(ledger, 1);
      expect(writer.append([access("/a")])).rejects.toThrow("is closed");
      await ledger.tag(writer.id, "late", startMs + 9);
      expect((await ledger.session(writer.id))?.tag).toBe("late");
      expect((await ledger.verify()).valid).toBe(true);
    });

    test("a long session is signed on its way", async () => {
      const { ledger } = await open();
      const writer = await ledger.openSession(opening(), testPolicy, startMs);
      const batch = Array.from({ length: signEveryEvents }, (_, i) => access(`/f${i}`));
      await writer.append(batch.slice(1));
      expect(await ledger.checkpoints(9)).toHaveLength(0);
      await writer.append(batch.slice(0, 1));
      const [checkpoint] = await ledger.checkpoints(9);
      expect(checkpoint?.size).toBe(signEveryEvents + 3);
    });
  });

  describe("sessions", () => {
    test("begin with what runs, the policy and the protection, on top of the tree before", async () => {
      const opened = await open();
      await recordSession(opened.ledger, 3);
      const { root, size } = await opened.ledger.checkpoint();
      const changes = { tag: "nightly", command: ["make", "all"] };
      const writer = await opened.ledger.openSession(opening(changes), testPolicy, startMs + 5);
      const [first, second] = (await allEvents(opened)).slice(size);
      expect(first).toMatchObject({
        event_type: "SESSION_OPENED",
        session_id: writer.id,
        payload: {
          name: "agent",
          mode: "run",
          command: ["make", "all"],
          directory: "/home/me/project",
          policy_hash: testPolicy.hash,
          tag: "nightly",
          tree: { size, root },
        },
      });
      expect(second).toMatchObject({
        event_type: "COVERAGE",
        payload: { coverage: [{ protection: "filesystem", level: "enforced" }] },
      });
    });

    test("are listed newest first, by name if wanted, with their counters and end", async () => {
      const { ledger } = await open();
      const a = await recordSession(ledger, 20);
      const b = await recordSession(ledger, 5, { name: "other", command: [] });
      expect((await ledger.sessions({ last: 9 })).map(({ id }) => id)).toEqual([b.id, a.id]);
      expect((await ledger.sessions({ last: 1 })).map(({ id }) => id)).toEqual([b.id]);
      expect((await ledger.sessions({ last: 9, name: "agent" })).map(({ id }) => id)).toEqual([
        a.id,
      ]);
      expect(await ledger.sessions({ last: 9, name: "nobody" })).toEqual([]);
      expect(await ledger.session(a.id)).toMatchObject({
        name: "agent",
        command: ["python3", "agent.py"],
        openedUnixMs: startMs,
        closedUnixMs: startMs + 2,
        exitStatus: 0,
        accessCount: 20,
        deniedCount: 2,
        tag: undefined,
      });
      expect(await ledger.session(newSessionId())).toBeUndefined();
    });

    test("count accesses, not rows", async () => {
      const { ledger } = await open();
      const writer = await ledger.openSession(opening(), testPolicy, startMs);
      await writer.append([access("/a", { count: 40 }), denial("/b")]);
      const exit = {
        type: "PROCESS_EXIT",
        tsUnixMs: startMs,
        payload: { path: "/bin/x" },
      } as const;
      await writer.append([exit]);
      const session = await ledger.session(writer.id);
      expect([session?.accessCount, session?.deniedCount]).toEqual([41, 1]);
      expect(session?.closedUnixMs).toBeUndefined();
    });

    test("are tagged by an event, and only when they exist", async () => {
      const opened = await open();
      const { ledger } = opened;
      const { id } = await recordSession(ledger, 1);
      await ledger.tag(id, "reviewed", startMs + 9);
      await ledger.tag(id, "accepted", startMs + 10);
      expect((await ledger.session(id))?.tag).toBe("accepted");
      expect((await allEvents(opened)).at(-1)).toMatchObject({
        event_type: "SESSION_TAGGED",
        payload: { tag: "accepted" },
      });
      const missing = await ledger.tag(newSessionId(), "x", startMs).catch((error) => error);
      expect(missing.code).toBe("ledger/not-found");
    });

    test("of a command larger than an event keep its beginning and the hash of all of it", async () => {
      const opened = await open();
      const command = ["tar", ...Array.from({ length: 3000 }, (_, i) => `/some/long/path/${i}`)];
      const writer = await opened.ledger.openSession(opening({ command }), testPolicy, startMs);
      const [first] = await allEvents(opened);
      const kept = (await opened.ledger.session(writer.id))?.command ?? [];
      expect(kept).toEqual(command.slice(0, kept.length));
      expect(first?.payload.command_omitted).toBe(command.length - kept.length);
      expect(first?.payload.command_hash).toBe(sha256(canonicalJson(command)).toHex());
    });
  });

  describe("policies", () => {
    const other = policySnapshot([
      { kind: "cedar", name: "flags", text: "forbid(principal, action, resource);" },
    ]);

    test("are recorded when an agent's policy changes, with their text", async () => {
      const { ledger } = await open();
      const run = (name: string, policy: typeof other) =>
        ledger.openSession(opening({ name, policyHash: policy.hash }), policy, startMs);
      await run("a", testPolicy);
      await run("a", testPolicy);
      const changed = await run("a", other);
      await run("b", other);
      const back = await run("a", testPolicy);
      const history = await ledger.policyHistory(9);
      expect(history.map(({ snapshot }) => snapshot)).toEqual([
        testPolicy,
        other,
        other,
        testPolicy,
      ]);
      expect(history.map(({ session }) => session)[0]).toBe(back.id);
      expect(history.map(({ session }) => session)[2]).toBe(changed.id);
      expect(await ledger.policyHistory(1)).toHaveLength(1);
      expect((await ledger.verify()).findings).toEqual([]);
    });

    test.each([
      ["another text", { ...testPolicy, sources: other.sources }],
      ["another hash than its session", other],
    ])("are refused with %s than they hash to", async (_, policy) => {
      const { ledger } = await open();
      const failure = await ledger.openSession(opening(), policy, startMs).catch((error) => error);
      expect(failure.code).toBe("ledger/invalid-event");
    });
  });

  describe("reading", () => {
    async function filled() {
      const { ledger } = await open();
      const a = await ledger.openSession(opening(), testPolicy, startMs);
      await a.append([
        access("/etc/hosts"),
        { ...access("/etc/%_x"), tsUnixMs: startMs + 100 },
        denial("/home/me/.ssh/ID_RSA"),
        access("/lib", { reason: "Needed by python" }),
      ]);
      const b = await ledger.openSession(
        opening({ name: "other", command: ["cargo", "build"] }),
        testPolicy,
        startMs + 200,
      );
      await b.append([denial("/etc/shadow")]);
      return { ledger, a, b };
    }

    const at = (ms: number) => startMs + ms;
    test.each<[string, EventFilter, readonly string[]]>([
      ["an action", { action: "FileWrite" }, ["/etc/shadow", "/home/me/.ssh/ID_RSA"]],
      ["an action nobody knows", { action: "Fly" }, []],
      ["an action that is not of the type", { action: "FileRead", type: "FILE_WRITE" }, []],
      ["a type", { type: "FILE_READ" }, ["/lib", "/etc/%_x", "/etc/hosts"]],
      ["denials", { decision: "deny" }, ["/etc/shadow", "/home/me/.ssh/ID_RSA"]],
      ["what was allowed", { decision: "allow" }, ["/lib", "/etc/%_x", "/etc/hosts"]],
      ["an agent", { principal: "other", decision: "deny" }, ["/etc/shadow"]],
      ["an unknown agent", { principal: "nobody" }, []],
      ["a text in the path, in any case", { search: "id_rsa" }, ["/home/me/.ssh/ID_RSA"]],
      ["a text in the reason", { search: "NEEDED BY" }, ["/lib"]],
      ["signs that are wildcards elsewhere", { search: "%_" }, ["/etc/%_x"]],
      ["a wildcard that would match all", { search: "%" }, ["/etc/%_x"]],
      ["a text and a decision", { search: "/etc", decision: "deny" }, ["/etc/shadow"]],
      ["a time", { type: "FILE_READ", fromUnixMs: at(100), toUnixMs: at(100) }, ["/etc/%_x"]],
      ["a time before", { type: "FILE_READ", toUnixMs: at(99) }, ["/lib", "/etc/hosts"]],
      ["a time that is over", { fromUnixMs: at(201) }, []],
    ])("by %s gives the events that match, newest first", async (_, filter, paths) => {
      const { ledger } = await filled();
      const { events, total } = await ledger.events(filter, everything);
      expect(events.map(({ payload }) => payload.path as string)).toEqual([...paths]);
      expect(total).toBe(paths.length);
    });

    test("by session gives that session whole", async () => {
      const { ledger, b } = await filled();
      const { events, total } = await ledger.events({ session: b.id }, everything);
      expect(events.map(({ seq }) => seq)).toEqual([3, 2, 1, 0]);
      expect(total).toBe(4);
      expect((await ledger.events({ session: newSessionId() }, everything)).total).toBe(0);
    });

    test("finds a session by its command", async () => {
      const { ledger, b } = await filled();
      const { events } = await ledger.events({ search: "cargo build" }, everything);
      expect(events.map(({ session_id, seq }) => [session_id, seq])).toEqual([[b.id, 0]]);
    });

    test.each<[string, EventFilter]>([
      ["everything", {}],
      ["a session's events", { type: "FILE_READ" }],
      ["what a text matches", { search: "/usr/lib" }],
    ])("pages through %s without gaps or repeats", async (_, filter) => {
      const { ledger } = await open();
      await recordSession(ledger, 40);
      const whole = await ledger.events(filter, everything);
      const paged: SealedEvent[] = [];
      for (let offset = 0; offset < whole.total; offset += 7) {
        const page = await ledger.events(filter, { limit: 7, offset });
        expect(page.total).toBe(whole.total);
        paged.push(...page.events);
      }
      expect(paged).toEqual([...whole.events]);
      expect((await ledger.events(filter, { limit: 7, offset: whole.total })).events).toEqual([]);
    });

    test("follows from any index, oldest first", async () => {
      const { ledger } = await filled();
      const { total } = await ledger.events({}, { limit: 0, offset: 0 });
      const all = await ledger.eventsAfter(-1, 1000);
      expect(all.map(({ index }) => index)).toEqual(Array.from({ length: total }, (_, i) => i));
      expect(await ledger.eventsAfter(total - 3, 1)).toEqual(all.slice(-2, -1));
      expect(await ledger.eventsAfter(total - 1, 10)).toEqual([]);
    });

    test("finds an event's index by its session and number", async () => {
      const { ledger, a, b } = await filled();
      expect(await ledger.indexOf(a.id, 3)).toBe(3);
      expect(await ledger.indexOf(b.id, 0)).toBe(7);
      expect(await ledger.indexOf(b.id, 99)).toBeUndefined();
      expect(await ledger.indexOf(newSessionId(), 0)).toBeUndefined();
    });

    test("an empty ledger is empty and verifies", async () => {
      const { ledger } = await open();
      expect(await ledger.events({}, everything)).toEqual({ events: [], total: 0 });
      expect(await ledger.sessions({ last: 9 })).toEqual([]);
      expect(await ledger.policyHistory(9)).toEqual([]);
      expect(await ledger.verify()).toEqual({
        valid: true,
        eventCount: 0,
        unopened: 0,
        purged: 0,
        findings: [],
        unclosed: [],
        losses: new Map(),
        warnings: [],
        checkpoint: undefined,
      });
    });
  });
});
