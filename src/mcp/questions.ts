// What a server asks of its client in an answer: since 2026-07-28 a result may hold requests, which
// the caller answers when it sends its own request again, and an error may name pages to open. They
// are decided about before the caller sees them; the answers are recorded before the server does.

import { canonicalJson } from "../base/canonical-json.ts";
import { sha256Hex } from "../base/hash.ts";
import { type JsonMembers, type JsonTree, NumberText } from "../base/json-text.ts";
import { err, ok, type Result } from "../base/result.ts";
import { askedOfClient, editedParams } from "./client-asked.ts";
import type { Gate } from "./gate.ts";
import {
  membersOf,
  otherSpelling,
  type Request,
  type Response_,
  textOf,
  treeText,
} from "./message.ts";
import type { Permit } from "./permit.ts";
import type { CallSession } from "./record.ts";
import { methodUnknown, type ProxyError, rpcCodes } from "./refusal.ts";

type Answer = Pick<Response_, "members" | "text">;

export interface Questions {
  /** @returns the answer as its caller may see it, or what to say instead */
  asked(
    session: CallSession,
    request: Request,
    answer: Answer,
    signal: AbortSignal,
  ): Promise<Result<string, ProxyError>>;
  /** Of a request that may hold answers. @returns what to say instead of sending it on */
  answered(session: CallSession, request: Request): Promise<ProxyError | undefined>;
}

const questionsMax = 32;
/** Requests whose callers may still answer; the oldest go first. */
const openMax = 10_000;
const requestsMember = "inputRequests";
const responsesMember = "inputResponses";
const stateMember = "requestState";
/** An error that asks its caller to open pages. */
const pagesCode = "-32042";

export function hasQuestions(answer: Pick<Response_, "members">): boolean {
  const result = membersOf(answer.members.get("result")) ?? new Map();
  const mayAsk =
    result.has(requestsMember) || otherSpelling(result, [requestsMember]) !== undefined;
  return mayAsk || pagesOf(answer) !== undefined;
}

export function hasAnswers({ members }: Request): boolean {
  return membersOf(members.get("params"))?.has(responsesMember) === true;
}

export function createQuestions(gate: Gate): Questions {
  const open = new Map<string, ReadonlyMap<string, Permit>>();
  return {
    async asked(session, request, answer, signal) {
      const pages = pagesOf(answer);
      if (pages !== undefined) return openPages(gate, session, answer, pages, signal);
      const result = membersOf(answer.members.get("result"));
      if (result === undefined) return ok(answer.text);
      const odd = otherSpelling(result, [requestsMember]);
      if (odd !== undefined) return err(refused(odd));
      const asked = result.get(requestsMember);
      if (asked === undefined) return ok(answer.text);
      const requests = membersOf(asked);
      if (requests === undefined || requests.size > questionsMax) {
        return err(refused(`its ${requestsMember} are no object of up to ${questionsMax}`));
      }
      const decided = await decideAll(gate, session, requests, signal);
      if (!decided.ok) return decided;
      const { permits, edited } = decided.value;
      const key = keyOf(session, request, result.get(stateMember));
      open.delete(key);
      if (permits.size > 0) open.set(key, permits);
      const [oldest] = open.keys();
      if (open.size > openMax && oldest !== undefined) open.delete(oldest);
      if (edited === undefined) return ok(answer.text);
      const changed = new Map(result).set(requestsMember, edited);
      return ok(treeText(new Map(answer.members).set("result", changed)));
    },
    async answered(session, request) {
      const params = membersOf(request.members.get("params"));
      const responses = membersOf(params?.get(responsesMember));
      if (responses === undefined) return undefined;
      const key = keyOf(session, request, params?.get(stateMember));
      const permits = open.get(key);
      open.delete(key);
      for (const [name, permit] of permits ?? []) {
        const given = responses.get(name);
        if (given === undefined) continue;
        const response = { members: new Map([["result", given]]), text: treeText(given) };
        const error = await permit.answered(response);
        if (error !== undefined) return error;
      }
      return undefined;
    },
  };
}

