// POST and GET /v1/events: sealed events in, sealed events out.

import type { ProposedCall, RateLimiter } from "../app/serve/rate-limit.ts";
import type { JsonTree } from "../base/json-text.ts";
import { NumberText } from "../base/json-text.ts";
import { bodyTurnBytes } from "../base/limits.ts";
import { type SpelledJson, treeIn } from "../base/spelled-json.ts";
import type {
  AppendOutcome,
  AppendRequest,
  ControlLog,
  LoggedEvent,
} from "../ledger/control/contract.ts";
import { hashBytes } from "../ledger/control/foreign.ts";
import { prepareInTurns } from "../ledger/control/prepare.ts";
import type { JsonObject } from "../model/event.ts";
import { batchMax, eventDraft, listEvents, postBatch, postEvent } from "./api/events.ts";
import { ndjson } from "./api/operation.ts";
import type { Caller } from "./auth.ts";
import {
  atLine,
  type Call,
  idempotencyKey,
  membersOf,
  Refusal,
  type Route,
  rateLimited,
  refusePurged,
  refuseUnknown,
  reply,
  replyLegacy,
  replyRefusal,
  route,
  textMember,
  wantsLegacy,
} from "./http.ts";
import { describeBatchOn, describeOn } from "./traced.ts";

export function eventRoutes(
  log: ControlLog,
  nowMs: () => number,
  limiter: RateLimiter,
): readonly Route[] {
  return [
    route(postEvent, async (call) => {
      const request = appendRequest(call.json(), nowMs, idempotencyKey(call.headers));
      refuseClaim(call.caller, request);
      const [outcome] = await appendWithin(log, limiter, [request], call.size);
      if (outcome === undefined) throw new Error("broken invariant: no outcome");
      describeOn(call.span, request, outcome.kind === "refused" ? {} : outcome);
      return answer(outcome);
    }),
    route(postBatch, async (call) => {
      const requests = batchRequests(call, nowMs);
      const outcomes = await appendWithin(log, limiter, requests, call.size);
      const text = outcomes.map((one) => `${JSON.stringify(line(one))}\n`).join("");
      describeBatchOn(call.span, requests, outcomes);
      const isWhole = outcomes.every(({ kind }) => kind !== "refused");
      const headers = { "Content-Type": ndjson };
      return new Response(text, { status: isWhole ? 201 : 207, headers });
    }),
    route(listEvents, async ({ query, headers, signal }) => {
      const { limit } = query;
      const session = given(query.session_id);
      if (session !== undefined) refusePurged(await log.session(query.tenant_id, session));
      const { events, next } = await log.page({
        tenant: query.tenant_id,
        session,
        type: given(query.event_type),
        toolName: given(query.tool_name),
        outcome: given(query.policy_outcome),
        fromUnixMs: query.from_ts,
        toUnixMs: query.to_ts,
        after: afterToken(query.page_token),
        limit: limit + 1,
        signal,
      });
      const shown = events.slice(0, limit);
      const last = events.length > limit ? shown.at(-1)?.index : next;
      const NextToken = last === undefined ? "" : String(last);
      if (!wantsLegacy(headers)) {
        return reply(200, { Events: shown.map(eventJson), NextToken });
      }
      return replyLegacy({
        Events: shown.length === 0 ? null : shown.map(legacyEvent),
        NextToken,
      });
    }),
  ];
}

/** What a person said is recorded by the server that heard it; an admin may import it. */
function refuseClaim({ role }: Caller, { type }: AppendRequest): void {
  if (role === "admin" || type !== "APPROVAL_DECIDED") return;
  const message = "only the server records what a person decided: POST /v1/approvals/{token}";
  throw new Refusal("type_reserved", message);
}

/** @throws {Refusal} naming the line */
function batchRequests(
  { lines: read, headers, caller }: Pick<Call, "lines" | "headers" | "caller">,
  nowMs: () => number,
): readonly AppendRequest[] {
  const lines = read();
  const key = idempotencyKey(headers);
  if (lines.length > batchMax) {
    throw new Refusal("batch_too_large", `at most ${batchMax} events at once`);
  }
  return lines.map((line, at) => {
    try {
      // Each line is stored or refused by itself, so each has a key of its own.
      const request = appendRequest(line, nowMs, key === undefined ? key : `${key}#${at}`);
      refuseClaim(caller, request);
      return request;
    } catch (error) {
      throw error instanceof Refusal ? atLine(error, at) : error;
    }
  });
}

/**
 * Counted are calls that are stored, each once.
 * @param size of all of them, bytes
 * @throws {Refusal} 429, and then none of them is stored
 */
async function appendWithin(
  log: ControlLog,
  limiter: RateLimiter,
  requests: readonly AppendRequest[],
  size: number,
): Promise<readonly AppendOutcome[]> {
  const counted = limiter.isOff ? [] : await countedOf(log, limiter, requests);
  if (size > bodyTurnBytes) await prepareInTurns(requests, size);
  const outcomes = await log.append(requests);
  if (counted.length > 0 && outcomes.some(({ kind }) => kind !== "stored")) {
    const isStored = new Map(requests.map((one, at) => [one, outcomes[at]?.kind === "stored"]));
    limiter.giveBack(proposedCalls(counted.filter((one) => isStored.get(one) === false)));
  }
  return outcomes;
}

