// What a server asks of its client in messages of its own, in the versions up to 2025-11-25:
// decided about before the client hears of it, and the answer recorded before the server does. An
// id stands for one request at a time, and no second answer passes.

import { askedOfClient, editedParams, isDecidedOfClient } from "./client-asked.ts";
import type { Gate } from "./gate.ts";
import {
  errorText,
  idKey,
  isUnreadError,
  type MessageId,
  type Notification,
  type Request,
  type Response_,
  requestIdOf,
  treeText,
} from "./message.ts";
import type { Permit } from "./permit.ts";
import type { CallSession } from "./record.ts";
import { errorAnswer, methodUnknown, rpcCodes } from "./refusal.ts";
import { carriesResult, followedTask } from "./tool-call.ts";

export interface ServerAsks {
  /** Takes time before it passes. */
  isDecidedAbout(request: Request): boolean;
  /**
   * @param refuse tells the server that its client will not be asked
   * @param gone aborted when the client cannot be told any more
   * @returns what to tell the client, if anything
   */
  ask(
    request: Request,
    refuse: (text: string) => Promise<void>,
    gone?: AbortSignal,
  ): Promise<string | undefined>;
  /** @returns what to tell the server, if anything */
  answered(answer: Response_): Promise<string | undefined>;
  /** The server takes back what it asked. @returns whether the client knows of it */
  cancelled(notification: Notification): Promise<boolean>;
  /** Nobody is there to answer any more. */
  end(why: string): Promise<void>;
}

export interface ServerAsksParts {
  readonly gate: Gate;
  readonly session: CallSession;
  /** Tells the person who runs the proxy. */
  readonly say: (line: string) => void;
}

interface Asked {
  readonly text: string;
  readonly isTask: boolean;
  readonly taken: AbortController;
  /** Once the client may be told; of what it was told. */
  permit: Permit | undefined;
  told: string;
}

const askedMax = 1000;
/** Ids that were answered: what comes again under them does not pass. */
const overMax = 10_000;

interface Asks extends ServerAsksParts {
  readonly asked: Map<string, Asked>;
  readonly over: Set<string>;
}

export function createServerAsks(parts: ServerAsksParts): ServerAsks {
  const asks: Asks = { ...parts, asked: new Map(), over: new Set() };
  return {
    isDecidedAbout: (request) =>
      unknownOf(asks, request) !== undefined ||
      asks.gate.isPassed(request.method) ||
      isAbout(request),
    ask: (request, refuse, gone) => ask(asks, request, refuse, gone),
    answered: (answer) => answered(asks, answer),
    cancelled: (notification) => cancelled(asks, notification),
    async end(why) {
      for (const [key, one] of asks.asked) {
        one.taken.abort();
        close(asks, key);
        await one.permit?.failed("UPSTREAM_FAILED", why);
      }
    },
  };
}

function unknownOf({ gate }: Asks, { method }: Request): string | undefined {
  return gate.unknownMethod("server", method);
}

function isAbout(request: Request): boolean {
  return isDecidedOfClient(request.method) || followedTask(request) !== undefined;
}

async function ask(
  asks: Asks,
  request: Request,
  refuse: (text: string) => Promise<void>,
  gone: AbortSignal | undefined,
): Promise<string | undefined> {
  const { id, method, text } = request;
  const key = idKey(id);
  const known = asks.asked.get(key);
  if (known !== undefined) {
    // On a stream that was resumed a server says again what it said.
    if (known.text === text && known.permit !== undefined) return known.told;
    asks.say("a request of the server is left out: its id is in use for another one");
    return undefined;
  }
  const unknown = unknownOf(asks, request);
  if (unknown !== undefined) {
    await asks.gate.raise(asks.session, methodUnknown, unknown);
    await refuse(errorText(id, rpcCodes.methodNotFound, unknown));
    return undefined;
  }
  if (asks.gate.isPassed(method)) {
    const error = await asks.gate.pass(asks.session, "server", method);
    if (error === undefined) return text;
    await refuse(errorAnswer(id, error));
    return undefined;
  }
  if (asks.asked.size >= askedMax) {
    const why = `${askedMax} requests of the server have no answer`;
    await refuse(errorText(id, rpcCodes.internal, why));
    return undefined;
  }
  const task = followedTask(request);
  const one: Asked = {
    ...{ text, isTask: task !== undefined, taken: new AbortController() },
    ...{ permit: undefined, told: text },
  };
  asks.asked.set(key, one);
  asks.over.delete(key);
  if (task !== undefined) {
    one.permit = asks.gate.follow(asks.session, { tool: method, callId: task });
    return text;
  }
  return decide(asks, request, one, refuse, gone);
}

async function decide(
  asks: Asks,
  { id, method, members, text }: Request,
  one: Asked,
  refuse: (text: string) => Promise<void>,
  gone: AbortSignal | undefined,
): Promise<string | undefined> {
  const key = idKey(id);
  const { signal: taken } = one.taken;
  const signal = gone === undefined ? taken : AbortSignal.any([taken, gone]);
  const call = askedOfClient(method, members.get("params"), signal);
  if (call === undefined) return text;
  const admission = await asks.gate.admit(asks.session, call);
  const isTaken = asks.asked.get(key) !== one;
  if (admission.kind === "refused") {
    if (isTaken) return undefined;
    close(asks, key);
    asks.say(`${method} of the server was refused: ${admission.error.message}`);
    await refuse(errorAnswer(id, admission.error));
    return undefined;
  }
  const { permit } = admission;
  if (isTaken || signal.aborted) {
    const error = await permit.failed("CANCELLED", "there is nobody to ask any more");
    if (isTaken) return undefined;
    close(asks, key);
    await refuse(errorAnswer(id, error));
    return undefined;
  }
  one.permit = permit;
  if (permit.editedArgs === undefined) return text;
  const params = editedParams(members.get("params"), permit.editedArgs);
  one.told = treeText(new Map(members).set("params", params));
  return one.told;
}

async function answered(asks: Asks, answer: Response_): Promise<string | undefined> {
  const { id, text } = answer;
  if (id === null) {
    if (isUnreadError(answer)) return text;
    asks.say("an answer of the client is left out: it has no id");
    return undefined;
  }
  const key = idKey(id);
  const one = asks.asked.get(key);
  if (one === undefined && !asks.over.has(key)) return text;
  if (one?.permit === undefined) {
    asks.say("an answer of the client is left out: nobody waits for it");
    return undefined;
  }
  close(asks, key);
  if (one.isTask && !carriesResult(answer)) return text;
  const error = await one.permit.answered(answer);
  return error === undefined ? text : errorAnswer(id, error);
}

async function cancelled(asks: Asks, notification: Notification): Promise<boolean> {
  if (notification.method !== "notifications/cancelled") return true;
  const id: MessageId | undefined = requestIdOf(notification);
  const key = id === undefined ? undefined : idKey(id);
  const one = key === undefined ? undefined : asks.asked.get(key);
  if (one === undefined || key === undefined) return true;
  close(asks, key);
  one.taken.abort();
  await one.permit?.failed("CANCELLED", "the server took it back");
  return one.permit !== undefined;
}

function close(asks: Asks, key: string): void {
  asks.asked.delete(key);
  asks.over.add(key);
  const [oldest] = asks.over;
  if (asks.over.size > overMax && oldest !== undefined) asks.over.delete(oldest);
}
