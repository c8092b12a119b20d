// Several messages in one body, as the versions up to 2025-03-26 allow: each goes its own way, and
// the answers come back as one stream.

import { answerSizeMax } from "../limits.ts";
import type { Message } from "../message.ts";
import { sseText } from "./sse.ts";
import { boundedText, isStream } from "./upstream.ts";

export async function exchangeBatch(
  messages: readonly Message[],
  exchange: (message: Message) => Promise<Response>,
): Promise<Response> {
  const isAsking = messages.some(({ kind }) => kind === "request");
  if (!isAsking) {
    let last = new Response(null, { status: 202 });
    for (const message of messages) {
      last = await exchange(message);
      if (!last.ok) break;
    }
    return last;
  }
  const streams = messages.map(async (message) => ({
    isAsked: message.kind === "request",
    response: await exchange(message),
  }));
  const left = new AbortController();
  const body = new ReadableStream<Uint8Array>({
    async start(controller) {
      const parts = streams.map(async (stream) => {
        const { isAsked, response } = await stream;
        await copy(response, isAsked, (bytes) => {
          if (!left.signal.aborted) controller.enqueue(bytes);
        });
      });
      await Promise.allSettled(parts);
      if (!left.signal.aborted) controller.close();
    },
    cancel: () => left.abort(),
  });
  return new Response(body, { headers: { "Content-Type": "text/event-stream" } });
}

/** One answer as events. */
async function copy(
  response: Response,
  isAsked: boolean,
  put: (bytes: Uint8Array) => void,
): Promise<void> {
  if (isStream(response)) {
    for await (const bytes of response.body ?? []) put(bytes);
    return;
  }
  const text = await boundedText(response, answerSizeMax);
  if (isAsked) put(new TextEncoder().encode(sseText(text)));
}
