// The proxy in front of a server that talks over its standard input and output. Lines pass as they
// are; tool calls and their like go through the gate. Both sides are read strictly, and neither can
// answer for the other.

import { err, type Result } from "../base/result.ts";
import type { Gate } from "./gate.ts";
import { answerSizeMax } from "./limits.ts";
import { type Line, linesOf } from "./lines.ts";
import {
  errorText,
  isUnreadError,
  type Message,
  type NoMessage,
  type Notification,
  type Received,
  type Request,
  type Response_,
  readMessages,
  requestIdOf,
  unreadAnswerId,
} from "./message.ts";
import { createPending, type Pending, type Reply, type Underway } from "./pending.ts";
import { createQuestions, hasAnswers, hasQuestions, type Questions } from "./questions.ts";
import type { CallSession } from "./record.ts";
import {
  cancelledText,
  errorAnswer,
  methodUnknown,
  type ProxyError,
  requestWithoutId,
  rpcCodes,
  unreadAnswer,
} from "./refusal.ts";
import { createServerAsks, type ServerAsks } from "./server-asks.ts";
import {
  type AskedCall,
  allowedText,
  askedCall,
  carriesResult,
  followedTask,
  isDecidedAbout,
} from "./tool-call.ts";

export interface StdioParts {
  readonly gate: Gate;
  readonly session: CallSession;
  /** Tells the person who runs the proxy. */
  readonly say: (line: string) => void;
  /** A line to the client. */
  readonly write: (text: string) => void;
  /** A line to the server; resolves when there is room for the next. */
  readonly send: (text: string) => Promise<void>;
}

export interface StdioProxy {
  /** Resolves when the client has nothing more to say and all of it was sent on. */
  fromClient(input: AsyncIterable<Uint8Array>): Promise<void>;
  /** Resolves when the server has nothing more to say. */
  fromServer(output: AsyncIterable<Uint8Array>): Promise<void>;
  /** Ends what is under way. */
  end(why: string): Promise<void>;
  /** Requests without an answer. */
  underway(): { readonly calls: number; readonly others: number };
}

/** A line of a client. */
const requestSizeMax = 4 * 1024 * 1024;
/** Above the largest answer there can be, so that one that is too large can be told as such. */
const answerLineMax = answerSizeMax + 64 * 1024;

/** What is asked of the client, in messages of the server's own and in its answers. */
interface Asking {
  readonly asks: ServerAsks;
  readonly questions: Questions;
  /** Aborted when the proxy ends. */
  readonly over: AbortController;
}

export function createStdioProxy(own: StdioParts): StdioProxy {
  const { gate, session, say } = own;
  const asks = createServerAsks({ gate, session, say });
  const asking = { asks, questions: createQuestions(gate), over: new AbortController() };
  const parts = { ...own, ...asking };
  const pending = createPending();
  const starting = new Set<Promise<void>>();
  const reply: Reply = (text) => {
    if (text !== undefined) parts.write(text);
  };
  return {
    underway() {
      const calls = pending.all().filter(({ timer }) => timer !== undefined).length;
      return { calls, others: pending.all().length - calls };
    },
    async fromClient(input) {
      for await (const line of linesOf(input, requestSizeMax)) {
        const read = readLine(line, requestSizeMax);
        if (!read.ok) {
          await refuseMessage(parts, read.error, reply);
          continue;
        }
        const { messages, isBatch } = read.value;
        const own = isBatch ? batchReply(messages, reply) : reply;
        for (const message of messages) {
          const started = fromClient(parts, pending, message, own);
          // Only calls take time before they are sent; nothing else waits for them.
          if (!isCall(message)) await started;
          starting.add(started);
          void started.finally(() => starting.delete(started));
        }
      }
      await Promise.all(starting);
    },
    async fromServer(output) {
      for await (const line of linesOf(output, answerLineMax)) {
        const read = readLine(line, answerLineMax);
        if (read.ok) {
          for (const message of read.value.messages) await fromServer(parts, pending, message);
          continue;
        }
        parts.say(`a line of the server is left out: ${read.error.message}`);
        const id = line === "too long" ? undefined : unreadAnswerId(line);
        const one = id === undefined ? undefined : pending.sent(id);
        if (one !== undefined) await endUnanswered(pending, one, unreadAnswer);
      }
    },
    async end(why) {
      asking.over.abort();
      await asks.end(why);
      for (const one of pending.all()) await endUnanswered(pending, one, why);
      await Promise.all(starting);
    },
  };
}

