// JSON-RPC messages as MCP sends them, read strictly: what two readers could understand differently
// is no message. The bytes themselves are passed on, so what is not understood here is not lost.
// Messages come from both sides of the proxy, and neither is trusted. Pure.

import {
  type JsonMembers,
  type JsonTree,
  jsonProblem,
  NumberText,
  parseJsonText,
} from "../base/json-text.ts";
import { err, ok, type Result } from "../base/result.ts";

export type MessageId = string | NumberText;

interface Parts {
  readonly members: JsonMembers;
  /** As it was sent, in UTF-8. */
  readonly text: string;
}

export type Message =
  | (Parts & { readonly kind: "request"; readonly id: MessageId; readonly method: string })
  | (Parts & { readonly kind: "notification"; readonly method: string })
  | (Parts & {
      readonly kind: "response";
      /** Null in an error alone, where the other side could not read what it answers. */
      readonly id: MessageId | null;
    });

export type Request = Message & { readonly kind: "request" };
export type Notification = Message & { readonly kind: "notification" };
export type Response_ = Message & { readonly kind: "response" };

/** Why a text is no message, as an answer to it would say. */
export interface NoMessage {
  readonly code: -32700 | -32600;
  readonly message: string;
  /** Of the request that cannot be understood, where that much is clear. */
  readonly id: MessageId | null;
  /** It asks for something without an id: some servers would do it all the same. */
  readonly isWithoutId: boolean;
}

export interface Received {
  readonly messages: readonly Message[];
  readonly isBatch: boolean;
}

/** Messages in one batch. */
const batchMax = 100;
const idLengthMax = 256;
/** Only the strictest UTF-8: a repaired text would not be what was sent. */
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export function readMessages(bytes: Uint8Array): Result<Received, NoMessage> {
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    return noMessage(-32700, "parse error: the message is not UTF-8");
  }
  return messagesOf(text);
}

export function messagesOf(text: string): Result<Received, NoMessage> {
  let tree: JsonTree;
  try {
    tree = parseJsonText(text);
  } catch (error) {
    const why = jsonProblem(error);
    if (why === undefined) throw error;
    return noMessage(-32700, `parse error: ${why}`);
  }
  if (!Array.isArray(tree)) {
    const single = messageOf(tree, text);
    return single.ok ? ok({ messages: [single.value], isBatch: false }) : single;
  }
  if (tree.length === 0 || tree.length > batchMax) {
    return noMessage(-32600, `invalid request: a batch has 1 to ${batchMax} messages`);
  }
  const messages: Message[] = [];
  for (const item of tree) {
    const read = messageOf(item, treeText(item));
    if (!read.ok) return read;
    messages.push(read.value);
  }
  return ok({ messages, isBatch: true });
}

function messageOf(tree: JsonTree, text: string): Result<Message, NoMessage> {
  if (!(tree instanceof Map)) return noMessage(-32600, "invalid request: it is no object");
  const members: JsonMembers = tree;
  const id = idOf(members.get("id"));
  const bad = (why: string) => noMessage(-32600, `invalid request: ${why}`, id ?? null);
  const odd = otherSpelling(members, messageNames);
  if (odd !== undefined) return bad(odd);
  if (members.get("jsonrpc") !== "2.0") return bad('jsonrpc is not "2.0"');
  const method = members.get("method");
  const isAnswer = members.has("result") || members.has("error");
  if (method === undefined) {
    if (members.has("result") === members.has("error")) {
      return bad("it has neither a method nor one of result and error");
    }
    const given = members.get("id");
    if (id === undefined && given !== null && given !== undefined) return bad(idRule);
    if (id === undefined && members.has("result")) return bad("a result needs an id");
    return ok({ kind: "response", id: id ?? null, ...recordedPart(members, text) });
  }
  if (typeof method !== "string") return bad("the method is no text");
  if (isAnswer) return bad("it is a request and an answer at once");
  const isNotification = method.startsWith(notificationPrefix);
  if (!isNotification && (members.get("id") ?? null) === null) return withoutId(method);
  if (!members.has("id")) return ok({ kind: "notification", method, members, text });
  return id === undefined ? bad(idRule) : ok({ kind: "request", id, method, members, text });
}

/** What is recorded of an answer: what else it has goes to nobody. */
function recordedPart(members: JsonMembers, text: string): Parts {
  const known = new Map([...members].filter(([name]) => answerNames.includes(name)));
  return known.size === members.size
    ? { members, text }
    : { members: known, text: treeText(known) };
}

