// What a session adds up to: counters, taint, loops and hand-overs, from its events and nothing
// else. The same events give the same state and the same hash on every machine. Pure.

import { type JsonMembers, type JsonTree, treeMember } from "../../base/json-text.ts";
import { ownText } from "../../base/own-text.ts";
import { isBoxEvent, type JsonObject, type JsonValue } from "../../model/event.ts";
import { isObject } from "../../model/json-object.ts";
import {
  findLoop,
  type RememberedCall,
  rememberedCallsMax,
  shortHash,
  type Violation,
  valueHash,
} from "./loops.ts";
import {
  findOpen,
  type NamedCall,
  namedCall,
  type OpenCall,
  withOpen,
  withoutUndecided,
  withPart,
} from "./open-calls.ts";
import { isAboutProtocolRequest, isProtocolContent } from "./protocol-requests.ts";

/** What the reducer reads of an event, whatever else it carries. */
export interface ReducedEvent {
  readonly seq: number;
  readonly tsUnixMs: number;
  readonly type: string;
  readonly payload: JsonValue;
  /** As it was hashed, where a number in it is none that a double holds. Absent: `payload` is. */
  readonly spelled?: JsonTree | undefined;
}

/** Names of the members are those of the snapshot on the wire. */
export interface SessionState {
  readonly budgets: {
    readonly steps_consumed: number;
    readonly model_calls_consumed: number;
    readonly tool_calls_consumed: number;
    /** Between the first and the latest event. */
    readonly wall_time_ms: number;
    /** Time of the first event; 0 before it. */
    readonly session_start_ms: number;
  };
  readonly active_tool_permissions: readonly ToolPermission[];
  readonly last_outcomes: {
    readonly last_model_call_id: string;
    readonly last_tool_call_id: string;
    readonly last_tool_name: string;
    readonly last_tool_was_error: boolean;
    readonly last_policy_outcome: string;
  };
  readonly handoff: {
    readonly in_handoff: boolean;
    readonly from_agent: string;
    readonly to_agent: string;
    readonly context_id: string;
  };
  readonly taint: {
    readonly active_labels: readonly string[];
    readonly sanitized_keys: readonly string[];
  };
  /** The latest loop; it stays until another one takes its place. */
  readonly violation: Violation | undefined;
  readonly calls: readonly RememberedCall[];
  readonly open: readonly OpenCall[];
  /** Of the latest result, and whether it came after the latest call. */
  readonly result: { readonly hash: number; readonly isNew: boolean };
  readonly last_seq: number;
  readonly last_ts_unix_ms: number;
  readonly events_since_checkpoint: number;
  /** This state is to be kept: now and then, and where a session may rest. */
  readonly is_checkpoint: boolean;
}

interface ToolPermission {
  readonly tool_name: string;
  readonly granted_by: string;
  /** 0: until the session ends. */
  readonly expires_ms: number;
}

export function newState(): SessionState {
  return {
    budgets: {
      steps_consumed: 0,
      model_calls_consumed: 0,
      tool_calls_consumed: 0,
      wall_time_ms: 0,
      session_start_ms: 0,
    },
    active_tool_permissions: [],
    last_outcomes: {
      last_model_call_id: "",
      last_tool_call_id: "",
      last_tool_name: "",
      last_tool_was_error: false,
      last_policy_outcome: "",
    },
    handoff: { in_handoff: false, from_agent: "", to_agent: "", context_id: "" },
    taint: { active_labels: [], sanitized_keys: [] },
    violation: undefined,
    calls: [],
    open: [],
    result: { hash: 0, isNew: false },
    last_seq: -1,
    last_ts_unix_ms: 0,
    events_since_checkpoint: 0,
    is_checkpoint: false,
  };
}

/** The state after one more event, known or not; what is no step is said where it is left out. */
export function applyEvent(before: SessionState, event: ReducedEvent): SessionState {
  // What a box did on behalf of the session is no step of the agent's.
  if (isBoxEvent(event.type)) return { ...before, last_seq: event.seq };
  const payload = isObject(event.payload) ? event.payload : undefined;
  if (isAboutProtocolRequest(event.type, payload?.tool_name)) {
    const after = { ...before, last_seq: event.seq };
    const isContent = isProtocolContent(event.type, payload?.tool_name);
    return isContent ? taint(after, "mcp_content") : after;
  }
  const counted = count(before, event);
  // A type is any word, also one that every object has as a member.
  const change = Object.hasOwn(changes, event.type) ? changes[event.type] : undefined;
  return change === undefined ? counted : change(counted, payload, event);
}

