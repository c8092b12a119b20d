// Whether a session goes in circles: the same call again, the same sequence of tools again, or
// calls that change nothing. Pure: history in, finding out.

import { canonicalJson } from "../../base/canonical-json.ts";
import { exactText, inexactNumber } from "../../base/exact-numbers.ts";
import { sha256Hex } from "../../base/hash.ts";
import type { JsonTree } from "../../base/json-text.ts";
import type { JsonValue } from "../../model/event.ts";

export const loopReasons = [
  "LOOP_REPEATING_SEQUENCE",
  "LOOP_IDENTICAL_CALL",
  "LOOP_NO_PROGRESS",
] as const;

export interface Violation {
  readonly reason: (typeof loopReasons)[number];
  readonly action: "REQUIRE_APPROVAL";
  /** Sequence numbers of the events that make up the circle, in order. */
  readonly cycle_trace: readonly number[];
  readonly detail: string;
}

/** A proposed call as the detector remembers it. */
export interface RememberedCall {
  readonly seq: number;
  readonly tool: string;
  /** 0: it had none. */
  readonly args_hash: number;
  /** What the session looked like before it, apart from its counters; 0: nothing is known of it. */
  readonly state_hash: number;
}

export const rememberedCallsMax = 20;
const sequenceLengths = [3, 4, 5, 6, 7];
const unchangedCallsMax = 3;

/**
 * Calls without arguments are all alike.
 * @param spelled the arguments as they were hashed, where `args` may lack a number of theirs
 */
export function argsHash(args: JsonValue | undefined, spelled: JsonTree | undefined): number {
  return args === undefined ? 0 : valueHash(args, spelled);
}

/** As `shortHash`, and of two values that differ by less than a double can say as well. */
export function valueHash(value: JsonValue, spelled: JsonTree | undefined): number {
  const isExact = spelled === undefined || inexactNumber(spelled) === undefined;
  return isExact ? shortHash(value) : textHash(exactText(spelled));
}

/**
 * 52 bits of SHA-256, never 0. A number, because each session in memory holds up to forty of them:
 * as texts they would be most of what a server holds, each in a block of its own.
 */
export function shortHash(value: unknown): number {
  return textHash(canonicalJson(value));
}

function textHash(text: string): number {
  return Number.parseInt(sha256Hex(text).slice(0, 13), 16) || 1;
}

/** @param calls at most `rememberedCallsMax`, oldest first, the newest being the one in question */
export function findLoop(calls: readonly RememberedCall[]): Violation | undefined {
  return repeatingSequence(calls) ?? identicalCall(calls) ?? noProgress(calls);
}

/** Names alone are compared: the same tools in the same order twice, whatever they were given. */
function repeatingSequence(calls: readonly RememberedCall[]): Violation | undefined {
  for (const length of sequenceLengths) {
    const both = calls.slice(-2 * length);
    if (both.length < 2 * length) return undefined;
    const isRepeated = both.slice(length).every((call, at) => call.tool === both[at]?.tool);
    if (!isRepeated) continue;
    const names = both.slice(length).map(({ tool }) => tool);
    return loop("LOOP_REPEATING_SEQUENCE", both, `${names.join(", ")} twice in a row`);
  }
  return undefined;
}

function identicalCall(calls: readonly RememberedCall[]): Violation | undefined {
  const last = calls.at(-1);
  if (last === undefined) return undefined;
  const same = calls.filter(
    ({ tool, args_hash }) => tool === last.tool && args_hash === last.args_hash,
  );
  if (same.length < 2) return undefined;
  return loop("LOOP_IDENTICAL_CALL", same, `${last.tool} with the same arguments`);
}

function noProgress(calls: readonly RememberedCall[]): Violation | undefined {
  const last = calls.slice(-unchangedCallsMax);
  const [first] = last;
  if (last.length < unchangedCallsMax || first === undefined || first.state_hash === 0)
    return undefined;
  if (!last.every(({ state_hash }) => state_hash === first.state_hash)) return undefined;
  return loop("LOOP_NO_PROGRESS", last, `${unchangedCallsMax} calls changed nothing`);
}

function loop(
  reason: (typeof loopReasons)[number],
  calls: readonly RememberedCall[],
  detail: string,
): Violation {
  const cycle_trace = calls.map(({ seq }) => seq);
  return { reason, action: "REQUIRE_APPROVAL", cycle_trace, detail };
}