interface Decided {
  readonly permits: ReadonlyMap<string, Permit>;
  /** Undefined: as they were. */
  readonly edited: JsonMembers | undefined;
}

async function decideAll(
  gate: Gate,
  session: CallSession,
  requests: JsonMembers,
  signal: AbortSignal,
): Promise<Result<Decided, ProxyError>> {
  const permits = new Map<string, Permit>();
  let edited: JsonMembers | undefined;
  for (const [name, request] of requests) {
    const members = membersOf(request);
    const method = textOf(members?.get("method"));
    if (members === undefined || method === undefined) {
      await withdraw(permits);
      return err(refused(`one of its ${requestsMember} is no request`));
    }
    const odd = otherSpelling(members, ["method", "params"]);
    if (odd !== undefined) {
      await withdraw(permits);
      return err(refused(odd));
    }
    const unknown = gate.unknownMethod("server", method);
    if (unknown !== undefined) {
      await gate.raise(session, methodUnknown, unknown);
      await withdraw(permits);
      return err(refused(unknown));
    }
    const unrecorded = gate.isPassed(method)
      ? await gate.pass(session, "server", method)
      : undefined;
    if (unrecorded !== undefined) {
      await withdraw(permits);
      return err(unrecorded);
    }
    const params = members.get("params");
    const call = askedOfClient(method, params, signal);
    if (call === undefined) continue;
    const admission = await gate.admit(session, call);
    if (admission.kind === "refused") {
      await withdraw(permits);
      return err(admission.error);
    }
    const { permit } = admission;
    permits.set(name, permit);
    if (permit.editedArgs === undefined) continue;
    const changed = new Map(members).set("params", editedParams(params, permit.editedArgs));
    edited = new Map(edited ?? requests).set(name, changed);
  }
  return ok({ permits, edited });
}

async function withdraw(permits: ReadonlyMap<string, Permit>): Promise<void> {
  for (const permit of permits.values()) {
    await permit.failed("CANCELLED", "another question of the same answer was refused");
  }
}

/** Each is a question to the user; what comes of it is told in another way. */
async function openPages(
  gate: Gate,
  session: CallSession,
  { text }: Answer,
  pages: JsonTree,
  signal: AbortSignal,
): Promise<Result<string, ProxyError>> {
  if (!Array.isArray(pages) || pages.length > questionsMax) {
    return err(refused(`its elicitations are no list of up to ${questionsMax}`));
  }
  for (const page of pages) {
    const call = askedOfClient("elicitation/create", page, signal);
    if (call === undefined) continue;
    const admission = await gate.admit(session, { ...call, hasResult: false });
    if (admission.kind === "refused") return err(admission.error);
  }
  return ok(text);
}

function pagesOf({ members }: Pick<Response_, "members">): JsonTree | undefined {
  const error = membersOf(members.get("error"));
  const code = error?.get("code");
  if (!(code instanceof NumberText) || code.text !== pagesCode) return undefined;
  return membersOf(error?.get("data"))?.get("elicitations");
}

/** The same request, sent again with answers, has another id. */
function keyOf(
  { tenant, id }: CallSession,
  { method, members }: Request,
  state: JsonTree | undefined,
): string {
  const asked = new Map(membersOf(members.get("params")));
  for (const name of ["_meta", responsesMember, stateMember]) asked.delete(name);
  const inOrder = [...asked].sort(([a], [b]) => (a < b ? -1 : 1));
  const params = treeText(new Map(inOrder));
  const stateText = state === undefined ? "" : treeText(state);
  return sha256Hex(canonicalJson([tenant, id, method, params, stateText]));
}

function refused(why: string): ProxyError {
  const message = `request denied: the server asks for something that cannot be decided: ${why}`;
  return { code: rpcCodes.denied, message, data: { reason: "INVALID_PARAMS" } };
}
