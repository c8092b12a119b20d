// A server that asks for sampling calls its client's model: that counts as a call of a model, with
// a budget of its own, and whoever wrote the policy is asked about it as about any other.

import { stateNow } from "../app/serve/live-states.ts";
import { type Advice, adviceFor } from "../control/decide/advice.ts";
import type { DecideInput, ToolDecision } from "../control/decide/decision.ts";
import { budgetsOf } from "../control/state/budgets.ts";
import { samplingRequest } from "../control/state/protocol-requests.ts";
import { policyView } from "../control/state/view.ts";
import type { GateParts, ToolCall } from "./gate.ts";
import { membersOf, type Response_ } from "./message.ts";
import { type CallSession, type RecordParts, record } from "./record.ts";
import { notRecorded, type ProxyError } from "./refusal.ts";

type Begun =
  | { readonly kind: "begun" }
  | { readonly kind: "denied"; readonly reason: string; readonly advice: Advice }
  | { readonly kind: "failed"; readonly error: ProxyError };

/**
 * Nothing of a call that is none of a model. Recorded before it is decided about, so that two at
 * once do not both take the last one.
 */
export async function beginModelCall(
  parts: GateParts,
  session: CallSession,
  { call, callId }: { readonly call: ToolCall; readonly callId: string },
  decided: (parts: GateParts, call: ToolCall, input: DecideInput) => Promise<ToolDecision>,
): Promise<Begun> {
  if (call.tool !== samplingRequest) return { kind: "begun" };
  const { tenant, id } = session;
  const payload = { call_id: callId, provider: "mcp" };
  const stored = await record(parts, session, "MODEL_CALL_STARTED", payload);
  if (!stored.ok) return { kind: "failed", error: notRecorded(samplingRequest, stored.error) };
  const { manifest } = parts;
  const limits = budgetsOf(manifest);
  const state = await stateNow(parts, session);
  const view = policyView(state, limits);
  const others = state.budgets.model_calls_consumed - 1;
  const decision = await decided(parts, call, {
    event: {
      ...{ event_type: "MODEL_CALL_STARTED", seq: stored.value },
      ...{ tenant_id: tenant, session_id: id, payload },
    },
    snapshot: { ...view, model_calls_consumed: others },
    manifest,
  });
  if (decision.outcome === "allow") return { kind: "begun" };
  const advised = { tool: call.tool, domain: undefined, program: undefined };
  const { reason } = decision;
  return { kind: "denied", reason, advice: adviceFor(reason, advised, state, limits) };
}

/** What the client says of its model. @returns why it is not recorded */
export async function endModelCall(
  parts: RecordParts,
  session: CallSession,
  callId: string,
  { members }: Pick<Response_, "members">,
): Promise<string | undefined> {
  const result = membersOf(members.get("result"));
  const stored = await record(parts, session, "MODEL_CALL_FINISHED", {
    call_id: callId,
    model_id: result?.get("model"),
    finish_reason: result?.get("stopReason") ?? (members.has("error") ? "error" : undefined),
  });
  return stored.ok ? undefined : stored.error;
}
