// What clients over HTTP have under way at one server that is a process. Its lines say nothing of
// connections: an answer finds its request by an id of the proxy's own, other messages go where
// they name, else where somebody listens. Lines of both sides are read strictly.

import { type JsonMembers, type JsonTree, NumberText } from "../../base/json-text.ts";
import { answerSizeMax } from "../limits.ts";
import { linesOf } from "../lines.ts";
import {
  errorText,
  idKey,
  type Message,
  type MessageId,
  membersOf,
  type Notification,
  type Request,
  type Response_,
  readMessages,
  requestIdOf,
  treeText,
  unreadAnswerId,
} from "../message.ts";
import { cancelledText, rpcCodes, unreadAnswer } from "../refusal.ts";
import { createOutbox, type Outbox } from "./outbox.ts";

export interface ProcessLink {
  /**
   * @throws where there will be no answer
   * @param signal ends the wait, and the server is told
   * @param onAnswer hears the answer; then nothing else of the server goes to the request
   */
  ask(
    request: Request,
    signal: AbortSignal,
    onAnswer?: (answer: Response_) => void,
  ): Promise<Response>;
  tell(message: Notification | Response_): void;
  /** What the server says of its own accord, and no request is there to take it. */
  listen(signal: AbortSignal): Promise<Response>;
  /** Reads what the server says, to its end. */
  read(output: AsyncIterable<Uint8Array>): Promise<void>;
  /** Nobody gets anything from here any more. */
  end(why: string): void;
  /** Requests without an answer, and listeners. */
  underway(): number;
}

export interface LinkParts {
  /** Of the era since 2026-07-28: several clients, and none of them listens for what is not his. */
  readonly isShared: boolean;
  readonly send: (text: string) => Promise<void>;
  readonly say: (line: string) => void;
  /** Told whenever something came or went. */
  readonly onUsed: () => void;
}

/** A request that the server has. */
interface Asked {
  /** What the server knows it by. */
  readonly own: number;
  readonly id: MessageId;
  /** What its progress is reported with, as its client spelled it. */
  readonly token: JsonTree | undefined;
  readonly outbox: Outbox;
  readonly onAnswer: ((answer: Response_) => void) | undefined;
}

const subscriptionMember = "io.modelcontextprotocol/subscriptionId";
const lineMax = answerSizeMax + 64 * 1024;
/** Messages that wait for somebody who listens. */
const waitingMax = 100;

interface Link extends LinkParts {
  readonly asked: Map<string, Asked>;
  readonly waiting: string[];
  listener: Outbox | undefined;
  latest: number;
}

export function createProcessLink(parts: LinkParts): ProcessLink {
  const link: Link = { ...parts, asked: new Map(), waiting: [], listener: undefined, latest: 0 };
  return {
    underway: () => link.asked.size + (link.listener === undefined ? 0 : 1),
    ask: (request, signal, onAnswer) => ask(link, request, signal, onAnswer),
    tell: (message) => tell(link, message),
    listen: (signal) => listen(link, signal),
    read: (output) => read(link, output),
    end(why) {
      for (const one of link.asked.values()) one.outbox.fail(new Error(why));
      link.asked.clear();
      link.listener?.close();
      link.listener = undefined;
    },
  };
}

async function ask(
  link: Link,
  request: Request,
  signal: AbortSignal,
  onAnswer: Asked["onAnswer"],
): Promise<Response> {
  signal.throwIfAborted();
  link.latest += 1;
  const gone = (): void => withdraw(link, one, "its client went away");
  const outbox = createOutbox({ gone, isWhole: onAnswer !== undefined });
  const { id } = request;
  const one: Asked = { own: link.latest, id, token: tokenOf(request), outbox, onAnswer };
  link.asked.set(ownKey(one.own), one);
  link.onUsed();
  signal.addEventListener("abort", () => withdraw(link, one, "nobody waits for it any more"));
  if (onAnswer === undefined) for (const text of link.waiting.splice(0)) put(link, one, text);
  // A server that does not read must not keep its client from leaving.
  void link.send(forServer(request, one, link.isShared));
  return outbox.response();
}

function tell(link: Link, message: Notification | Response_): void {
  link.onUsed();
  const isTakenBack =
    message.kind === "notification" && message.method === "notifications/cancelled";
  const id = isTakenBack ? requestIdOf(message) : undefined;
  if (id === undefined) {
    void link.send(message.text);
    return;
  }
  const one = [...link.asked.values()].find((other) => idKey(other.id) === idKey(id));
  if (one !== undefined) withdraw(link, one, "its client took it back");
}

/** One at a time: who comes again may be who was lost. */
function listen(link: Link, signal: AbortSignal): Promise<Response> {
  signal.throwIfAborted();
  link.listener?.close();
  const gone = (): void => {
    if (link.listener !== outbox) return;
    link.listener = undefined;
    link.onUsed();
  };
  signal.addEventListener("abort", gone);
  const outbox = createOutbox({ gone, isWhole: false });
  link.listener = outbox;
  link.onUsed();
  outbox.open();
  for (const text of link.waiting.splice(0)) outbox.put(text);
  return outbox.response();
}

async function read(link: Link, output: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const line of linesOf(output, lineMax)) {
    if (line === "too long") {
      link.say(`a line of the server is left out: it has over ${lineMax} bytes`);
      continue;
    }
    const found = readMessages(line);
    if (!found.ok) {
      link.say(`a line of the server is left out: ${found.error.message}`);
      const id = unreadAnswerId(line);
      const one = id === undefined ? undefined : link.asked.get(idKey(id));
      if (one !== undefined && forget(link, one)) {
        one.outbox.fail(new Error(unreadAnswer));
      }
      continue;
    }
    for (const message of found.value.messages) heard(link, message);
  }
}

