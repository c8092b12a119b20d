// One request of a client over HTTP, and what becomes of it: sent on, answered, ended. What a
// server answers is read before it is passed on, in a body or in a stream.

import type { Gate } from "../gate.ts";
import { answerSizeMax } from "../limits.ts";
import {
  errorText,
  idKey,
  type Message,
  messagesOf,
  type Response_,
  type Request as RpcRequest,
} from "../message.ts";
import { hasAnswers } from "../questions.ts";
import type { RecordParts } from "../record.ts";
import {
  cancelledText,
  errorAnswer,
  methodUnknown,
  type ProxyError,
  rpcCodes,
} from "../refusal.ts";
import { type AskedCall, allowedText, askedCall, followedTask } from "../tool-call.ts";
import { answerOf, giveUp } from "./answers.ts";
import { allowedHeaders, answerHeaders } from "./headers.ts";
import {
  addRequest,
  endRequest,
  type HttpRequest,
  idProblem,
  newRequest,
  type Scope,
} from "./scopes.ts";
import { streamed } from "./streamed.ts";
import { boundedText, isStream, plainAnswer, streamType, type Upstream } from "./upstream.ts";

export interface HttpParts extends RecordParts, Upstream {
  readonly gate: Gate;
  /** Tells the person who runs the proxy. */
  readonly say: (line: string) => void;
}

/** What a message came with. */
export interface Arrival {
  readonly scope: Scope;
  readonly headers: Headers;
  /** Who sent it, as far as keys tell. */
  readonly holder: string;
  readonly isModern: boolean;
  /** Aborted when the client is gone. */
  readonly signal: AbortSignal;
}

const jsonType = "application/json";
export function jsonResponse(text: string, status = 200): Response {
  return new Response(text, { status, headers: { "Content-Type": jsonType } });
}

/** A request, from its arrival to its answer or the stream that will hold it. */
export async function exchange(
  parts: HttpParts,
  arrival: Arrival,
  message: RpcRequest,
): Promise<Response> {
  const { scope } = arrival;
  const problem = idProblem(scope, message.id);
  if (problem !== undefined) {
    return jsonResponse(errorText(message.id, rpcCodes.invalidRequest, problem), 400);
  }
  const unknown = parts.gate.unknownMethod("client", message.method);
  if (unknown !== undefined) {
    await parts.gate.raise(scope.session, methodUnknown, unknown);
    const text = errorText(message.id, rpcCodes.methodNotFound, unknown);
    // Until 2025-11-25 clients take this status for the end of their session.
    return jsonResponse(text, arrival.isModern ? 404 : 200);
  }
  if (parts.gate.isPassed(message.method)) return exchangePassed(parts, arrival, message);
  const asked = askedCall(message);
  if (asked !== undefined) return exchangeCall(parts, arrival, message, asked);
  return exchangePlain(parts, arrival, message);
}

/** Nothing about it is to be decided. */
async function exchangePlain(
  parts: HttpParts,
  arrival: Arrival,
  message: RpcRequest,
): Promise<Response> {
  const { scope } = arrival;
  const task = followedTask(message);
  const name = { tool: message.method, callId: task ?? "" };
  const permit = task === undefined ? undefined : parts.gate.follow(scope.session, name);
  const request = newRequest(message, permit, task !== undefined);
  addRequest(scope, request);
  const unanswered = await answersIn(scope, message);
  if (unanswered !== undefined) {
    endRequest(scope, request);
    return unanswered;
  }
  return sendOn(parts, arrival, request, message.text);
}

/** Known by its id while it is recorded, so that no second one has it. */
async function exchangePassed(
  parts: HttpParts,
  arrival: Arrival,
  message: RpcRequest,
): Promise<Response> {
  const { id, method } = message;
  const { scope } = arrival;
  const key = idKey(id);
  const taken = new AbortController();
  scope.starting.set(key, taken);
  const error = await parts.gate.pass(scope.session, "client", method);
  scope.starting.delete(key);
  if (error !== undefined) return jsonResponse(errorAnswer(id, error));
  if (taken.signal.aborted) {
    const why = "the caller took the request back before it was sent";
    return jsonResponse(errorText(id, rpcCodes.denied, why));
  }
  return exchangePlain(parts, arrival, message);
}

/** What the client answers with it is recorded. @returns what to say instead of sending it on */
async function answersIn(scope: Scope, message: RpcRequest): Promise<Response | undefined> {
  if (!hasAnswers(message)) return undefined;
  const error = await scope.questions.answered(scope.session, message);
  return error === undefined ? undefined : jsonResponse(errorAnswer(message.id, error));
}

async function exchangeCall(
  parts: HttpParts,
  arrival: Arrival,
  message: RpcRequest,
  asked: AskedCall | ProxyError,
): Promise<Response> {
  const { id } = message;
  const { scope } = arrival;
  if ("code" in asked) return jsonResponse(errorAnswer(id, asked));
  const key = idKey(id);
  const taken = new AbortController();
  scope.starting.set(key, taken);
  const unanswered = await answersIn(scope, message);
  if (unanswered !== undefined) {
    scope.starting.delete(key);
    return unanswered;
  }
  const signal = AbortSignal.any([arrival.signal, taken.signal]);
  const traced = asked.traceparent === undefined ? headerTrace(arrival.headers) : {};
  const admission = await parts.gate.admit(scope.session, { ...asked, ...traced, signal });
  scope.starting.delete(key);
  if (admission.kind === "refused") return jsonResponse(errorAnswer(id, admission.error));
  const { permit } = admission;
  if (signal.aborted) {
    const error = await permit.failed(
      "CANCELLED",
      "the caller took the call back before it was sent",
    );
    return jsonResponse(errorAnswer(id, error));
  }
  const call = newRequest(message, asked.hasResult ? permit : undefined, false);
  addRequest(scope, call);
  const text = allowedText(message, permit);
  const headers = allowedHeaders(arrival.headers, message, text, permit);
  return sendOn(parts, { ...arrival, headers }, call, text);
}

