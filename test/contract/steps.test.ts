// The hashes of a session's steps, over every store: recorded once, by whoever comes first, and
// caught up with before they are read.

import { describe, expect, test } from "bun:test";
import { parseJsonText } from "../../src/base/json-text.ts";
import { replayExact } from "../../src/control/replay/replay.ts";
import { applyEvent, newState } from "../../src/control/state/reducer.ts";
import { stateHash } from "../../src/control/state/view.ts";
import { createControlLog } from "../../src/ledger/control/log.ts";
import { createStepRecorder } from "../../src/server/steps.ts";
import { ledgerKinds, opening, startMs, testPolicy } from "../support/ledger.ts";

const types = ["MODEL_CALL_STARTED", "TOOL_CALL_PROPOSED", "TOOL_RESULT"];

describe.each(ledgerKinds)("steps over %s", (_, open) => {
  async function opened() {
    const { store, ledger } = await open();
    const log = createControlLog(store);
    const expected: string[] = [];
    let state = newState();

    async function send(count: number): Promise<void> {
      const from = expected.length;
      const requests = Array.from({ length: count }, (_, at) => {
        const seq = from + at;
        const type = types[seq % types.length] ?? "";
        const payload = { call_id: `c${seq}`, tool_name: "read", args: { seq }, result: seq };
        state = applyEvent(state, { seq, tsUnixMs: 1000 + seq, type, payload });
        expected.push(stateHash(state));
        const place = { tenant: "acme", user: "u", session: "s", type, tsUnixMs: 1000 + seq };
        return { ...place, payload: parseJsonText(JSON.stringify(payload)) };
      });
      const outcomes = await log.append(requests);
      expect(outcomes.every(({ kind }) => kind === "stored")).toBeTrue();
    }

    async function read(recorder = createStepRecorder(log)): Promise<readonly unknown[]> {
      const recorded = await recorder.recorded("acme", "s");
      await recorder.stop();
      return expected.map((_, seq) => recorded(seq));
    }

    return { log, ledger, send, read, expected };
  }

  test.each([1, 63, 64, 65, 300])("of %i events are the state's after each", async (count) => {
    const { send, read, expected } = await opened();
    await send(count);
    expect(await read()).toEqual(expected);
  });

  test("are the same however many recorders there were, and where each began", async () => {
    const { log, send, read, expected } = await opened();
    for (const count of [5, 60, 1, 64, 70]) {
      const [one, other] = [createStepRecorder(log), createStepRecorder(log)];
      await send(count);
      await Promise.all([one.recorded("acme", "s"), other.recorded("acme", "s")]);
      await Promise.all([one.stop(), other.stop()]);
    }
    expect(await read()).toEqual(expected);
  });

  test("of a session that was purged while it waited are not waited for, and not kept", async () => {
    const { log, ledger, send } = await opened();
    let asked = 0;
    const recorder = createStepRecorder({
      ...log,
      session: (...named) => {
        asked += 1;
        return log.session(...named);
      },
    });
    await send(70);
    await recorder.recorded("acme", "s");
    const place = { tenant: "acme", user: "u", session: "s", type: "TERMINATION", tsUnixMs: 2000 };
    await log.append([{ ...place, payload: new Map() }]);
    // Says when what is before it was there.
    await ledger.openSession(opening(), testPolicy, startMs);
    const at = { beforeUnixMs: startMs + 1, tsUnixMs: startMs + 2 };
    const { sessionCount } = await ledger.purge({ ...at, by: "me", command: [], directory: "/" });
    expect(sessionCount).toBe(1);
    asked = 0;
    await recorder.stop();
    // It may have had its turn before the purge.
    expect(asked).toBeLessThan(3);
    expect(await log.records("steps", "", 10)).toEqual([]);
  });

  test("are recorded without being asked for, by the time a server stops", async () => {
    const { log, send, expected } = await opened();
    const recorder = createStepRecorder(log);
    await send(70);
    await recorder.stop();
    const pages = await log.records("steps", "", 10);
    const hashes = pages.map(({ json }) => JSON.parse(json) as string).join("");
    expect(hashes).toBe(expected.join(""));
  });

  test("that a server did not come to are missing until the next one starts, and never others", async () => {
    const { log, send, expected } = await opened();
    // It hears of nothing that is stored, as if it had been killed before.
    const killed = createStepRecorder({ ...log, onStored: () => () => true });
    await send(70);
    await killed.recorded("acme", "s");
    await send(130);
    const kept = async (): Promise<string> =>
      (await log.records("steps", "", 10)).map(({ json }) => JSON.parse(json) as string).join("");
    const known: readonly string[] = (await kept()).match(/.{64}/g) ?? [];
    expect(known).toEqual(expected.slice(0, 70));
    const events = await log.events({ tenant: "acme", session: "s", limit: 1000 });
    const { diffs } = replayExact({ id: "s", events }, (seq) => known[seq]);
    expect(diffs.map(({ seq, recorded }) => [seq, recorded])).toEqual(
      expected.map((_, seq) => [seq, ""]).slice(known.length),
    );
    const next = createStepRecorder(log);
    await next.resume();
    await next.stop();
    expect(await kept()).toBe(expected.join(""));
  });

  test("of sessions that are whole are not added up again at a start", async () => {
    const { log, send, read } = await opened();
    await send(130);
    await read();
    let reads = 0;
    const watched: typeof log = {
      ...log,
      event(...place) {
        reads += 1;
        return log.event(...place);
      },
    };
    const next = createStepRecorder(watched);
    await next.resume();
    await next.stop();
    expect(reads).toBe(0);
  });

  test("of then stay what they were, and a replay names the step that is another", async () => {
    const { log, send, read, expected } = await opened();
    await send(70);
    await read();
    const [page] = await log.records("steps", "", 10);
    if (page === undefined) throw new Error("no page");
    const other = "0".repeat(64);
    const json = page.json.replace(expected[7] ?? "", other);
    expect(await log.putRecord({ ...page, json }, page.json)).toBeTrue();
    await send(5);
    expect(await read()).toEqual(expected.with(7, other));
    const recorded = await createStepRecorder(log).recorded("acme", "s");
    const events = await log.events({ tenant: "acme", session: "s", limit: 1000 });
    expect(replayExact({ id: "s", events }, recorded)).toEqual({
      session_id: "s",
      mode: "exact",
      steps_replayed: 75,
      diffs: [{ seq: 7, field: "snapshot_hash", recorded: other, replayed: expected[7] ?? "" }],
      identical: false,
    });
  });

  test("that somebody spoiled are missing, not others", async () => {
    const { log, send, read, expected } = await opened();
    await send(130);
    await read();
    const pages = await log.records("steps", "", 10);
    const [, second] = pages;
    if (second === undefined) throw new Error("no page");
    await log.putRecord({ ...second, json: "{" }, second.json);
    const found = await read();
    expect(found.slice(0, 64)).toEqual(expected.slice(0, 64));
    expect(found.slice(64, 128)).toEqual(new Array(64).fill(undefined));
    expect(found.slice(128)).toEqual(expected.slice(128));
  });

  test("of a session nobody wrote to are none", async () => {
    const { log } = await opened();
    const recorded = await createStepRecorder(log).recorded("acme", "none");
    expect(recorded(0)).toBeUndefined();
  });
});