function count(state: SessionState, { seq, tsUnixMs, type }: ReducedEvent): SessionState {
  const { budgets } = state;
  const sinceCheckpoint = state.is_checkpoint ? 1 : state.events_since_checkpoint + 1;
  const isFirst = budgets.steps_consumed === 0;
  const start = isFirst ? tsUnixMs : budgets.session_start_ms;
  return {
    ...state,
    budgets: {
      ...budgets,
      steps_consumed: budgets.steps_consumed + 1,
      session_start_ms: start,
      wall_time_ms: Math.max(budgets.wall_time_ms, tsUnixMs - start),
    },
    last_seq: seq,
    last_ts_unix_ms: tsUnixMs,
    events_since_checkpoint: sinceCheckpoint,
    is_checkpoint: sinceCheckpoint >= checkpointEvery || restingTypes.has(type),
  };
}

type Change = (
  state: SessionState,
  payload: JsonObject | undefined,
  event: ReducedEvent,
) => SessionState;

const changes: Readonly<Record<string, Change>> = {
  MODEL_CALL_STARTED: startModelCall,
  TOOL_CALL_PROPOSED: proposeToolCall,
  TOOL_CALL_ALLOWED: (state, payload) => allowTool(goneOn(state, payload), payload),
  TOOL_CALL_DENIED: (state, payload) =>
    outcome(goneOn(state, payload), { last_policy_outcome: "DENY" }),
  TOOL_CALL_EXECUTED: goneOn,
  TOOL_RESULT: (state, payload, event) => takeResult(goneOn(state, payload), payload, event),
  POLICY_DECISION: takeDecision,
  MEMORY_READ: (state) => taint(state, "memory_read"),
  SANITIZED_TEXT: sanitize,
  HANDOFF_REQUESTED: requestHandoff,
  HANDOFF_COMPLETED: (state) => ({ ...state, handoff: { ...state.handoff, in_handoff: false } }),
  TERMINATION: (state) => ({ ...state, taint: { active_labels: [], sanitized_keys: [] } }),
};

function startModelCall(state: SessionState, payload: JsonObject | undefined): SessionState {
  const model_calls_consumed = state.budgets.model_calls_consumed + 1;
  return outcome(
    { ...state, budgets: { ...state.budgets, model_calls_consumed } },
    textMember("last_model_call_id", payload?.call_id),
  );
}

/** A call that was decided before it was proposed has counted already. */
function proposeToolCall(
  state: SessionState,
  payload: JsonObject = {},
  { seq, spelled }: ReducedEvent,
): SessionState {
  const call = namedCall(payload, spelled);
  const decided = findOpen(state.open, call, "isProposed");
  if (decided !== undefined) {
    return { ...state, open: withPart(state.open, decided.seq, "isProposed") };
  }
  const open = withOpen(state.open, call, { seq, isProposed: true, isDecided: false });
  return { ...countCall(state, call, seq), open };
}

/**
 * A decision of the server's names the event that proposed the call, or is the proposal as well;
 * one of somebody else's says neither. A question is no decision yet: it may be asked again.
 */
function takeDecision(
  state: SessionState,
  payload: JsonObject = {},
  { seq, spelled }: ReducedEvent,
): SessionState {
  const { proposed, proposed_seq } = payload;
  const isDecided = payload.outcome !== "require_approval";
  const made = textMember("last_policy_outcome", payload.outcome);
  if (isObject(proposed)) {
    const call = namedCall(proposed, treeMember(spelled, "proposed"));
    const open = withOpen(state.open, call, { seq, isProposed: false, isDecided });
    return outcome({ ...countCall(state, call, seq), open }, made);
  }
  const isAbout = typeof proposed_seq === "number" && isDecided;
  const open = isAbout ? withPart(state.open, proposed_seq, "isDecided") : state.open;
  return outcome({ ...state, open }, made);
}

/** The state that a call is decided on, and what the record of the decision says of the call. */
export interface CallToDecide {
  readonly state: SessionState;
  readonly record: { readonly proposed_seq: number } | { readonly proposed: JsonObject };
}

/**
 * Where nobody proposed the call, its decision does: a loop that it closes counts against it.
 * @param spelled as that of an event
 */
export function callToDecide(
  state: SessionState,
  payload: JsonObject,
  spelled?: JsonTree,
): CallToDecide {
  const call = namedCall(payload, spelled);
  const known = findOpen(state.open, call, "isDecided");
  if (known !== undefined) return { state, record: { proposed_seq: known.seq } };
  const { violation } = countCall(state, call, state.last_seq + 1);
  return { state: { ...state, violation }, record: { proposed: payload } };
}

