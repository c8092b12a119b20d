// What each tools/call, and what else is decided about, goes through: recorded as proposed, decided
// about by the session's live state, approved by a person where that is wanted, and its result
// recorded before anyone sees it. An error anywhere on the way is a denial. Transports are
// elsewhere.

import type { ApprovalStore } from "../app/serve/approval-requests.ts";
import { type LiveStates, stateNow } from "../app/serve/live-states.ts";
import type { RateLimiter } from "../app/serve/rate-limit.ts";
import { canonicalJson } from "../base/canonical-json.ts";
import { inexactNumber, inexactText } from "../base/exact-numbers.ts";
import { sha256Hex } from "../base/hash.ts";
import { uniqueSuffix } from "../base/ids.ts";
import { type JsonTree, plainJson } from "../base/json-text.ts";
import { type Advice, adviceFor } from "../control/decide/advice.ts";
import type { Decide, DecideInput, ToolDecision } from "../control/decide/decision.ts";
import { budgetsOf } from "../control/state/budgets.ts";
import { isProtocolRequest, passedRequest } from "../control/state/protocol-requests.ts";
import { policyView } from "../control/state/view.ts";
import { type Telemetry, withSpan } from "../control/telemetry/span.ts";
import type { JsonObject, JsonValue } from "../model/event.ts";
import { type Approved, approve, openApprovals } from "./approve.ts";
import { declaredFor } from "./declared.ts";
import { type Limits, limitsOf } from "./limits.ts";
import { type Side, unknownMethod } from "./methods.ts";
import { beginModelCall } from "./model-call.ts";
import { createPermit, type Permit } from "./permit.ts";
import { type CallName, type CallSession, record, treeOf } from "./record.ts";
import { deniedCall, notRecorded, numberInexact, type ProxyError } from "./refusal.ts";

export interface GateParts extends ApprovalStore {
  readonly decide: Decide;
  readonly telemetry: Telemetry;
  readonly manifest: JsonValue;
  /** Requests that are no tool calls and that the manifest does not name are denied. */
  readonly isStrict: boolean;
  /** Of requests that MCP does not have, and that pass all the same; absent: none. */
  readonly passedMethods?: readonly string[];
  readonly states: LiveStates;
  readonly limiter: RateLimiter;
  /** How long a call waits for a person before its caller is told to come back. */
  readonly approvalWaitMs: number;
  /** Tells the person who runs the proxy. */
  readonly say: (line: string) => void;
}

export interface ToolCall {
  /** The tool's name, or that of a request which is decided about like one. */
  readonly tool: string;
  readonly isTool: boolean;
  readonly method: string;
  /** False: its permit is never asked for more than that it is there. */
  readonly hasResult: boolean;
  /** As its caller sent them. */
  readonly traceparent: string | undefined;
  readonly tracestate: string | undefined;
  /** What is done for it is a part of; absent: nobody watches. */
  readonly trace?: Readonly<Record<string, string>>;
  /** As they were spelled; null when there are none. */
  readonly args: JsonTree;
  /** Of a sanitised text that the arguments are made of. */
  readonly sanitizerKey: string | undefined;
  /** Goes on with a call whose result was a question. */
  readonly isAnswer: boolean;
  /** Aborted when nobody waits for the result any more. */
  readonly signal: AbortSignal;
}

export type Admission =
  | { readonly kind: "admitted"; readonly permit: Permit }
  | { readonly kind: "refused"; readonly error: ProxyError };

export interface Gate {
  /** Never rejects: what goes wrong is a refusal. */
  admit(session: CallSession, call: ToolCall): Promise<Admission>;
  /** For the result of a call that was allowed before and is fetched later. */
  follow(session: CallSession, name: CallName): Permit;
  /** Why a request with this method goes to nobody. */
  unknownMethod(side: Side, method: string): string | undefined;
  /** MCP does not have it; whoever runs the proxy lets it pass. */
  isPassed(method: string): boolean;
  /** Records that such a request goes on. @returns what to say instead where it cannot */
  pass(session: CallSession, side: Side, method: string): Promise<ProxyError | undefined>;
  /** Records and tells that a message is refused before anything could be decided about. */
  raise(session: CallSession, code: string, error: string): Promise<void>;
}

/** A call that was proposed before and goes on now. */
export interface OpenCall {
  readonly callId: string;
  readonly seq: number;
  /** Of the approval it waits for; undefined: for answers to its questions. */
  readonly token: { readonly hash: string; readonly text: string | undefined } | undefined;
}

/** Calls that wait, of all sessions; the oldest go first and are then proposed again. */
const openMax = 10_000;

