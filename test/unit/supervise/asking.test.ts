import { expect, test } from "bun:test";
import { asksPerSecondMax, asksWaitingMax } from "../../../src/base/limits.ts";
import type { Answer, Question } from "../../../src/enforce/backend.ts";
import type { EventDraft } from "../../../src/model/event.ts";
import {
  type AlwaysFile,
  createAsking,
  type PromptAnswer,
  type PromptQuestion,
} from "../../../src/supervise/asking.ts";

interface Shown {
  readonly question: PromptQuestion;
  readonly signal: AbortSignal;
  readonly give: (answer: PromptAnswer) => void;
}

/** A person who answers when the test says so, and a clock that stands still until it is set. */
function setUp(always?: AlwaysFile) {
  const shown: Shown[] = [];
  const told: string[] = [];
  const notes: EventDraft[] = [];
  const clock = { ms: 0 };
  const ask = createAsking({
    prompt: {
      ask: (question, signal) =>
        new Promise((give) => {
          shown.push({ question, signal, give });
          signal.addEventListener("abort", () => give("no"));
        }),
      tell: (sentence) => void told.push(sentence),
      close: () => undefined,
    },
    always,
    ownPaths: ["/state"],
    clock: { nowUnixMs: () => 5, monotonicMs: () => clock.ms },
    note: (draft) => void notes.push(draft),
  });
  const from = (question: Partial<Question>, signal = new AbortController().signal) =>
    ask({ ...read, ...question }, signal);
  /** Answers the question that stands there, and lets the next one come up. */
  const answer = async (given: PromptAnswer) => {
    shown.at(-1)?.give(given);
    await Bun.sleep(0);
  };
  return { ask: from, answer, shown, told, notes, clock };
}

const read: Question = {
  actions: ["FileRead"],
  path: "/data/a",
  isGarbled: false,
  pid: 7,
  exe: "/bin/cat",
};

test("one question stands there at a time, in the order they came", async () => {
  const { ask, answer, shown } = setUp();
  const answers = [ask({ path: "/data/a" }), ask({ path: "/data/b" }), ask({ path: "/data/c" })];
  for (const [at, given] of (["once", "no", "session"] as const).entries()) {
    expect(shown).toHaveLength(at + 1);
    await answer(given);
  }
  expect(await Promise.all(answers)).toEqual(["once", "no", "session"]);
  expect(shown.map(({ question }) => question.path)).toEqual(["/data/a", "/data/b", "/data/c"]);
});

test("once is for one of two who ask the same, session is for both", async () => {
  const { ask, answer, shown } = setUp();
  const answers = [ask({}), ask({ pid: 8 }), ask({ pid: 9 })];
  expect(shown).toHaveLength(1);
  await answer("once");
  expect(await answers[0]).toBe("once");
  expect(shown).toHaveLength(2);
  await answer("session");
  expect(await Promise.all(answers.slice(1))).toEqual(["session", "session"]);
});

const remembered: readonly [given: PromptAnswer, then: Answer | "asked"][] = [
  ["once", "asked"],
  ["no", "asked"],
  ["timeout", "asked"],
  ["unasked", "asked"],
  ["session", "session"],
  ["folder", "folder"],
  ["deny", "no"],
];
for (const [given, then] of remembered) {
  test(`after "${given}" the same question is ${then}`, async () => {
    const { ask, answer, shown } = setUp();
    ask({});
    await answer(given);
    const second = ask({});
    expect(shown).toHaveLength(then === "asked" ? 2 : 1);
    if (then !== "asked") expect(await second).toBe(then);
  });
}

test("an answer is for its actions and its path, a folder for what lies in it", async () => {
  const { ask, answer, shown } = setUp();
  ask({});
  await answer("session");
  ask({ actions: ["FileRead", "FileWrite"] });
  await answer("no");
  ask({ path: "/data/b" });
  await answer("folder");
  expect(await ask({ path: "/data/c/d" })).toBe("folder");
  expect(shown).toHaveLength(3);
  ask({ path: "/database" });
  expect(shown).toHaveLength(4);
});

test("after quit nothing is asked, but what was allowed stays allowed", async () => {
  const { ask, answer, shown } = setUp();
  ask({});
  await answer("session");
  const waiting = [ask({ path: "/data/b" }), ask({ path: "/data/c" })];
  await answer("quit");
  expect(await Promise.all(waiting)).toEqual(["no", "no"]);
  expect(await ask({ path: "/data/d" })).toBe("unasked");
  expect(await ask({})).toBe("session");
  expect(shown).toHaveLength(2);
});

