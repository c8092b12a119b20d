// How a request over HTTP ends: with its answer, recorded before it passes, or without one. It ends
// once, whoever comes first.

import { sha256Hex } from "../../base/hash.ts";
import type { Response_ } from "../message.ts";
import type { EndReason } from "../permit.ts";
import { hasQuestions } from "../questions.ts";
import { errorAnswer, rpcCodes } from "../refusal.ts";
import { carriesResult } from "../tool-call.ts";
import { endRequest, type HttpRequest, rememberAnswer, type Scope } from "./scopes.ts";

/** Ends a request that has no answer: recorded, and told to whoever still listens. */
export async function giveUp(
  scope: Scope,
  request: HttpRequest,
  reason: EndReason,
  detail: string,
): Promise<string | undefined> {
  if (!endRequest(scope, request)) return undefined;
  const error = (await request.permit?.failed(reason, detail)) ?? {
    code: rpcCodes.internal,
    message: `upstream error: ${detail}`,
    data: {},
  };
  const text = errorAnswer(request.id, error);
  rememberAnswer(scope, request.id, { instead: text });
  if (!request.isAttached) for (const tell of scope.resumed) tell(text);
  request.over.resolve(text);
  return text;
}

/** @returns what the client may see; undefined when the request had ended before */
export async function answerOf(
  scope: Scope,
  request: HttpRequest,
  message: Response_,
): Promise<string | undefined> {
  if (!endRequest(scope, request)) return undefined;
  const { permit, isTask, id } = request;
  const isRecorded = permit !== undefined && (!isTask || carriesResult(message));
  const error = isRecorded ? await permit.answered(message) : undefined;
  const text = error === undefined ? await asked(scope, request, message) : errorAnswer(id, error);
  const isSame = text === message.text;
  rememberAnswer(scope, id, isSame ? { hash: sha256Hex(text) } : { instead: text });
  return text;
}

/** What it asks of the client is decided about as well. */
async function asked(
  { questions, session }: Scope,
  { id, message: request }: HttpRequest,
  answer: Response_,
): Promise<string> {
  if (!hasQuestions(answer)) return answer.text;
  const found = await questions.asked(session, request, answer, new AbortController().signal);
  return found.ok ? found.value : errorAnswer(id, found.error);
}