export function createGate(parts: GateParts): Gate {
  const usual = limitsOf({ outcome: "allow", reason: "OK", constraints: {} }, parts.manifest);
  const open = new Map<string, OpenCall>();
  const loading = new Map<string, Promise<void>>();
  const keep = (key: string, call: OpenCall): void => {
    open.delete(key);
    open.set(key, call);
    const [oldest] = open.keys();
    if (open.size > openMax && oldest !== undefined) open.delete(oldest);
  };
  /** What was asked before a restart is still waiting, or allowed by now. */
  const load = async (session: CallSession): Promise<void> => {
    for (const { tool, args, hash } of await openApprovals(parts, session)) {
      const waiting = { callId: uniqueSuffix(), seq: 0, token: { hash, text: undefined } };
      keep(keyOf(session, tool, args), waiting);
    }
  };
  return {
    follow: (session, name) => createPermit(parts, session, name, usual, undefined, () => {}),
    unknownMethod: (side, method) => unknownMethod(side, method, parts.passedMethods ?? []),
    isPassed: (method) => parts.passedMethods?.includes(method) === true,
    async pass(session, side, method) {
      const named = { tool_name: passedRequest, method, from: side, policy_ref: "pass-method" };
      const stored = await record(parts, session, "TOOL_CALL_ALLOWED", named);
      return stored.ok ? undefined : notRecorded(method, stored.error);
    },
    async raise(session, code, error) {
      parts.say(`a message was refused: ${error}`);
      const stored = await record(parts, session, "ERROR_RAISED", { code, error, fatal: false });
      if (!stored.ok) parts.say(`${code} could not be recorded: ${stored.error}`);
    },
    async admit(session, call) {
      try {
        const place = JSON.stringify([session.tenant, session.id]);
        if (loading.size >= openMax) loading.clear();
        const known = loading.get(place) ?? load(session);
        loading.set(place, known);
        known.catch(() => loading.delete(place));
        await known;
        return await admitCall(parts, session, call, { open, keep });
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        return { kind: "refused", error: notRecorded(call.tool, why) };
      }
    },
  };
}

export interface OpenCalls {
  readonly open: Map<string, OpenCall>;
  keep(key: string, call: OpenCall): void;
}

/** The whole hash: what was approved must not stand for anything else. */
function keyOf({ tenant, id }: CallSession, tool: string, args: JsonObject): string {
  return JSON.stringify([tenant, id, tool, sha256Hex(canonicalJson(args))]);
}

async function admitCall(
  parts: GateParts,
  session: CallSession,
  call: ToolCall,
  calls: OpenCalls,
): Promise<Admission> {
  const inexact = inexactNumber(call.args);
  if (inexact !== undefined) return refuseInexact(parts, session, call, inexactText(inexact));
  const args = plainJson(call.args);
  const key = keyOf(session, call.tool, objectOf(args));
  const known = calls.open.get(key);
  const isGoingOn = known !== undefined && (known.token !== undefined || call.isAnswer);
  const proposed = isGoingOn ? known : await propose(parts, session, call);
  if ("error" in proposed) return { kind: "refused", error: proposed.error };
  const name = { tool: call.tool, callId: proposed.callId };
  const { manifest } = parts;
  const declared = declaredFor(parts, call);
  const refuse = async (reason: string, advice: Advice): Promise<Admission> => {
    const members = { tool_name: call.tool, call_id: name.callId, reason };
    const stored = await record(parts, session, "TOOL_CALL_DENIED", members);
    const note = stored.ok ? "" : `; and this could not be recorded: ${stored.error}`;
    return { kind: "refused", error: deniedCall(name, reason, advice, note) };
  };
  const judge = async (judged: JsonValue) => {
    const state = await stateNow(parts, session);
    const event = eventOf(session, proposed.seq, call, name.callId, judged);
    const snapshot = policyView(state, budgetsOf(manifest));
    const input = { event, snapshot, manifest: declared.manifest };
    const decision = await decided(parts, call, input);
    const advised = advisedCall(call.tool, judged);
    const advice = () => {
      if (call.isTool && isProtocolRequest(call.tool)) return takenName(call.tool);
      return adviceFor(decision.reason, advised, state, budgetsOf(parts.manifest));
    };
    return { decision, advice };
  };
  const tooMany = isGoingOn ? undefined : await adviceWhereLimited(parts, session, call.tool, args);
  if (tooMany !== undefined) return refuse("RATE_LIMITED", tooMany);
  let { decision, advice } = await judge(args);
  if (decision.outcome === "deny") return refuse(decision.reason, advice());
  let approved: Approved | undefined;
  if (decision.outcome === "require_approval") {
    const waiting = { key, calls, known: isGoingOn ? known : undefined, seq: proposed.seq };
    const answer = await approve(parts, session, name, objectOf(args), call.signal, waiting);
    if (answer.kind === "waits") return { kind: "refused", error: answer.error };
    if (answer.kind === "denied") return refuse(answer.reason, answer.advice);
    approved = answer;
    // Time went by, and a person may have changed the arguments: what is forbidden stays so.
    ({ decision, advice } = await judge(approved.editedArgs ?? args));
    if (decision.outcome === "deny") return refuse(decision.reason, advice());
  }
  const begun = await beginModelCall(parts, session, { ...name, call }, decided);
  if (begun.kind === "failed") return { kind: "refused", error: begun.error };
  if (begun.kind === "denied") return refuse(begun.reason, begun.advice);
  calls.open.delete(key);
  const limits = limitsOf(decision, parts.manifest);
  const policy = declared.isImplied ? "default" : "policy";
  const reopen = reopening(calls, key, proposed);
  return allow(parts, session, name, { approved, policy, limits, reopen });
}

