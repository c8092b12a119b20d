// The way of messages to one client over HTTP: a body where the answer is all there is, a stream of
// events where something comes before it or it takes its time.

import { answerSizeMax } from "../limits.ts";
import { sseText } from "./sse.ts";

export interface Outbox {
  /** A stream, also while there is nothing to say. */
  open(): void;
  /** @returns false where a client does not take what it is sent, or is gone */
  put(text: string): boolean;
  /** The last message; @param status of the response, where it is all of the response */
  finish(text: string, status: number): void;
  /** There is nothing more to come. */
  close(): void;
  /** There will be no answer. */
  fail(error: Error): void;
  /** Resolves when there is something to say, or soon after. */
  response(): Promise<Response>;
}

/** A client sees that it was heard, and whoever is in between that the connection lives. */
const openAfterMs = 5000;
/** What may wait for a client that reads slowly, bytes. */
const waitingMax = 2 * answerSizeMax;

export interface OutboxOptions {
  /** The client left its stream. */
  readonly gone: () => void;
  /** It waits for the answer, however long that takes. */
  readonly isWhole: boolean;
}

type Controller = ReadableStreamDefaultController<Uint8Array>;

export function createOutbox({ gone, isWhole }: OutboxOptions): Outbox {
  const opened = Promise.withResolvers<Response>();
  // It may fail before anybody waits for it.
  opened.promise.catch(() => undefined);
  let stream: Controller | undefined;
  let isOver = false;
  const open = (): Controller => {
    if (stream !== undefined) return stream;
    clearTimeout(timer);
    const left = (): void => {
      isOver = true;
      gone();
    };
    const { controller, body } = newStream(left);
    opened.resolve(new Response(body, { headers: { "Content-Type": "text/event-stream" } }));
    stream = controller;
    return controller;
  };
  const timer = isWhole ? undefined : setTimeout(open, openAfterMs);
  /** @returns whether it was over before */
  const over = (): boolean => {
    clearTimeout(timer);
    const was = isOver;
    isOver = true;
    return was;
  };
  const put = (text: string): boolean => {
    if (isOver || isWhole) return !isOver;
    const to = open();
    if ((to.desiredSize ?? 0) <= 0) return false;
    to.enqueue(new TextEncoder().encode(sseText(text)));
    return true;
  };
  return {
    open: () => void open(),
    put,
    finish(text, status) {
      if (stream !== undefined) put(text);
      if (over()) return;
      stream?.close();
      const headers = { "Content-Type": "application/json" };
      opened.resolve(new Response(text, { status, headers }));
    },
    close() {
      const to = open();
      if (!over()) to.close();
    },
    fail(error) {
      if (over()) return;
      stream?.error(error);
      opened.reject(error);
    },
    response: () => opened.promise,
  };
}

function newStream(left: () => void): { controller: Controller; body: ReadableStream<Uint8Array> } {
  let controller: Controller | undefined;
  const start = (made: Controller): void => {
    controller = made;
  };
  const size = (chunk: Uint8Array | undefined): number => chunk?.length ?? 0;
  const body = new ReadableStream<Uint8Array>(
    { start, cancel: left },
    { highWaterMark: waitingMax, size },
  );
  if (controller === undefined) throw new Error("broken invariant: a stream that did not start");
  return { controller, body };
}