test("more than so many questions in a second are none", async () => {
  const { ask, clock, shown, answer } = setUp();
  const answers: Promise<Answer>[] = [];
  for (let i = 0; i < asksPerSecondMax; i++) answers.push(ask({ path: `/data/${i}` }));
  expect(await ask({ path: "/data/more" })).toBe("unasked");
  clock.ms = 999;
  expect(await ask({ path: "/data/more" })).toBe("unasked");
  clock.ms = 1000;
  answers.push(ask({ path: "/data/more" }));
  for (const _ of answers) await answer("once");
  expect(new Set(await Promise.all(answers))).toEqual(new Set(["once"]));
  expect(shown).toHaveLength(asksPerSecondMax + 1);
});

test("nobody is asked about aegis' own state", async () => {
  const { ask, shown } = setUp();
  expect(await ask({ path: "/state/ledger.db" })).toBe("unasked");
  expect(shown).toHaveLength(0);
  ask({ path: "/statement" });
  expect(shown).toHaveLength(1);
});

test("a name that is no text is never remembered", async () => {
  const { ask, answer, shown } = setUp();
  ask({ isGarbled: true });
  expect(shown[0]?.question).toMatchObject({ isRepeatable: false, alwaysIn: undefined });
  await answer("session");
  ask({ isGarbled: true });
  expect(shown).toHaveLength(2);
});

test("a question whose caller has gone goes, unless the caller comes back at once", async () => {
  const { ask, answer, shown, notes } = setUp();
  const gone = new AbortController();
  const first = ask({}, gone.signal);
  gone.abort();
  expect(await first).toBe("no");
  const again = ask({});
  await answer("once");
  expect(await again).toBe("once");
  const forGood = new AbortController();
  ask({ path: "/data/b" }, forGood.signal);
  const next = ask({ path: "/data/c" });
  forGood.abort();
  await new Promise((resolve) => shown.at(-1)?.signal.addEventListener("abort", resolve));
  await Bun.sleep(0);
  expect(shown.at(-1)?.question.path).toBe("/data/c");
  await answer("once");
  expect(await next).toBe("once");
  expect(notes.map(({ payload }) => payload.path)).toEqual(["/data/a", "/data/c"]);
});

test("always is written before it has an effect; what cannot be written is the session's", async () => {
  const written: string[] = [];
  const good = setUp({ path: "/p.cedar", write: ({ path }) => void written.push(path) });
  const yes = good.ask({});
  await good.answer("always");
  expect([await yes, await good.ask({})]).toEqual(["always", "always"]);
  expect(written).toEqual(["/data/a"]);
  expect(good.notes[0]?.payload).toMatchObject({ answer: "always", written: "/p.cedar" });
  const bad = setUp({
    path: "/p.cedar",
    write: () => {
      throw new Error("the disk is full");
    },
  });
  const still = bad.ask({});
  await bad.answer("always");
  expect([await still, await bad.ask({})]).toEqual(["session", "session"]);
  expect(bad.told).toEqual(["allowed for this session only: the disk is full"]);
  expect(bad.notes[0]?.payload.written).toBeUndefined();
});

test("the record of a question stands before its answer is given", async () => {
  const { ask, answer, notes, clock } = setUp();
  const given = ask({}).then(() => notes.length);
  clock.ms = 1234.4;
  await answer("timeout");
  expect(await given).toBe(1);
  expect(notes[0]).toEqual({
    type: "ACCESS_ASKED",
    tsUnixMs: 5,
    payload: {
      asked: "FileRead",
      path: "/data/a",
      answer: "timeout",
      outcome: "deny",
      pid: 7,
      exe: "/bin/cat",
      waited_ms: 1234,
    },
  });
});

test("a connection's answers are about that peer, and offer no folder", async () => {
  const { ask, answer, shown, notes } = setUp();
  const connect = (path: string) => ask({ actions: ["NetConnect"], path });
  const answers = [connect("a.test:443"), connect("b.test:443")];
  await answer("session");
  await answer("no");
  expect(await Promise.all(answers)).toEqual(["session", "no"]);
  expect(await connect("a.test:443")).toBe("session");
  const third = connect("a.test:80");
  expect(shown.at(-1)?.question).toMatchObject({ path: "a.test:80", folder: undefined });
  await answer("once");
  expect(await third).toBe("once");
  expect(notes.map(({ payload }) => payload.asked)).toEqual([
    "NetConnect",
    "NetConnect",
    "NetConnect",
  ]);
});

test("so many questions may wait, and no more", async () => {
  const { ask, answer, clock } = setUp();
  const answers: Promise<Answer>[] = [];
  for (let at = 0; at < asksWaitingMax + 1; at++) {
    clock.ms += 1000;
    answers.push(ask({ path: `/data/${at}` }));
  }
  expect(await answers.at(-1)).toBe("unasked");
  await answer("quit");
  expect(new Set(await Promise.all(answers.slice(0, -1)))).toEqual(new Set(["no"]));
});
