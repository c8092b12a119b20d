// POST /v1/policy/decide: may this tool be called? With a `session` the answer is about its live
// state and is recorded before it is given; without one the caller's own snapshot counts.

import type { RateLimiter } from "../app/serve/rate-limit.ts";
import { canonicalText } from "../base/canonical-dialects.ts";
import { canonicalJson } from "../base/canonical-json.ts";
import { sha256Hex } from "../base/hash.ts";
import type { SpelledJson } from "../base/spelled-json.ts";
import type { Decide, ToolDecision } from "../control/decide/decision.ts";
import { stricter } from "../control/decide/stricter.ts";
import { budgetsOf } from "../control/state/budgets.ts";
import { isProtocolRequest } from "../control/state/protocol-requests.ts";
import { policyView } from "../control/state/view.ts";
import type { JsonValue } from "../model/event.ts";
import { isObject, memberOf } from "../model/json-object.ts";
import { decideRequest, decide as operation } from "./api/decide.ts";
import { askedBy } from "./auth.ts";
import {
  idempotencyKey,
  membersOf,
  plainValue,
  Refusal,
  type Route,
  refuseUnknown,
  reply,
  route,
  textMember,
} from "./http.ts";
import {
  decideLive,
  type Judged,
  type LiveParts,
  type LiveQuestion,
  type NamedSession,
  type ProposedCall,
} from "./live-decision.ts";
import { describeDecisionOn } from "./traced.ts";
import { bodyRefusal } from "./validate.ts";

export interface DecideParts extends LiveParts {
  readonly decide: Decide;
  /** SHA-256 of the policy that `decide` asks now; absent: nobody knows. */
  readonly policyHash?: () => string;
  /** The manifest the server was started with; an empty one declares nothing. */
  readonly manifest: JsonValue;
  /** A request's own one decides beside it, not instead of it. */
  readonly isManifestBinding?: boolean;
  readonly limiter: RateLimiter;
  /** Told of every decision that was made. */
  readonly onDecided?: (decision: ToolDecision) => void;
}

const requestMembers: ReadonlySet<string> = new Set(Object.keys(decideRequest.shape));
const sessionMembers: ReadonlySet<string> = new Set(["tenant_id", "session_id", "user_id"]);

export function decideRoute(parts: DecideParts): Route {
  const servedHash = manifestHash(parts.manifest);
  const served: DecidingManifest = {
    json: parts.manifest,
    member: "manifest_hash",
    hash: () => servedHash,
  };
  return route(operation, async (call) => {
    const body = call.json();
    refuseUnknown(membersOf(body), requestMembers);
    const event = inputMember(body, "event") ?? {};
    const snapshot = inputMember(body, "snapshot") ?? {};
    const manifests = manifestsFor(parts, served, inputMember(body, "manifest"));
    const session = sessionOf(body);
    const own = session?.tenant ?? call.caller.tenant;
    const counted = countedCall(own, event);
    const isLimited = parts.limiter.take(counted) > 0;
    const judge = async (known: (manifest: JsonValue) => JsonValue): Promise<Judged> => {
      if (isLimited) return { decision: limited, by: () => ({}), isPolicys: false };
      const policy_hash = parts.policyHash?.();
      // All of them at once, so that one policy is asked even where it is replaced meanwhile.
      const asked = manifests.map(({ json }) =>
        parts.decide({ event, snapshot: known(json), manifest: json }),
      );
      const decision = (await Promise.all(asked)).reduce(stricter);
      const by = () => ({
        ...(policy_hash === undefined ? {} : { policy_hash }),
        ...Object.fromEntries(manifests.map(({ member, hash }) => [member, hash()])),
      });
      return { decision, by, isPolicys: true };
    };
    const named = proposed(event);
    const { decision, isRepeated } =
      session === undefined
        ? { ...(await judge(() => snapshot)), isRepeated: false }
        : await decideLive(parts, {
            session,
            call: named,
            askedBy: askedBy(call.caller),
            proposed: proposedCall(event, body.member("event")?.member("payload")),
            asked: askedIn(body, idempotencyKey(call.headers)),
            judge: (state) => judge((manifest) => policyView(state, budgetsOf(manifest))),
          });
    if (!isRepeated) parts.onDecided?.(decision);
    // It was counted when it was asked the first time.
    else if (!isLimited) parts.limiter.giveBack(counted);
    describeDecisionOn(call.span, { session, call: named, decision });
    return reply(200, { ...decision });
  });
}