function heard(link: Link, message: Message): void {
  if (message.kind === "response") answered(link, message);
  else if (message.kind === "notification") notified(link, message);
  else if (!link.isShared) spread(link, message.text);
  else {
    // There are no such requests in this era, and nobody to ask.
    const why = "nobody answers requests here";
    void link.send(errorText(message.id, rpcCodes.methodNotFound, why));
  }
}

function answered(link: Link, message: Response_): void {
  const one = message.id === null ? undefined : link.asked.get(idKey(message.id));
  if (one === undefined) {
    link.say("an answer of the server is left out: nobody waits for it");
    return;
  }
  one.onAnswer?.(message);
  const text = treeText(named(message.members, one, "result"));
  if (forget(link, one)) one.outbox.finish(text, statusOf(message, link.isShared));
}

function notified(link: Link, message: Notification): void {
  const { isShared, asked } = link;
  const params = membersOf(message.members.get("params"));
  const token = params?.get("progressToken");
  if (message.method === "notifications/progress" && token !== undefined) {
    const one = [...asked.values()].find((other) => {
      const given = isShared ? numberOf(other.own) : other.token;
      return other.token !== undefined && given !== undefined && isSame(token, given);
    });
    const original = new Map(params).set("progressToken", one?.token ?? null);
    if (one !== undefined) put(link, one, withParams(message.members, original));
    else if (!isShared) spread(link, message.text);
    return;
  }
  const about = idTreeOf(membersOf(params?.get("_meta"))?.get(subscriptionMember));
  const owner = about === undefined ? undefined : asked.get(idKey(about));
  if (owner === undefined) spread(link, message.text);
  else put(link, owner, treeText(named(message.members, owner, "params")));
}

/** For whoever listens; what nobody may hear is left out. */
function spread(link: Link, text: string): void {
  const { asked, waiting, listener, isShared } = link;
  const last = [...asked.values()].findLast(({ onAnswer }) => onAnswer === undefined);
  if (last !== undefined && (!isShared || asked.size === 1)) {
    put(link, last, text);
  } else if (isShared) {
    link.say("a message of the server is left out: nobody knows whom it is for");
  } else if (listener?.put(text) !== true) {
    waiting.push(text);
    if (waiting.length > waitingMax) waiting.shift();
  }
}

function put(link: Link, one: Asked, text: string): void {
  if (!one.outbox.put(text)) withdraw(link, one, "its client does not take what it is sent");
}

/** There will be no answer, and the server is told. */
function withdraw(link: Link, one: Asked, why: string): void {
  if (!forget(link, one)) return;
  one.outbox.fail(new Error(why));
  void link.send(cancelledText(numberOf(one.own), why));
}

function forget({ asked, onUsed }: Link, one: Asked): boolean {
  const isThere = asked.delete(ownKey(one.own));
  if (isThere) onUsed();
  return isThere;
}

function numberOf(own: number): NumberText {
  return new NumberText(String(own));
}

function ownKey(own: number): string {
  return idKey(numberOf(own));
}

function tokenOf({ members }: Request): JsonTree | undefined {
  const params = membersOf(members.get("params"));
  return membersOf(params?.get("_meta"))?.get("progressToken");
}

function isSame(one: JsonTree, other: JsonTree): boolean {
  return treeText(one) === treeText(other);
}

function idTreeOf(value: JsonTree | undefined): MessageId | undefined {
  return typeof value === "string" || value instanceof NumberText ? value : undefined;
}

/** With ids that no two clients have in common. */
function forServer({ members }: Request, { own, token }: Asked, isShared: boolean): string {
  const sent = new Map(members).set("id", numberOf(own));
  const params = membersOf(members.get("params"));
  const meta = membersOf(params?.get("_meta"));
  if (!isShared || token === undefined || params === undefined || meta === undefined) {
    return treeText(sent);
  }
  const marked = new Map(meta).set("progressToken", numberOf(own));
  return withParams(sent, new Map(params).set("_meta", marked));
}

function withParams(members: JsonMembers, params: JsonMembers): string {
  return treeText(new Map(members).set("params", params));
}

/** Under the names its client gave: the request's own, and that of the subscription it is. */
function named(
  members: JsonMembers,
  { own, id }: Asked,
  where: "result" | "params",
): ReadonlyMap<string, JsonTree> {
  const changed = new Map(members);
  if (changed.has("id")) changed.set("id", id);
  const inner = membersOf(members.get(where));
  const meta = membersOf(inner?.get("_meta"));
  const about = idTreeOf(meta?.get(subscriptionMember));
  if (inner === undefined || meta === undefined || about === undefined) return changed;
  if (idKey(about) !== ownKey(own)) return changed;
  const marked = new Map(meta).set(subscriptionMember, id);
  return changed.set(where, new Map(inner).set("_meta", marked));
}

/** Since 2026-07-28 a response says by its status what an error is about. */
function statusOf({ members }: Response_, isShared: boolean): number {
  const code = membersOf(members.get("error"))?.get("code");
  if (!isShared || !(code instanceof NumberText)) return 200;
  if (code.text === "-32601") return 404;
  return ["-32020", "-32021", "-32022"].includes(code.text) ? 400 : 200;
}
