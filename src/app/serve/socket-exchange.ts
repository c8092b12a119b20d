// One request on a Unix socket and its answer, between what node:http has and what the server's
// routes take. Requests come from any process that may connect.

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { Readable } from "node:stream";
import { refusedBodyMs } from "../../base/limits.ts";
import type { Incoming } from "./listener.ts";

/**
 * @param gone aborted when the caller is
 * @throws {TypeError} for a header that is none
 */
export function incomingOf(request: IncomingMessage, gone: AbortSignal): Incoming {
  const { method = "", url = "", rawHeaders } = request;
  const headers = new Headers();
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    headers.append(rawHeaders[at] ?? "", rawHeaders[at + 1] ?? "");
  }
  return {
    method,
    // The way whoever serves a port writes it; a whole address stays what it is.
    url: url.startsWith("/") ? `http://localhost${url}` : url,
    headers,
    signal: gone,
    get body() {
      if (!hasBody(request)) return null;
      // Pieces of a request are bytes: nobody has set an encoding.
      return Readable.toWeb(request) as ReadableStream<Uint8Array<ArrayBuffer>>;
    },
    bytes: () => bytesOf(request),
  };
}

export interface Sending {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Requests and answers forget theirs when it is gone. */
  readonly socket: Socket;
  /** How long a caller may take no more of an answer. */
  readonly stalledMs: number;
}

/** To its end, or until the caller is gone. */
export async function sendAnswer(
  { request, response, socket, stalledMs }: Sending,
  answer: Response,
): Promise<void> {
  response.statusCode = answer.status;
  for (const [name, value] of answer.headers) response.setHeader(name, value);
  // What nobody read of a body would be taken for the next request.
  const isCut = hasBody(request) && !request.complete;
  if (isCut) response.setHeader("Connection", "close");
  const gone = new Promise<void>((resolve) => response.once("close", resolve));
  const patience = { gone, stalledMs, socket };
  const isStream = answer.headers.get("Content-Type") === "text/event-stream";
  if (isStream && answer.body !== null) {
    // A head has no length then, and nobody who waits for more.
    if (request.method === "HEAD") await answer.body.cancel();
    else await sendStream(response, answer.body, patience);
  } else if (answer.body !== null) {
    const bytes = await answer.bytes();
    response.setHeader("Content-Length", bytes.length);
    if (request.method !== "HEAD") await sendBytes(response, bytes, patience);
  }
  response.end();
  if (!response.writableFinished) await taken(response, "finish", patience);
  if (isCut) dropRest(request, socket);
}

function hasBody({ headers }: IncomingMessage): boolean {
  if (headers["transfer-encoding"] !== undefined) return true;
  return Number(headers["content-length"] ?? 0) > 0;
}

function bytesOf(request: IncomingMessage): Promise<Uint8Array<ArrayBuffer>> {
  return new Promise((resolve, reject) => {
    const pieces: Uint8Array[] = [];
    const cut = (): void => reject(new Error("the caller is gone"));
    if (request.destroyed && !request.complete) return cut();
    request.on("data", (piece: Uint8Array) => pieces.push(piece));
    request.once("end", () => resolve(Buffer.concat(pieces)));
    request.once("error", cut);
    // After the end of a body that is whole this says nothing any more.
    request.once("close", cut);
  });
}

interface Patience {
  /** Once nobody reads any more. */
  readonly gone: Promise<void>;
  readonly stalledMs: number;
  readonly socket: Socket;
}

async function sendStream(
  response: ServerResponse,
  body: ReadableStream<Uint8Array>,
  patience: Patience,
): Promise<void> {
  const reader = body.getReader();
  // ignored: a source that fails at its end has nobody left to tell
  void patience.gone.then(() => reader.cancel()).catch(() => undefined);
  for (;;) {
    const { value, done } = await reader.read();
    if (done || response.destroyed) return;
    await write(response, value, patience);
  }
}

const sliceBytes = 65_536;

async function sendBytes(
  response: ServerResponse,
  bytes: Uint8Array,
  patience: Patience,
): Promise<void> {
  for (let at = 0; at < bytes.length && !response.destroyed; at += sliceBytes) {
    await write(response, bytes.subarray(at, at + sliceBytes), patience);
  }
}

/** Whoever does not read is waited for, so that what is to come piles up nowhere; not for ever. */
async function write(
  response: ServerResponse,
  piece: Uint8Array,
  patience: Patience,
): Promise<void> {
  if (!response.write(piece)) await taken(response, "drain", patience);
}

async function taken(
  response: ServerResponse,
  event: "drain" | "finish",
  { gone, stalledMs, socket }: Patience,
): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  response.once(event, resolve);
  const timer = setTimeout(() => socket.destroy(), stalledMs);
  await Promise.race([promise, gone]);
  clearTimeout(timer);
  response.off(event, resolve);
}

/** A connection that is closed over bytes nobody read tells the caller that, not the answer. */
function dropRest(request: IncomingMessage, socket: Socket): void {
  if (socket.destroyed) return;
  const timer = setTimeout(() => socket.destroy(), refusedBodyMs);
  socket.once("close", () => clearTimeout(timer));
  request.resume();
}
