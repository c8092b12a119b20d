// A recorded session once more: exactly, where every step has to give the state it gave then, or
// live, where every tool is called again and its result compared; decisions.ts has the live replay
// of what was decided. Pure but for the tools.

import { canonicalJson } from "../../base/canonical-json.ts";
import type { JsonObject, JsonValue } from "../../model/event.ts";
import { isObject } from "../../model/json-object.ts";
import { applyEvent, newState, type ReducedEvent, type SessionState } from "../state/reducer.ts";
import { stateHash } from "../state/view.ts";

/** Names of the members are those of the wire. */
export interface DiffReport {
  readonly session_id: string;
  readonly mode: "exact" | "live";
  readonly steps_replayed: number;
  readonly diffs: readonly DiffEntry[];
  readonly identical: boolean;
}

export interface DiffEntry {
  readonly seq: number;
  readonly field:
    | "snapshot_hash"
    | "policy_decision"
    | "tool_result"
    | "tool_sequence"
    | "termination";
  /** Canonical JSON text, or a hash. */
  readonly recorded: string;
  readonly replayed: string;
}

/** A replay that is fed one event after the other, from the first. */
export interface Replay {
  /** @returns false when it has found enough; what comes after is not replayed */
  step(event: ReducedEvent): boolean;
  report(): DiffReport;
}

/** One change early in a session makes every step after it another one. */
export const diffsMax = 1000;

export interface ReplayedSession {
  readonly id: string;
  /** In order, from the first. */
  readonly events: readonly ReducedEvent[];
}

/**
 * @param recorded hash of the state after an event, as it was then; undefined where none was kept,
 * which is a difference
 */
export function exactReplay(id: string, recorded: (seq: number) => string | undefined): Replay {
  const diffs: DiffEntry[] = [];
  let steps = 0;
  let state: SessionState = newState();
  return {
    step(event) {
      const { seq } = event;
      const differs = (then: string, again: string): void => {
        if (then === again) return;
        diffs.push({ seq, field: "snapshot_hash", recorded: then, replayed: again });
      };
      const claimed = hashInDecision(event, state.last_seq);
      if (claimed !== undefined) differs(claimed, stateHash(state));
      state = applyEvent(state, event);
      steps++;
      differs(recorded(seq) ?? "", stateHash(state));
      return diffs.length < diffsMax;
    },
    report: () => report(id, "exact", steps, diffs),
  };
}

/** What a recorded decision says the state was that it was made on, where it was this one. */
function hashInDecision({ type, payload }: ReducedEvent, seq: number): string | undefined {
  const isClaim = type === "POLICY_DECISION" && isObject(payload);
  if (!isClaim || payload.snapshot_seq !== seq) return undefined;
  return typeof payload.snapshot_hash === "string" ? payload.snapshot_hash : undefined;
}

export function replayExact(
  { id, events }: ReplayedSession,
  recorded: (seq: number) => string | undefined,
): DiffReport {
  const replay = exactReplay(id, recorded);
  for (const event of events) if (!replay.step(event)) break;
  return replay.report();
}

/** Calls a tool for a replay; undefined when it cannot be called now. */
export type ToolCaller = (tool: string, args: JsonValue) => Promise<JsonValue | undefined>;

/**
 * Calls every tool that has a recorded result. The replay goes on with what was recorded, so that
 * one difference does not hide the next.
 */
export async function replayLive(
  { id, events }: ReplayedSession,
  call: ToolCaller,
): Promise<DiffReport> {
  const diffs: DiffEntry[] = [];
  const proposed = new Map<string, JsonObject>();
  let latest: JsonObject | undefined;
  for (const { seq, type, payload } of events) {
    if (!isObject(payload)) continue;
    if (type === "TOOL_CALL_PROPOSED") {
      latest = payload;
      if (typeof payload.call_id === "string") proposed.set(payload.call_id, payload);
    }
    if (type !== "TOOL_RESULT") continue;
    const cause = proposed.get(String(payload.call_id)) ?? latest;
    if (typeof cause?.tool_name !== "string") continue;
    const before = text(payload.result ?? payload.content ?? null);
    const now = await call(cause.tool_name, cause.args ?? null);
    const replayed = now === undefined ? "" : text(now);
    if (before !== replayed) diffs.push({ seq, field: "tool_result", recorded: before, replayed });
  }
  return report(id, "live", events.length, diffs);
}

export function report(
  session_id: string,
  mode: DiffReport["mode"],
  steps_replayed: number,
  diffs: readonly DiffEntry[],
): DiffReport {
  return { session_id, mode, steps_replayed, diffs, identical: diffs.length === 0 };
}

function text(value: JsonValue): string {
  return canonicalJson(value);
}
