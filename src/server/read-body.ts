// The body of a request, within bounds of size and time: whoever sends may be slow or never stop.

import type { Incoming } from "../app/serve/listener.ts";
import { systemClock } from "../base/clock.ts";
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
export type ReadBody = (
  request: Pick<Incoming, "headers" | "body" | "bytes">,
) => Promise<Uint8Array>;

export function createBodyReader(): ReadBody {
  const inTime = createPatience(requestBodyMs);
  return (request) => {
    const declared = request.headers.get("Content-Length");
    const encoding = request.headers.get("Content-Encoding");
    if (encoding !== null && encoding !== "identity") return Promise.reject(encoded());
    if (Number(declared ?? 0) > requestBodyMaxBytes) return refuseRest(request);
    // Asking for a request's stream makes one, which costs more than reading a small body does.
    if (declared !== null) return inTime(request.bytes());
    return request.body === null ? Promise.resolve(noBytes) : inTime(readPieces(request.body));
  };
}

const noBytes = new Uint8Array();

function encoded(): Refusal {
  return new Refusal("encoding_unsupported", "the body has to be sent as it is", {}, closing);
}

async function refuseRest({ body }: Parameters<ReadBody>[0]): Promise<never> {
  await dropRest(body?.getReader());
  throw tooLarge();
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

interface Awaited {
  readonly dueMs: number;
  readonly reject: (error: Refusal) => void;
}

/** One timer for all of them, for whoever has waited longest: one for each takes longer to make. */
function createPatience(ms: number): <T>(work: Promise<T>) => Promise<T> {
  /** In the order in which they began, and so in which they are due. */
  const all = new Set<Awaited>();
  let timer: ReturnType<typeof setTimeout> | undefined;

  function refuseLate(): void {
    timer = undefined;
    const now = systemClock.monotonicMs();
    for (const one of all) {
      if (one.dueMs > now) {
        wait(one.dueMs - now);
        return;
      }
      all.delete(one);
      one.reject(tooLate());
    }
  }

  function wait(forMs: number): void {
    if (timer === undefined) timer = setTimeout(refuseLate, forMs).unref();
  }

  return (work) =>
    new Promise((resolve, reject) => {
      const one = { dueMs: systemClock.monotonicMs() + ms, reject };
      all.add(one);
      wait(ms);
      work.then(
        (value) => {
          all.delete(one);
          resolve(value);
        },
        (error: unknown) => {
          all.delete(one);
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