const answerNames = ["jsonrpc", "id", "result", "error"];
const messageNames = ["jsonrpc", "id", "method", "params", "result", "error"];

/**
 * Some readers take a name in any case for the one they look for, and the last of two: what they
 * would do is not what was decided about.
 * @returns what is wrong with the names of these members
 */
export function otherSpelling(members: JsonMembers, names: readonly string[]): string | undefined {
  const folded = new Map(names.map((name) => [fold(name), name]));
  for (const given of members.keys()) {
    const known = folded.get(fold(given));
    if (known === undefined || known === given) continue;
    return `${JSON.stringify(given.slice(0, idLengthMax))} may be taken for "${known}"`;
  }
  return undefined;
}

/** Letters such as the long s are one with another letter in upper case alone. */
function fold(name: string): string {
  return name.toUpperCase().toLowerCase();
}

/** By their methods alone: whatever else has no id is a request that went without one. */
const notificationPrefix = "notifications/";

function withoutId(method: string): Result<never, NoMessage> {
  const named = JSON.stringify(method.slice(0, 100));
  const rule = `only ${notificationPrefix}… go without one`;
  const message = `invalid request: ${named} needs an id: ${rule}`;
  return err({ code: -32600, message, id: null, isWithoutId: true });
}

const idRule = `the id is no text of up to ${idLengthMax} characters and no whole number`;

/** Undefined for what cannot be told apart safely, such as 1.0 from 1. */
function idOf(value: JsonTree | undefined): MessageId | undefined {
  if (typeof value === "string") return value.length <= idLengthMax ? value : undefined;
  if (!(value instanceof NumberText)) return undefined;
  return /^(0|-?[1-9][0-9]{0,15})$/.test(value.text) ? value : undefined;
}

/** The text "1" and the number 1 are different ids. */
export function idKey(id: MessageId): string {
  return id instanceof NumberText ? `#${id.text}` : `"${id}`;
}

/** What JSON-RPC lets an answer without an id say. */
const unreadCodes = ["-32700", "-32600"];
const unreadSizeMax = 4096;

/** Says that a message could not be read, and no more: nobody decides about it or records it. */
export function isUnreadError({ id, members, text }: Response_): boolean {
  if (id !== null || Buffer.byteLength(text) > unreadSizeMax) return false;
  const code = membersOf(members.get("error"))?.get("code");
  return code instanceof NumberText && unreadCodes.includes(code.text);
}

/**
 * Which request is answered by what cannot be read as a message, where a less strict reader can
 * tell: nobody has to wait for it any more. Nothing else is taken from it.
 */
export function unreadAnswerId(bytes: Uint8Array): MessageId | undefined {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    // ignored: such a line answers nothing
    return undefined;
  }
  if (typeof value !== "object" || value === null || "method" in value || !("id" in value)) {
    return undefined;
  }
  const { id } = value;
  if (typeof id === "string") return id;
  return Number.isSafeInteger(id) ? new NumberText(String(id)) : undefined;
}

/** Which request a notification is about. */
export function requestIdOf({ members }: Notification): MessageId | undefined {
  return idOf(membersOf(members.get("params"))?.get("requestId"));
}

export function idText(id: MessageId | null): string {
  return id === null ? "null" : treeText(id);
}

export function membersOf(value: JsonTree | undefined): JsonMembers | undefined {
  return value instanceof Map ? value : undefined;
}

export function textOf(value: JsonTree | undefined): string | undefined {
  return typeof value === "string" ? value : undefined;
}

/** The tree as JSON again: numbers as they were spelled, members in their order. */
export function treeText(tree: JsonTree): string {
  if (tree instanceof NumberText) return tree.text;
  if (tree instanceof Map) {
    const parts: string[] = [];
    for (const [name, value] of tree) parts.push(`${JSON.stringify(name)}:${treeText(value)}`);
    return `{${parts.join(",")}}`;
  }
  if (Array.isArray(tree)) return `[${tree.map(treeText).join(",")}]`;
  return JSON.stringify(tree);
}

function noMessage(
  code: NoMessage["code"],
  message: string,
  id: MessageId | null = null,
): Result<never, NoMessage> {
  return err({ code, message, id, isWithoutId: false });
}

/** An answer of the proxy itself. */
export function errorText(
  id: MessageId | null,
  code: number,
  message: string,
  data?: Readonly<Record<string, string | number>>,
): string {
  const error = JSON.stringify({ code, message, ...(data === undefined ? {} : { data }) });
  return `{"jsonrpc":"2.0","id":${idText(id)},"error":${error}}`;
}