function goneOn(state: SessionState, payload: JsonObject = {}): SessionState {
  return { ...state, open: withoutUndecided(state.open, payload) };
}

/** Counts, and looks for a loop among the calls so far. */
function countCall(
  state: SessionState,
  { payload, args: args_hash }: NamedCall,
  seq: number,
): SessionState {
  const tool = payload.tool_name;
  const tool_calls_consumed = state.budgets.tool_calls_consumed + 1;
  const counted = outcome(
    { ...state, budgets: { ...state.budgets, tool_calls_consumed } },
    {
      ...textMember("last_tool_call_id", payload.call_id),
      ...textMember("last_tool_name", tool),
    },
  );
  if (typeof tool !== "string" || tool === "") return counted;
  const call: RememberedCall = {
    seq,
    tool: counted.last_outcomes.last_tool_name,
    args_hash,
    state_hash: state.result.isNew ? progressHash(state) : 0,
  };
  const calls = [...counted.calls, call].slice(-rememberedCallsMax);
  const result = { ...counted.result, isNew: false };
  return { ...counted, calls, result, violation: findLoop(calls) ?? counted.violation };
}

function allowTool(state: SessionState, payload: JsonObject | undefined): SessionState {
  const tool_name = state.last_outcomes.last_tool_name;
  const isKnown = state.active_tool_permissions.some((known) => known.tool_name === tool_name);
  if (payload === undefined || tool_name === "" || isKnown) return state;
  const granted_by = typeof payload.policy_ref === "string" ? ownText(payload.policy_ref) : "";
  const permission = { tool_name, granted_by, expires_ms: 0 };
  return { ...state, active_tool_permissions: [...state.active_tool_permissions, permission] };
}

/** What a tool said taints, in whatever form it is recorded. */
function takeResult(
  state: SessionState,
  payload: JsonObject | undefined,
  event: ReducedEvent,
): SessionState {
  const { call_id: _, ...members } = payload ?? {};
  const content = payload === undefined ? event.payload : members;
  const result = { hash: valueHash(content, withoutId(event.spelled)), isNew: true };
  const known = outcome({ ...state, result }, { last_tool_was_error: payload?.is_error === true });
  return taint(known, "tool_output");
}

function withoutId(spelled: JsonTree | undefined): JsonTree | undefined {
  if (!(spelled instanceof Map)) return spelled;
  return new Map([...(spelled as JsonMembers)].filter(([name]) => name !== "call_id"));
}

/** `key`, the name the payloads of tool calls give as `sanitizer_key`. */
function sanitize(state: SessionState, payload: JsonObject | undefined): SessionState {
  const key = payload?.key ?? payload?.sanitizer_key;
  const { active_labels, sanitized_keys } = state.taint;
  if (typeof key !== "string" || key === "" || sanitized_keys.includes(key)) return state;
  return { ...state, taint: { active_labels, sanitized_keys: [...sanitized_keys, ownText(key)] } };
}

function requestHandoff(state: SessionState, payload: JsonObject | undefined): SessionState {
  if (payload === undefined) return state;
  const text = (value: JsonValue | undefined) => (typeof value === "string" ? ownText(value) : "");
  return {
    ...state,
    handoff: {
      in_handoff: true,
      from_agent: text(payload.from_agent),
      to_agent: text(payload.to_agent),
      context_id: text(payload.context_id),
    },
  };
}

function taint(state: SessionState, label: string): SessionState {
  const { active_labels, sanitized_keys } = state.taint;
  if (active_labels.includes(label)) return state;
  return { ...state, taint: { active_labels: [...active_labels, label], sanitized_keys } };
}

function outcome(
  state: SessionState,
  change: Partial<SessionState["last_outcomes"]>,
): SessionState {
  return { ...state, last_outcomes: { ...state.last_outcomes, ...change } };
}

function textMember(
  name: keyof SessionState["last_outcomes"],
  value: JsonValue | undefined,
): Partial<SessionState["last_outcomes"]> {
  return typeof value === "string" && value !== "" ? { [name]: ownText(value) } : {};
}

/** Everything a call can move forward; counters and the names of calls move with every one. */
function progressHash(state: SessionState): number {
  const { taint: labels, handoff, active_tool_permissions, result, last_outcomes } = state;
  const { last_tool_was_error, last_policy_outcome } = last_outcomes;
  return shortHash({
    taint: labels,
    handoff,
    active_tool_permissions,
    result: result.hash,
    last_tool_was_error,
    last_policy_outcome,
  });
}

const checkpointEvery = 50;
const restingTypes: ReadonlySet<string> = new Set(["TERMINATION", "APPROVAL_REQUESTED"]);