function readLine(line: Line, lengthMax: number): Result<Received, NoMessage> {
  if (line !== "too long") return readMessages(line);
  const message = `parse error: the line has over ${lengthMax} bytes`;
  return err({ code: rpcCodes.parse, message, id: null, isWithoutId: false });
}

/** Recorded as well where it asks for something. */
async function refuseMessage(
  { gate, session }: StdioParts,
  { id, code, message, isWithoutId }: NoMessage,
  reply: Reply,
): Promise<void> {
  if (isWithoutId) await gate.raise(session, requestWithoutId, message);
  reply(errorText(id, code, message));
}

function isCall(message: Message): boolean {
  return message.kind === "request" && isDecidedAbout(message.method);
}

async function fromClient(
  parts: StdioParts & Asking,
  pending: Pending,
  message: Message,
  reply: Reply,
): Promise<void> {
  if (message.kind === "response") {
    const text = await parts.asks.answered(message);
    return text === undefined ? undefined : parts.send(text);
  }
  if (message.kind === "notification") return fromNotification(parts, pending, message);
  const problem = pending.problem(message.id);
  if (problem !== undefined) {
    return reply(errorText(message.id, rpcCodes.invalidRequest, problem));
  }
  const unknown = parts.gate.unknownMethod("client", message.method);
  if (unknown !== undefined) {
    await parts.gate.raise(parts.session, methodUnknown, unknown);
    return reply(errorText(message.id, rpcCodes.methodNotFound, unknown));
  }
  if (parts.gate.isPassed(message.method)) {
    const error = await parts.gate.pass(parts.session, "client", message.method);
    if (error !== undefined) return reply(errorAnswer(message.id, error));
  }
  const asked = askedCall(message);
  if (asked !== undefined) return startCall(parts, pending, message, asked, reply);
  const task = followedTask(message);
  const name = { tool: message.method, callId: task ?? "" };
  const one = pending.add(
    message,
    reply,
    task === undefined ? undefined : parts.gate.follow(parts.session, name),
  );
  if (!(await isAnswered(parts, pending, one))) return;
  one.isSent = true;
  return parts.send(message.text);
}

/** What the client answers with it is recorded. @returns false where it is not to be sent */
async function isAnswered(
  { questions, session }: StdioParts & Asking,
  pending: Pending,
  one: Underway,
): Promise<boolean> {
  if (!hasAnswers(one.request)) return true;
  const error = await questions.answered(session, one.request);
  if (error === undefined) return pending.find(one.id) === one;
  if (pending.end(one, "answered")) one.reply(errorAnswer(one.id, error));
  return false;
}

async function fromNotification(
  { send }: StdioParts,
  pending: Pending,
  message: Notification,
): Promise<void> {
  const id = message.method === "notifications/cancelled" ? requestIdOf(message) : undefined;
  const one = id === undefined ? undefined : pending.find(id);
  if (one === undefined) return send(message.text);
  const { isSent, permit } = one;
  pending.end(one, "given up");
  one.reply(undefined);
  // Of a call that was not sent yet the server knows nothing.
  if (!isSent) return;
  await permit?.failed("CANCELLED", "the caller took the call back");
  await send(message.text);
}

