// The body of a request, within bounds of size and time: whoever sends may be slow or never stop.

import type { Incoming } from "../app/serve/listener.ts";
import {
  refusedBodyMaxBytes,
  refusedBodyMs,
  requestBodyMaxBytes,
  requestBodyMs,
} from "../base/limits.ts";
import { Refusal } from "./http.ts";

/** The rest of what is coming is not waited for. */
const closing = { Connection: "close" };

interface BodyReader {
  read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>;
  cancel(): Promise<void>;
}

/** @throws {Refusal} when it is too large, or not there in time */
export async function readBody(
  request: Pick<Incoming, "headers" | "body" | "bytes">,
): Promise<Uint8Array> {
  const declared = request.headers.get("Content-Length");
  if ((request.headers.get("Content-Encoding") ?? "identity") !== "identity") {
    throw new Refusal("encoding_unsupported", "the body has to be sent as it is", {}, closing);
  }
  if (Number(declared ?? 0) > requestBodyMaxBytes) {
    await dropRest(request.body?.getReader());
    throw tooLarge();
  }
  // Asking for a request's stream makes one, which costs more than reading a small body does.
  if (declared !== null) return inTime(request.bytes());
  return request.body === null ? new Uint8Array() : inTime(readPieces(request.body));
}

async function readPieces(body: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  const reader: BodyReader = body.getReader();
  for (;;) {
    const { value: piece, done } = await reader.read();
    if (done || piece === undefined) return Buffer.concat(pieces);
    size += piece.length;
    if (size > requestBodyMaxBytes) {
      pieces.length = 0;
      await dropRest(reader);
      throw tooLarge();
    }
    pieces.push(piece);
  }
}

/**
 * A connection that is closed over bytes nobody read is reset, and the answer is lost with it (RFC
 * 9112 section 9.6). So what still comes is taken for a moment.
 */
async function dropRest(reader: BodyReader | undefined): Promise<void> {
  if (reader === undefined) return;
  const timer = setTimeout(() => void reader.cancel(), refusedBodyMs);
  let size = 0;
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done || value === undefined) return;
      size += value.length;
      if (size > refusedBodyMaxBytes) return void reader.cancel();
    }
  } catch {
    // ignored: the client left, and nobody is there to be answered.
  } finally {
    clearTimeout(timer);
  }
}

function inTime<T>(work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(tooLate()), requestBodyMs);
    work.then(
      (value) => {
        clearTimeout(timer);
        resolve(value);
      },
      (error: unknown) => {
        clearTimeout(timer);
        // Else whoever sent it is gone: this is for the log and the metrics.
        reject(error instanceof Refusal ? error : cutShort());
      },
    );
  });
}

function cutShort(): Refusal {
  return new Refusal("body_incomplete", "the body ended before it was whole", {}, closing);
}

function tooLate(): Refusal {
  return new Refusal("request_timeout", "the body took too long", {}, closing);
}

function tooLarge(): Refusal {
  const text = `the body is larger than ${requestBodyMaxBytes} bytes`;
  return new Refusal("body_too_large", text, {}, closing);
}
