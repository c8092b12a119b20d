// A decision about a session: made on its live state, and stored directly behind the event that
// state ends with, or made again. So every decision is made on a state that has all the ones before
// it, whoever else decides at the same time, in this process or in another one on the same ledger.

import type { LiveStates } from "../app/serve/live-states.ts";
import type { Turns } from "../app/turns.ts";
import { AegisError } from "../base/errors.ts";
import { type JsonMembers, type JsonTree, parseJsonText } from "../base/json-text.ts";
import type { ToolDecision } from "../control/decide/decision.ts";
import { stateAt } from "../control/state/budgets.ts";
import { callToDecide, type SessionState } from "../control/state/reducer.ts";
import { stateHash } from "../control/state/view.ts";
import type { AppendOutcome, ControlLog } from "../ledger/control/contract.ts";
import type { JsonObject, JsonValue } from "../model/event.ts";
import { memberOf } from "../model/json-object.ts";
import { decision as decisionSchema } from "./api/schemas.ts";
import { refusalOf } from "./events.ts";

export interface LiveParts {
  readonly log: ControlLog;
  readonly states: LiveStates;
  readonly turns: Turns;
  readonly nowMs: () => number;
}

export interface NamedSession {
  readonly tenant: string;
  readonly id: string;
  readonly user: string;
}

export interface ProposedCall {
  readonly payload: JsonObject;
  /** As it was sent, where a number in it is none that a double holds. */
  readonly spelled: JsonTree | undefined;
}

/** What is decided, and how. */
export interface LiveQuestion {
  readonly session: NamedSession;
  /** Of the record, beside the decision and what it was made on. */
  readonly call: JsonObject;
  /** Of the record too: who asked. */
  readonly askedBy: JsonObject;
  /** What is proposed; undefined: it is no tool call. */
  readonly proposed: ProposedCall | undefined;
  /** By which it is known when it comes again, under the key that its caller gave it, if any. */
  readonly asked: { readonly text: string; readonly key: string | undefined };
  judge(state: SessionState): Promise<Judged>;
}

export interface LiveDecision {
  readonly decision: ToolDecision;
  /** The same was asked before, and this was the answer then. */
  readonly isRepeated: boolean;
}

export interface Judged {
  readonly decision: ToolDecision;
  /** Of the record: the hashes of what it was decided by; nothing where no policy was asked. */
  readonly by: () => JsonObject;
  /** Whether a policy was asked. */
  readonly isPolicys: boolean;
}

interface Recorded extends Judged {
  /** What callToDecide() says of the call, and the time that it was decided by. */
  readonly call?: JsonObject;
}

/** Decisions of one session that wait for their turn in this process. */
export const turnsMax = 1024;
/** Each one that is lost was won by somebody else, so the session goes on meanwhile. */
const triesMax = 32;

/** Nobody could say what the session's state is, because it would not stand still. */
const busy: Judged = {
  decision: { outcome: "deny", reason: "SESSION_BUSY", constraints: {} },
  by: () => ({}),
  isPolicys: false,
};

/** An answer that could not be recorded is not given. */
export async function decideLive(parts: LiveParts, question: LiveQuestion): Promise<LiveDecision> {
  const { tenant, id } = question.session;
  const key = JSON.stringify([tenant, id]);
  const decided = await parts.turns.take(key, () => decideInTurn(parts, question));
  return decided ?? (await decideBusy(parts, question));
}

async function decideInTurn(parts: LiveParts, question: LiveQuestion): Promise<LiveDecision> {
  const { tenant, id } = question.session;
  for (let tries = 0; tries < triesMax; tries++) {
    const state = await parts.states.current(tenant, id);
    const { proposed } = question;
    const now = stateAt(state, parts.nowMs());
    const about =
      proposed === undefined
        ? { state: now }
        : callToDecide(now, proposed.payload, proposed.spelled);
    const judged = await question.judge(about.state);
    // What no policy was asked about is still to be decided.
    const call = judged.isPolicys
      ? { ...("record" in about ? about.record : {}), wall_time_ms: now.budgets.wall_time_ms }
      : {};
    const stored = await record(parts, question, { ...judged, call }, state);
    const isLost = stored.kind === "refused" && stored.code === "chain_conflict";
    if (!isLost) return answerOf(parts, question, stored, judged);
  }
  return decideBusy(parts, question);
}

/** A denial is right on every state, so it may stand behind any. */
async function decideBusy(parts: LiveParts, question: LiveQuestion): Promise<LiveDecision> {
  return answerOf(parts, question, await record(parts, question, busy), busy);
}

/** What was just decided, or was before: the record says it, whatever would be decided by now. */
async function answerOf(
  { log }: LiveParts,
  { session: { tenant, id } }: LiveQuestion,
  stored: AppendOutcome,
  { decision }: Judged,
): Promise<LiveDecision> {
  if (stored.kind === "refused") throw refusalOf(stored);
  if (stored.kind === "stored") return { decision, isRepeated: false };
  const event = await log.event(tenant, id, stored.seq);
  const recorded = event?.hash === stored.hash ? decisionIn(event.payload) : undefined;
  if (recorded !== undefined) return { decision: recorded, isRepeated: true };
  throw new AegisError("ledger/tampered", `Cannot read decision ${stored.seq} of "${id}" again`, {
    hint: "run `aegis audit verify`",
  });
}

function decisionIn(payload: JsonValue): ToolDecision | undefined {
  const reasons = memberOf(payload, "reason_codes");
  const read = decisionSchema.safeParse({
    outcome: memberOf(payload, "outcome"),
    reason: Array.isArray(reasons) ? reasons[0] : undefined,
    constraints: memberOf(payload, "constraints"),
  });
  // What was read from JSON text is nothing else.
  return read.success ? (read.data as ToolDecision) : undefined;
}

/** @param state absent: the decision was made on none, and stands wherever the session is */
async function record(
  { log, nowMs }: LiveParts,
  { session: { tenant, id, user }, call, asked, askedBy, proposed }: LiveQuestion,
  { decision: { outcome, reason, constraints }, by, call: about }: Recorded,
  state?: SessionState,
): Promise<AppendOutcome> {
  const made = { outcome, reason_codes: [reason], constraints };
  const text = JSON.stringify({
    ...{ ...call, ...about, ...made, ...by(), ...askedBy },
    ...madeOn(state),
  });
  const payload = spelledIn(parseJsonText(text), proposed?.spelled);
  const place = { tenant, session: id, user, seq: state && state.last_seq + 1 };
  const [stored] = await log.append([
    {
      ...place,
      ...{ type: "POLICY_DECISION", payload, tsUnixMs: nowMs() },
      ...{ answers: asked.text, idempotencyKey: asked.key },
    },
  ]);
  if (stored === undefined) throw new Error("broken invariant: an append without an outcome");
  return stored;
}

/** A record that is the proposal as well has the numbers that were sent. */
function spelledIn(record: JsonTree, spelled: JsonTree | undefined): JsonTree {
  const isProposal = record instanceof Map && record.has("proposed");
  if (spelled === undefined || !isProposal) return record;
  return new Map(record as JsonMembers).set("proposed", spelled);
}

/** So that the chain itself says which state was decided on. */
function madeOn(state: SessionState | undefined): JsonObject {
  if (state === undefined || state.last_seq < 0) return {};
  return { snapshot_seq: state.last_seq, snapshot_hash: stateHash(state) };
}