/** From the request until it is sent; its answer comes in by itself. */
async function startCall(
  parts: StdioParts & Asking,
  pending: Pending,
  request: Request,
  asked: AskedCall | ProxyError,
  reply: Reply,
): Promise<void> {
  if ("code" in asked) return reply(errorAnswer(request.id, asked));
  const one = pending.add(request, reply);
  if (!(await isAnswered(parts, pending, one))) return;
  const call = { ...asked, signal: one.abort.signal };
  const admission = await parts.gate.admit(parts.session, call);
  if (admission.kind === "refused") {
    if (pending.end(one, "answered")) reply(errorAnswer(request.id, admission.error));
    return;
  }
  const { permit } = admission;
  if (pending.find(request.id) !== one) {
    await permit.failed("CANCELLED", "the caller took the call back before it was sent");
    return;
  }
  one.isSent = true;
  if (asked.hasResult) {
    one.permit = permit;
    one.timer = setTimeout(() => void endLate(parts, pending, one), permit.limits.timeoutMs);
  }
  await parts.send(allowedText(request, permit));
}

async function endUnanswered(pending: Pending, one: Underway, why: string): Promise<void> {
  if (!pending.end(one, "answered")) return;
  const error = await one.permit?.failed("UPSTREAM_FAILED", why);
  const message = `upstream error: ${why}`;
  one.reply(errorAnswer(one.id, error ?? { code: rpcCodes.internal, message, data: {} }));
}

async function endLate(parts: StdioParts, pending: Pending, one: Underway): Promise<void> {
  const { permit } = one;
  if (permit === undefined || !pending.end(one, "given up")) return;
  const detail = `there was no answer within ${permit.limits.timeoutMs} ms`;
  one.reply(errorAnswer(one.id, await permit.failed("TIMEOUT", detail)));
  await parts.send(cancelledText(one.id, detail));
}

async function fromServer(
  parts: StdioParts & Asking,
  pending: Pending,
  message: Message,
): Promise<void> {
  if (message.kind === "response") return answered(parts, pending, message);
  if (message.kind === "request") return askClient(parts, message);
  if (await parts.asks.cancelled(message)) parts.write(message.text);
}

async function answered(
  parts: StdioParts & Asking,
  pending: Pending,
  message: Response_,
): Promise<void> {
  const { write, say } = parts;
  if (isUnreadError(message)) return write(message.text);
  const one = message.id === null ? undefined : pending.sent(message.id);
  if (one === undefined || !pending.end(one, "answered")) {
    return say("an answer of the server is left out: nobody waits for it");
  }
  const { permit } = one;
  const isRecorded = permit !== undefined && (!one.isTask || carriesResult(message));
  const error = isRecorded ? await permit.answered(message) : undefined;
  if (error !== undefined) return one.reply(errorAnswer(one.id, error));
  if (!hasQuestions(message)) return one.reply(message.text);
  // Others need not wait for what is decided about.
  void askInAnswer(parts, one, message);
}

async function askInAnswer(
  { session, questions, over }: StdioParts & Asking,
  { id, request, reply }: Underway,
  answer: Response_,
): Promise<void> {
  const found = await questions.asked(session, request, answer, over.signal);
  reply(found.ok ? found.value : errorAnswer(id, found.error));
}

/** What takes time to decide about keeps nothing else of the server waiting. */
function askClient({ asks, send, write }: StdioParts & Asking, request: Request): void {
  if (!asks.isDecidedAbout(request)) {
    write(request.text);
    return;
  }
  void asks.ask(request, send).then((text) => {
    if (text !== undefined) write(text);
  });
}

/** Answers to a batch go back together, once there are all of them. */
function batchReply(messages: readonly Message[], reply: Reply): Reply {
  let left = messages.filter(({ kind }) => kind === "request").length;
  const answers: string[] = [];
  return (text) => {
    if (text !== undefined) answers.push(text);
    left -= 1;
    if (left === 0 && answers.length > 0) reply(`[${answers.join(",")}]`);
  };
}
