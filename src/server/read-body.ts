// The body of a request, within bounds of size and time: whoever sends may be slow or never stop.

import { requestBodyMaxBytes, requestBodyMs } from "../base/limits.ts";
import { Refusal } from "./http.ts";

/** The rest of what is coming is not waited for. */
const closing = { Connection: "close" };

/** @throws {Refusal} when it is too large, or not there in time */
export async function readBody(request: Request): Promise<Uint8Array> {
  const declared = request.headers.get("Content-Length");
  if (Number(declared ?? 0) > requestBodyMaxBytes) throw tooLarge();
  if (request.body === null) return new Uint8Array();
  const body = declared === null ? readPieces(request.body) : request.bytes();
  return await inTime(body);
}

async function readPieces(body: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  // Leaving the loop cancels the rest.
  for await (const piece of body) {
    size += piece.length;
    if (size > requestBodyMaxBytes) throw tooLarge();
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

async function inTime<T>(work: Promise<T>): Promise<T> {
  if (Bun.peek.status(work) === "fulfilled") return work;
  const { promise, reject } = Promise.withResolvers<never>();
  const late = () => reject(new Refusal("request_timeout", "the body took too long", {}, closing));
  const timer = setTimeout(late, requestBodyMs);
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}

function tooLarge(): Refusal {
  const text = `the body is larger than ${requestBodyMaxBytes} bytes`;
  return new Refusal("body_too_large", text, {}, closing);
}