/** Of the caller, who says so beside the message. */
function headerTrace(headers: Headers) {
  const given = (name: string): string | undefined => headers.get(name) ?? undefined;
  return { traceparent: given("traceparent"), tracestate: given("tracestate") };
}

async function sendOn(
  parts: HttpParts,
  arrival: Arrival,
  request: HttpRequest,
  text: string,
): Promise<Response> {
  const { scope, headers, holder, isModern, signal } = arrival;
  const connection = new AbortController();
  const isResumable = parts.keepsStreams && !isModern && !scope.isLoose;
  const gone = (): void => {
    connection.abort();
    request.isAttached = false;
    if (!isResumable) void giveUp(scope, request, "CANCELLED", "the caller went away");
  };
  signal.addEventListener("abort", gone);
  void request.over.promise.then(() => connection.abort());
  if (request.permit !== undefined && !request.isTask) {
    const { timeoutMs } = request.permit.limits;
    const detail = `there was no answer within ${timeoutMs} ms`;
    request.timer = setTimeout(async () => {
      const said = await giveUp(scope, request, "TIMEOUT", detail);
      if (said !== undefined && !isModern) await tellCancelled(parts, arrival, request, detail);
    }, timeoutMs);
  }
  let response: Response;
  try {
    const sent = { headers, body: text, holder, signal: connection.signal };
    response = await parts.ask({ method: "POST", ...sent });
  } catch (error) {
    if (signal.aborted) return new Response(null, { status: 408 });
    const why = error instanceof Error ? error.message : String(error);
    const said = await giveUp(scope, request, "UPSTREAM_FAILED", `it did not answer: ${why}`);
    return jsonResponse(said ?? (await request.over.promise), said === undefined ? 200 : 502);
  }
  if (response.ok && isStream(response) && response.body !== null) {
    const owner = { request, isResumable, gone };
    const refuse = (said: string) => tellServer(parts, arrival, said);
    const body = streamed(response.body, { scope, say: parts.say, refuse, owner });
    return new Response(body, {
      status: response.status,
      headers: answerHeaders(response.headers, streamType),
    });
  }
  return wholeAnswer(scope, request, response);
}

/** A body that is all of the answer. */
async function wholeAnswer(
  scope: Scope,
  request: HttpRequest,
  response: Response,
): Promise<Response> {
  const { status } = response;
  const headers = answerHeaders(response.headers, jsonType);
  const failed = async (detail: string): Promise<Response> => {
    const said = await giveUp(scope, request, "UPSTREAM_FAILED", detail);
    return new Response(said ?? (await request.over.promise), {
      status: response.ok ? 502 : status,
      headers,
    });
  };
  let text: string;
  try {
    text = await boundedText(response, answerSizeMax + 64 * 1024);
  } catch (error) {
    return failed(error instanceof Error ? error.message : String(error));
  }
  const read = messagesOf(text);
  const [message] = read.ok && !read.value.isBatch ? read.value.messages : [];
  if (message?.kind !== "response") return failed(`it answered ${status} without a message`);
  const isOwn = message.id === null || isFor(message, request);
  if (!isOwn) return failed("it answered another request");
  const said = await answerOf(scope, request, message);
  return new Response(said ?? (await request.over.promise), { status, headers });
}

function isFor({ id }: Response_, request: HttpRequest): boolean {
  return id !== null && idKey(id) === idKey(request.id);
}

/** Notifications and answers of the client: nothing comes back but whether they were taken. */
export async function passOn(
  parts: HttpParts,
  arrival: Arrival,
  message: Message,
): Promise<Response> {
  const { scope, headers, holder, signal } = arrival;
  const text = message.kind === "response" ? await scope.asks.answered(message) : message.text;
  if (text === undefined) return new Response(null, { status: 202 });
  const sent = { headers, body: text, holder, signal };
  return plainAnswer(await parts.ask({ method: "POST", ...sent }));
}

function tellCancelled(
  parts: HttpParts,
  arrival: Arrival,
  { id }: HttpRequest,
  why: string,
): Promise<void> {
  return tellServer(parts, arrival, cancelledText(id, why));
}

/** A message of the proxy's own, in the session of what arrived. */
export async function tellServer(
  parts: HttpParts,
  { headers, holder }: Pick<Arrival, "headers" | "holder">,
  text: string,
): Promise<void> {
  const plain = new Headers(headers);
  for (const name of ["Mcp-Method", "Mcp-Name", "Last-Event-ID"]) plain.delete(name);
  try {
    const signal = AbortSignal.timeout(tellTimeoutMs);
    const sent = { headers: plain, body: text, holder, signal };
    const answer = await parts.ask({ method: "POST", ...sent });
    await answer.body?.cancel();
  } catch (error) {
    parts.say(`the server was not told: ${error instanceof Error ? error.message : error}`);
  }
}

const tellTimeoutMs = 5000;