function askedIn(body: SpelledJson, key: string | undefined): LiveQuestion["asked"] {
  return { key, text: key === undefined ? "" : canonicalText(body.tree, "python") };
}

interface DecidingManifest {
  readonly json: JsonValue;
  /** Of the record of a decision. */
  readonly member: "manifest_hash" | "request_manifest_hash";
  /** SHA-256, hex, of its RFC 8785 form. */
  readonly hash: () => string;
}

/** The binding one first. */
function manifestsFor(
  { isManifestBinding = false }: DecideParts,
  served: DecidingManifest,
  json: JsonValue | undefined,
): readonly DecidingManifest[] {
  if (json === undefined) return [served];
  const sent = { json, member: "request_manifest_hash", hash: () => manifestHash(json) } as const;
  return isManifestBinding ? [served, sent] : [sent];
}

function manifestHash(manifest: JsonValue): string {
  return sha256Hex(canonicalJson(manifest));
}

const policyInput = decideRequest.pick({ event: true, snapshot: true, manifest: true });

/**
 * Checked before any policy sees it: one that compares a text with a number has an answer as well.
 * @returns undefined when it is absent
 */
function inputMember(
  body: SpelledJson,
  name: keyof typeof policyInput.shape,
): JsonValue | undefined {
  const given = body.member(name);
  if (given === undefined || given.isNull()) return undefined;
  if (given.members() === undefined) {
    throw new Refusal("type_invalid", `invalid JSON: "${name}" is no object`);
  }
  const value = plainValue(given, name);
  const read = policyInput.safeParse({ [name]: value });
  if (!read.success) throw bodyRefusal(read.error.issues[0]);
  return value;
}

const limited: ToolDecision = { outcome: "deny", reason: "RATE_LIMITED", constraints: {} };

/** @param tenant undefined: whichever the event names */
function countedCall(
  tenant: string | undefined,
  event: JsonValue,
): Parameters<RateLimiter["take"]>[0] {
  if (memberOf(event, "event_type") !== "TOOL_CALL_PROPOSED") return [];
  const named = tenant ?? memberOf(event, "tenant_id");
  const tool = proposed(event).tool_name;
  return [
    {
      tenant: typeof named === "string" ? named : "",
      tool: typeof tool === "string" ? tool : "",
    },
  ];
}

function sessionOf(body: SpelledJson): NamedSession | undefined {
  const session = body.member("session");
  if (session === undefined || session.isNull()) return undefined;
  const named = session.members();
  if (named === undefined) {
    throw new Refusal("type_invalid", 'invalid JSON: "session" is no object');
  }
  refuseUnknown(named, sessionMembers);
  const tenant = textMember(named, "tenant_id") ?? "";
  const id = textMember(named, "session_id") ?? "";
  if (tenant === "" || id === "") {
    throw new Refusal("member_missing", "session needs tenant_id and session_id");
  }
  return { tenant, id, user: textMember(named, "user_id") ?? "" };
}

/** Undefined for what is no tool call, and for one of MCP's own requests: neither is counted. */
function proposedCall(event: JsonValue, sent: SpelledJson | undefined): ProposedCall | undefined {
  if (memberOf(event, "event_type") !== "TOOL_CALL_PROPOSED") return undefined;
  const payload = memberOf(event, "payload") ?? {};
  if (!isObject(payload) || isProtocolRequest(payload.tool_name)) return undefined;
  return { payload, spelled: sent?.inexact() };
}

/** Which call the decision is about. */
function proposed(event: JsonValue): { readonly tool_name?: string; readonly call_id?: string } {
  const payload = memberOf(event, "payload");
  const [tool, id] = [memberOf(payload, "tool_name"), memberOf(payload, "call_id")];
  return {
    ...(typeof tool === "string" ? { tool_name: tool } : {}),
    ...(typeof id === "string" ? { call_id: id } : {}),
  };
}
