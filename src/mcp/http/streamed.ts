// A stream of events from a server, passed on block by block. Requests and notifications pass; an
// answer passes where somebody waits for it, after it was recorded, or when it passed before.

import { sha256Hex } from "../../base/hash.ts";
import { answerSizeMax } from "../limits.ts";
import { idKey, isUnreadError, type Message, messagesOf, type Response_ } from "../message.ts";
import { answerOf, giveUp } from "./answers.ts";
import type { HttpRequest, Scope } from "./scopes.ts";
import { type SseBlock, sseBlocks, sseText } from "./sse.ts";

/** The request that the stream answers. */
export interface StreamOwner {
  readonly request: HttpRequest;
  /** Its client may fetch the rest elsewhere. */
  readonly isResumable: boolean;
  /** The client left. */
  readonly gone: () => void;
}

interface Streaming {
  readonly scope: Scope;
  readonly say: (line: string) => void;
  /** Tells the server that its client will not be asked. */
  readonly refuse: (text: string) => Promise<void>;
  /** Undefined: a stream that its client opened to listen. */
  readonly owner: StreamOwner | undefined;
}

const blockSizeMax = answerSizeMax + 64 * 1024;

export function streamed(
  source: ReadableStream<Uint8Array>,
  streaming: Streaming,
): ReadableStream<Uint8Array> {
  const { scope, owner } = streaming;
  const blocks = sseBlocks(source, blockSizeMax);
  const encoder = new TextEncoder();
  const say = (controller: ReadableStreamDefaultController, text: string): void => {
    controller.enqueue(encoder.encode(sseText(text)));
  };
  let tell: ((text: string) => void) | undefined;
  const leave = (): void => {
    if (tell !== undefined) scope.resumed.delete(tell);
  };
  let hasIds = false;
  let isGone = false;
  const left = new AbortController();
  void owner?.request.over.promise.then(() => left.abort());
  return new ReadableStream<Uint8Array>({
    start(controller) {
      if (owner !== undefined) return;
      tell = (text) => say(controller, text);
      scope.resumed.add(tell);
    },
    async pull(controller) {
      for (;;) {
        const next = await nextOf(blocks, owner?.request.over.promise);
        if (next.kind === "block") {
          hasIds ||= next.block.id !== undefined;
          const bytes = await passed(next.block, streaming, left.signal);
          if (bytes === undefined) continue;
          // While something was decided about, its client may have left.
          if (!isGone) controller.enqueue(bytes);
          return;
        }
        if (next.kind === "over") say(controller, next.text);
        if (next.kind === "failed") streaming.say(`a stream of the server ended: ${next.why}`);
        if (next.kind !== "over" && owner !== undefined) {
          const { request, isResumable } = owner;
          const detail = next.kind === "failed" ? next.why : "its stream ended without an answer";
          const isOver = !(isResumable && hasIds);
          const text = isOver ? await giveUp(scope, request, "UPSTREAM_FAILED", detail) : undefined;
          if (text !== undefined) say(controller, text);
          request.isAttached = false;
        }
        leave();
        controller.close();
        return;
      }
    },
    async cancel() {
      isGone = true;
      left.abort();
      leave();
      owner?.gone();
      await blocks.return(undefined);
    },
  });
}

type Next =
  | { readonly kind: "block"; readonly block: SseBlock }
  | { readonly kind: "over"; readonly text: string }
  | { readonly kind: "failed"; readonly why: string }
  | { readonly kind: "end" };

async function nextOf(
  blocks: AsyncGenerator<SseBlock>,
  over: Promise<string> | undefined,
): Promise<Next> {
  const read = blocks.next().then(
    ({ value, done }): Next => (done === true ? { kind: "end" } : { kind: "block", block: value }),
    (error: unknown): Next => {
      return { kind: "failed", why: error instanceof Error ? error.message : String(error) };
    },
  );
  if (over === undefined) return read;
  return Promise.race([over.then((text): Next => ({ kind: "over", text })), read]);
}

/** Undefined: nothing of the block is for the client. */
async function passed(
  { raw, data, id }: SseBlock,
  streaming: Streaming,
  gone: AbortSignal,
): Promise<Uint8Array | undefined> {
  if (data === undefined || data.trim() === "") return raw;
  const read = messagesOf(data);
  if (!read.ok) {
    streaming.say(`an event of the server is left out: ${read.error.message}`);
    return undefined;
  }
  const texts: string[] = [];
  let isChanged = false;
  for (const message of read.value.messages) {
    const text = await textFor(message, streaming, gone);
    isChanged ||= text !== message.text;
    if (text !== undefined) texts.push(text);
  }
  if (!isChanged) return raw;
  if (texts.length === 0) return undefined;
  return new TextEncoder().encode(
    sseText(read.value.isBatch ? `[${texts.join(",")}]` : texts.join(""), id),
  );
}

/** Undefined: nothing of it is for the client. */
async function textFor(
  message: Message,
  streaming: Streaming,
  gone: AbortSignal,
): Promise<string | undefined> {
  if (message.kind === "response") return said(message, streaming);
  const { asks } = streaming.scope;
  if (message.kind === "request") {
    if (!asks.isDecidedAbout(message)) return message.text;
    return asks.ask(message, streaming.refuse, gone);
  }
  return (await asks.cancelled(message)) ? message.text : undefined;
}

async function said(
  message: Response_,
  { scope, say, owner }: Streaming,
): Promise<string | undefined> {
  if (message.id === null) {
    if (isUnreadError(message)) return message.text;
    say("an answer of the server is left out: it has no id");
    return undefined;
  }
  const key = idKey(message.id);
  const isElsewhere = owner !== undefined && key !== idKey(owner.request.id);
  const request = isElsewhere ? undefined : (owner?.request ?? scope.requests.get(key));
  const text = request === undefined ? undefined : await answerOf(scope, request, message);
  if (text !== undefined) return text;
  const before = isElsewhere ? undefined : scope.answers.get(key);
  if (before !== undefined && "instead" in before) return before.instead;
  if (before !== undefined && before.hash === sha256Hex(message.text)) return message.text;
  say("an answer of the server is left out: nobody waits for it");
  return undefined;
}
