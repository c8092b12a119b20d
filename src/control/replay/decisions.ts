// A live replay of what was decided: every recorded decision about a tool call is made again, on
// the state of then, by the policy and the manifest of now. Pure; the policy is a parameter.

import { canonicalJson } from "../../base/canonical-json.ts";
import { type JsonTree, treeMember } from "../../base/json-text.ts";
import type { JsonObject, JsonValue } from "../../model/event.ts";
import { isObject } from "../../model/json-object.ts";
import type { ToolDecision } from "../decide/decision.ts";
import { type Budgets, defaultBudgets, withWallTime } from "../state/budgets.ts";
import {
  applyEvent,
  callToDecide,
  newState,
  type ReducedEvent,
  type SessionState,
} from "../state/reducer.ts";
import { policyView } from "../state/view.ts";
import { type DiffEntry, diffsMax, type Replay, report } from "./replay.ts";

/** Decides about an event that proposes a call, on a snapshot. */
export type Decider = (
  event: JsonValue,
  snapshot: JsonValue,
) => ToolDecision | Promise<ToolDecision>;

/** One step after the other: each is over when its promise is. */
export interface LiveReplay extends Pick<Replay, "report"> {
  /** @returns false when there is nothing more to be learnt */
  step(event: ReducedEvent): Promise<boolean>;
}

interface Proposal {
  readonly payload: JsonObject;
  /** As that of an event. */
  readonly spelled: JsonTree | undefined;
  isDecided: boolean;
}

/**
 * What was denied for coming too often was not decided by the policy and is not decided again. A
 * decision about a call whose arguments nobody recorded cannot be made again, which is a
 * difference.
 */
export function decisionReplay(
  id: string,
  decide: Decider,
  budgets: Budgets = defaultBudgets,
): LiveReplay {
  const diffs: DiffEntry[] = [];
  const proposals = createProposals();
  let state: SessionState = newState();
  let steps = 0;

  async function compare({ seq, type, spelled }: ReducedEvent, payload: JsonObject): Promise<void> {
    const recorded = recordedDecision(type, payload);
    if (recorded === undefined || notThePolicys.has(recorded.reason)) return;
    const proposal = proposals.of(payload, spelled);
    // What follows a decision of the policy says the same once more.
    if (type !== "POLICY_DECISION" && proposal?.isDecided !== false) return;
    if (proposal !== undefined) proposal.isDecided = true;
    const replayed = proposal === undefined ? "" : await again(proposal, recorded, payload);
    const before = canonicalJson(recorded);
    if (before === replayed) return;
    diffs.push({ seq, field: "policy_decision", recorded: before, replayed });
  }

  /**
   * Those members of the decision that the record has.
   * @param of its record, which says how late it was
   */
  async function again(
    { payload, spelled }: Proposal,
    recorded: JsonObject,
    { wall_time_ms: then }: JsonObject,
  ): Promise<string> {
    const event = { event_type: "TOOL_CALL_PROPOSED", payload };
    const { state: known } = callToDecide(state, payload, spelled);
    const asked = policyView(withWallTime(known, typeof then === "number" ? then : 0), budgets);
    const decision: JsonObject = { ...(await decide(event, asked)) };
    return canonicalJson(
      Object.fromEntries(Object.keys(recorded).map((name) => [name, decision[name] ?? null])),
    );
  }

  return {
    async step(event) {
      const { type, payload } = event;
      if (isObject(payload)) {
        if (type === "TOOL_CALL_PROPOSED") proposals.add(payload, event.spelled);
        else await compare(event, payload);
      }
      state = applyEvent(state, event);
      steps++;
      return diffs.length < diffsMax;
    },
    report: () => report(id, "live", steps, diffs),
  };
}

function createProposals() {
  const byCall = new Map<string, Proposal>();
  let latest: Proposal | undefined;
  function add(payload: JsonObject, spelled: JsonTree | undefined): Proposal {
    latest = { payload, spelled, isDecided: false };
    if (typeof payload.call_id === "string") byCall.set(payload.call_id, latest);
    return latest;
  }
  return {
    add,
    /** @param payload of a decision */
    of(
      { proposed, call_id: id, tool_name: tool }: JsonObject,
      spelled: JsonTree | undefined,
    ): Proposal | undefined {
      // A decision that is the proposal as well.
      if (isObject(proposed)) return add(proposed, treeMember(spelled, "proposed"));
      if (typeof id === "string") return byCall.get(id);
      return tool === undefined || tool === latest?.payload.tool_name ? latest : undefined;
    },
  };
}

const notThePolicys: ReadonlySet<unknown> = new Set(["RATE_LIMITED", "SESSION_BUSY"]);

/** Undefined for an event that records no decision. */
function recordedDecision(type: string, payload: JsonObject): JsonObject | undefined {
  switch (type) {
    case "POLICY_DECISION": {
      const { outcome, reason_codes: reasons, constraints } = payload;
      if (typeof outcome !== "string") return undefined;
      const reason = Array.isArray(reasons) ? reasons[0] : payload.reason;
      return {
        outcome: outcome.toLowerCase(),
        ...(typeof reason === "string" ? { reason } : {}),
        ...(constraints === undefined ? {} : { constraints }),
      };
    }
    case "TOOL_CALL_ALLOWED":
    case "TOOL_CALL_EXECUTED":
      return { outcome: "allow" };
    case "TOOL_CALL_DENIED": {
      const reason = payload.reason ?? payload.reason_code;
      return { outcome: "deny", ...(typeof reason === "string" ? { reason } : {}) };
    }
    case "APPROVAL_REQUESTED":
      return { outcome: "require_approval" };
    default:
      return undefined;
  }
}
