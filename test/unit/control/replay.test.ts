// A recorded session once more.

import { describe, expect, test } from "bun:test";
import { replayExact, replayLive } from "../../../src/control/replay/replay.ts";
import { applyEvent, newState, type ReducedEvent } from "../../../src/control/state/reducer.ts";
import { stateHash } from "../../../src/control/state/view.ts";
import type { JsonValue } from "../../../src/model/event.ts";

const payloads: readonly (readonly [string, JsonValue])[] = [
  ["MODEL_CALL_STARTED", { call_id: "m" }],
  ["TOOL_CALL_PROPOSED", { call_id: "c1", tool_name: "add", args: { a: 1, b: 2 } }],
  ["TOOL_RESULT", { call_id: "c1", result: 3 }],
  ["TOOL_CALL_PROPOSED", { call_id: "c2", tool_name: "add", args: { a: 2, b: 2 } }],
  ["TOOL_RESULT", { call_id: "c2", result: 4 }],
  ["TERMINATION", { reason: "completed" }],
];

const events = payloads.map(([type, payload], seq): ReducedEvent => {
  return { seq, type, payload, tsUnixMs: 1000 + seq };
});

function recordedHashes(): string[] {
  const hashes: string[] = [];
  let state = newState();
  for (const event of events) {
    state = applyEvent(state, event);
    hashes.push(stateHash(state));
  }
  return hashes;
}

describe("an exact replay", () => {
  test("of the same events is identical", () => {
    const hashes = recordedHashes();
    const report = replayExact({ id: "s", events }, (seq) => hashes[seq]);
    expect(report).toEqual({
      session_id: "s",
      mode: "exact",
      steps_replayed: 6,
      diffs: [],
      identical: true,
    });
  });

  test("names the first step that gives another state, and those it leads to", () => {
    const hashes = recordedHashes();
    const changed = events.map((event) =>
      event.seq === 2 ? { ...event, payload: { call_id: "c1", is_error: true } } : event,
    );
    const report = replayExact({ id: "s", events: changed }, (seq) => hashes[seq]);
    expect(report.identical).toBe(false);
    expect(report.diffs[0]).toMatchObject({ seq: 2, field: "snapshot_hash", recorded: hashes[2] });
  });

  test("without a record of a step is not identical", () => {
    const hashes = recordedHashes();
    const report = replayExact({ id: "s", events }, (seq) => (seq === 4 ? undefined : hashes[seq]));
    expect(report.diffs.map(({ seq }) => seq)).toEqual([4]);
  });

  test("of nothing is identical", () => {
    expect(replayExact({ id: "s", events: [] }, () => undefined).identical).toBe(true);
  });
});

describe("a live replay", () => {
  test("calls every tool with its own arguments", async () => {
    const called: JsonValue[] = [];
    const report = await replayLive({ id: "s", events }, async (tool, args) => {
      called.push({ tool, args });
      const { a, b } = args as { a: number; b: number };
      return a + b;
    });
    expect(report).toMatchObject({ mode: "live", identical: true, diffs: [] });
    expect(called).toEqual([
      { tool: "add", args: { a: 1, b: 2 } },
      { tool: "add", args: { a: 2, b: 2 } },
    ]);
  });

  test("tells every result that is another one, or cannot be had", async () => {
    const report = await replayLive({ id: "s", events }, async (_, args) =>
      (args as { a: number }).a === 1 ? { sum: 3 } : undefined,
    );
    expect(report.diffs).toEqual([
      { seq: 2, field: "tool_result", recorded: "3", replayed: '{"sum":3}' },
      { seq: 4, field: "tool_result", recorded: "4", replayed: "" },
    ]);
  });
});