/** A person, the policy and the ledger would know another number than the server gets. */
async function refuseInexact(
  { log, nowMs, say }: GateParts,
  session: CallSession,
  { tool }: ToolCall,
  why: string,
): Promise<Admission> {
  const name = { tool, callId: uniqueSuffix() };
  const members = { tool_name: tool, call_id: name.callId, code: numberInexact, error: why };
  const stored = await record({ log, nowMs }, session, "ERROR_RAISED", {
    ...members,
    fatal: false,
  });
  const note = stored.ok ? "" : `; and this could not be recorded: ${stored.error}`;
  say(`a call of ${JSON.stringify(tool)} was refused: ${why}`);
  const change = "send it as a text, or with up to 15 digits";
  return { kind: "refused", error: deniedCall(name, numberInexact, { why, change }, note) };
}

async function adviceWhereLimited(
  parts: GateParts,
  session: CallSession,
  tool: string,
  args: JsonValue,
): Promise<Advice | undefined> {
  if (parts.limiter.take([{ tenant: session.tenant, tool }]) === 0) return undefined;
  const state = await stateNow(parts, session);
  return adviceFor("RATE_LIMITED", advisedCall(tool, args), state, budgetsOf({}));
}

async function decided(
  { decide, telemetry }: GateParts,
  { tool, trace = {} }: ToolCall,
  input: DecideInput,
): Promise<ToolDecision> {
  const { traceparent: parent, tracestate: state } = trace;
  const name = `decide ${tool}`;
  return withSpan(telemetry, { name, kind: "internal", parent, state }, async (span) => {
    const decision = await decide(input);
    const { outcome, reason } = decision;
    span.set({ "aegis.policy.outcome": outcome, "aegis.policy.reason": reason });
    return decision;
  });
}

function takenName(name: string): Advice {
  return {
    why: `${JSON.stringify(name)} stands for a request of the protocol, not for a tool`,
    change: "give the tool another name",
  };
}

/** A result that is a question leaves the call open for the answer. */
function reopening(calls: OpenCalls, key: string, { callId, seq }: OpenCall): () => void {
  return () => calls.keep(key, { callId, seq, token: undefined });
}

async function propose(
  parts: GateParts,
  session: CallSession,
  { tool, args, sanitizerKey }: ToolCall,
): Promise<OpenCall | { readonly error: ProxyError }> {
  const callId = uniqueSuffix();
  const members = { tool_name: tool, args, call_id: callId, sanitizer_key: sanitizerKey };
  const stored = await record(parts, session, "TOOL_CALL_PROPOSED", members);
  if (!stored.ok) return { error: notRecorded(tool, stored.error) };
  return { callId, seq: stored.value, token: undefined };
}

interface Allowing {
  readonly approved: Approved | undefined;
  /** Who allowed it, where no person did. */
  readonly policy: "policy" | "default";
  readonly limits: Limits;
  readonly reopen: () => void;
}

async function allow(
  parts: GateParts,
  session: CallSession,
  name: { readonly tool: string; readonly callId: string },
  { approved, policy, limits, reopen }: Allowing,
): Promise<Admission> {
  const constraints = { max_output_bytes: limits.outputMax, timeout_ms: limits.timeoutMs };
  const stored = await record(parts, session, "TOOL_CALL_ALLOWED", {
    tool_name: name.tool,
    call_id: name.callId,
    policy_ref: approved === undefined ? policy : `approval:${approved.tokenHash.slice(0, 16)}`,
    constraints: treeOf(constraints),
    edited_args: approved?.editedArgs === undefined ? undefined : treeOf(approved.editedArgs),
  });
  if (!stored.ok) return { kind: "refused", error: notRecorded(name.tool, stored.error) };
  const permit = createPermit(parts, session, name, limits, approved?.editedArgs, reopen);
  return { kind: "admitted", permit };
}

function eventOf(
  { tenant, id }: CallSession,
  seq: number,
  { tool, sanitizerKey }: ToolCall,
  callId: string,
  args: JsonValue,
): JsonValue {
  const sanitizer = sanitizerKey === undefined ? {} : { sanitizer_key: sanitizerKey };
  return {
    event_type: "TOOL_CALL_PROPOSED",
    seq,
    tenant_id: tenant,
    session_id: id,
    payload: { tool_name: tool, args, call_id: callId, ...sanitizer },
  };
}

function advisedCall(tool: string, args: JsonValue) {
  const { domain, bin } = objectOf(args);
  return { tool, domain, program: bin };
}

function objectOf(value: JsonValue): JsonObject {
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  return isObject ? (value as JsonObject) : {};
}