/** @throws {Refusal} 429 */
async function countedOf(
  log: ControlLog,
  limiter: RateLimiter,
  requests: readonly AppendRequest[],
): Promise<readonly AppendRequest[]> {
  if (limiter.take(proposedCalls(requests)) === 0) return requests;
  const counted = await newOnes(log, requests);
  const wait = limiter.take(proposedCalls(counted));
  if (wait > 0) throw rateLimited(wait);
  return counted;
}

/** Without those in whose place an event stands: they are told again, or refused. */
async function newOnes(
  log: ControlLog,
  requests: readonly AppendRequest[],
): Promise<readonly AppendRequest[]> {
  const isNew = await Promise.all(
    requests.map(async ({ tenant, session, seq }) => {
      if (seq === undefined) return true;
      return seq >= ((await log.session(tenant, session))?.eventCount ?? 0);
    }),
  );
  return requests.filter((_, at) => isNew[at]);
}

function* proposedCalls(requests: readonly AppendRequest[]): Iterable<ProposedCall> {
  for (const { type, tenant, payload } of requests) {
    if (type !== "TOOL_CALL_PROPOSED") continue;
    const tree = treeIn(payload);
    const tool = tree instanceof Map ? tree.get("tool_name") : undefined;
    yield { tenant, tool: typeof tool === "string" ? tool : "" };
  }
}

export function eventJson(event: LoggedEvent): JsonObject {
  return {
    tenant_id: event.tenant,
    user_id: event.user,
    session_id: event.session,
    seq: event.seq,
    ts_unix_ms: event.tsUnixMs,
    event_type: event.type,
    payload: event.printable ?? event.payload,
    prev_hash: event.prevHash,
    hash: event.hash,
    index: event.index,
  };
}

export function legacyEvent(event: LoggedEvent): JsonObject {
  const payload = new TextEncoder().encode(JSON.stringify(event.printable ?? event.payload));
  return {
    TenantID: event.tenant,
    SessionID: event.session,
    Seq: event.seq,
    TsUnixMs: event.tsUnixMs,
    EventType: event.type,
    PayloadJSON: payload.toBase64(),
    Hash: Uint8Array.fromHex(event.hash).toBase64(),
    PrevHash: event.prevHash === "" ? null : Uint8Array.fromHex(event.prevHash).toBase64(),
  };
}

function answer(outcome: AppendOutcome): Response {
  if (outcome.kind === "refused") return replyRefusal(refusalOf(outcome));
  const { seq, hash, kind } = outcome;
  return reply(kind === "stored" ? 201 : 200, { seq, hash });
}

function line(outcome: AppendOutcome): JsonObject {
  if (outcome.kind !== "refused") {
    return { status: outcome.kind, seq: outcome.seq, hash: outcome.hash };
  }
  const { status, code, message, more } = refusalOf(outcome);
  return { status: "refused", http_status: status, error: message, code, ...more };
}

/** What a client is told that sent what cannot be stored. */
export function refusalOf(outcome: AppendOutcome & { kind: "refused" }): Refusal {
  const { code, message, expectedSeq, expectedPrevHash } = outcome;
  const more =
    code === "chain_conflict"
      ? { expected_seq: expectedSeq, expected_prev_hash: expectedPrevHash }
      : {};
  // Nobody but us changes records along with events, and those who do know what it means.
  return new Refusal(code === "record_changed" ? "internal" : code, message, more);
}

const draftMembers: ReadonlySet<string> = new Set(Object.keys(eventDraft.shape));

/** @throws {Refusal} where a member has the wrong type or a required one is missing */
export function appendRequest(
  body: SpelledJson,
  nowMs: () => number,
  idempotencyKey: string | undefined,
): AppendRequest {
  const members = membersOf(body);
  refuseUnknown(members, draftMembers);
  const tenant = textMember(members, "tenant_id") ?? "";
  const session = textMember(members, "session_id") ?? "";
  if (tenant === "" || session === "") {
    throw new Refusal("member_missing", "tenant_id and session_id are required");
  }
  const ts = integerMember(members.get("ts_unix_ms"), "ts_unix_ms") ?? 0;
  const hash = hashMember(members.get("hash"), "hash");
  const prevHash = hashMember(members.get("prev_hash"), "prev_hash");
  return {
    tenant,
    session,
    user: textMember(members, "user_id") ?? "",
    type: textMember(members, "event_type") ?? "",
    payload: body.member("payload") ?? null,
    tsUnixMs: ts === 0 ? nowMs() : ts,
    isTimeFilledIn: ts === 0,
    seq: integerMember(members.get("seq"), "seq"),
    prevHash,
    hash,
    idempotencyKey,
  };
}

function integerMember(value: JsonTree | undefined, name: string): number | undefined {
  if (value === undefined || value === null) return undefined;
  const number = value instanceof NumberText ? Number(value.text) : Number.NaN;
  if (Number.isSafeInteger(number) && number >= 0) return number;
  throw new Refusal("type_invalid", `invalid JSON: "${name}" is no whole number up to 2^53`);
}

function hashMember(value: JsonTree | undefined, name: string): Uint8Array | undefined {
  const isNone = value === undefined || value === null || value === "";
  if (isNone || (Array.isArray(value) && value.length === 0)) return undefined;
  const bytes = hashBytes(value);
  if (bytes !== undefined) return bytes;
  const how = "base64, hex or a list of 32 integers";
  throw new Refusal("hash_invalid", `invalid JSON: "${name}" is no hash in ${how}`);
}

function given(text: string | undefined): string | undefined {
  return text === "" ? undefined : text;
}

function afterToken(token: string | undefined): number | undefined {
  return token === undefined || token === "" ? undefined : Number(token);
}
