// Large events before they are appended: what their seals are made of, so that a transaction has
// little left to do and others are answered meanwhile. Anyone may send them.

import { dialects } from "../../base/canonical-dialects.ts";
import { jsonProblem } from "../../base/json-text.ts";
import { bodyTurnBytes } from "../../base/limits.ts";
import { SpelledJson } from "../../base/spelled-json.ts";
import { nextTurn } from "../../base/turn.ts";
import type { AppendRequest } from "./contract.ts";
import { sealIn } from "./foreign.ts";

/** @param size of all of them together, bytes */
export async function prepareInTurns(
  requests: readonly AppendRequest[],
  size: number,
): Promise<void> {
  const usual = size / requests.length;
  let done = 0;
  for (const request of requests) {
    for (const length of made(request)) {
      done += Math.max(length, usual);
      if (done <= bodyTurnBytes) continue;
      done = 0;
      await nextTurn();
    }
  }
}

/** Every length is that of something which the event's payload keeps from now on. */
function* made({ payload, ...request }: AppendRequest): Iterable<number> {
  if (!(payload instanceof SpelledJson)) return;
  try {
    payload.plain();
  } catch (error) {
    if (jsonProblem(error) === undefined) throw error;
    // ignored: whoever appends it is told
    return;
  }
  yield 0;
  const isExact = payload.inexact() === undefined;
  if (request.idempotencyKey !== undefined) yield payload.form("python").length;
  const { hash, seq } = request;
  if (hash === undefined) return yield payload.form(isExact ? "rfc8785" : "python").length;
  const event = { ...request, payload, prevHash: request.prevHash?.toBase64() };
  for (const dialect of dialects) {
    yield payload.form(dialect).length;
    // Where its place is the ledger's to say, so is which of them is right.
    if (seq !== undefined && sealIn({ ...event, seq }, dialect, hash) !== undefined) return;
  }
}
