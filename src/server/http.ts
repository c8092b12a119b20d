// What every route is made of: what it is told of a request, what it may answer, and how an answer
// becomes bytes. Requests come from anyone who reaches the port.

import type { z } from "zod";
import { inexactNumber, inexactText } from "../base/exact-numbers.ts";
import { jsonProblem } from "../base/json-text.ts";
import { bodyTurnBytes } from "../base/limits.ts";
import { type Members, SpelledJson } from "../base/spelled-json.ts";
import { nextTurn } from "../base/turn.ts";
import type { TelemetrySpan } from "../control/telemetry/span.ts";
import type { JsonObject, JsonValue } from "../model/event.ts";
import { type Code, statusOf } from "./api/codes.ts";
import { legacyType, type Operation } from "./api/operation.ts";
import type { Caller } from "./auth.ts";

type Read<Schema> = Schema extends z.ZodType ? z.output<Schema> : Readonly<Record<string, never>>;

/** A request as its operation's schemas read it. */
export interface Call<O extends Operation = Operation> {
  /** Parts of the path that the operation names. */
  readonly params: Read<O["params"]>;
  readonly query: Read<O["query"]>;
  readonly headers: Headers;
  /** Of a GET, aborted when the caller is gone; else there is none, for making one takes time. */
  readonly signal: O["method"] extends "GET" ? AbortSignal : undefined;
  readonly caller: Caller;
  /** Where calls of this route are traced. */
  readonly span?: TelemetrySpan;
  /** Nothing where the operation's body is read by hand. */
  readonly body: O["body"] extends { readonly schema: infer Schema } ? Read<Schema> : undefined;
  /** Bytes of the body. */
  readonly size: number;
  /** @throws {Refusal} when the body is no JSON text */
  json(): SpelledJson;
  /** One value for each line that is not blank. @throws {Refusal} when one is no JSON text */
  lines(): readonly SpelledJson[];
}

export interface Route {
  readonly operation: Operation;
  handle(call: Call): Promise<Response> | Response;
}

export function route<O extends Operation>(
  operation: O,
  handle: (call: Call<O>) => Promise<Response> | Response,
): Route {
  // Whoever calls it made the call by the schemas of this operation.
  return { operation, handle: (call) => handle(call as Call<Operation> as Call<O>) };
}

/** An answer that is not what was asked for. The message is for people, `code` for programs. */
export class Refusal extends Error {
  readonly status: number;

  constructor(
    readonly code: Code,
    message: string,
    readonly more: JsonObject = {},
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(message);
    this.status = statusOf(code);
  }
}

/** @throws {Refusal} where nothing is left to be said of its events */
export function refusePurged(session: { readonly purged: boolean } | undefined): void {
  if (session?.purged === true) {
    throw new Refusal("session_purged", "the events of the session were purged");
  }
}

/** Of one tool by one tenant there were too many calls in a minute. */
export function rateLimited(seconds: number): Refusal {
  const text = "rate limit exceeded";
  return new Refusal("rate_limited", text, {}, { "Retry-After": String(seconds) });
}

export function reply(
  status: number,
  body: JsonValue,
  headers: Readonly<Record<string, string>> = noHeaders,
): Response {
  const given = headers === noHeaders ? jsonHeaders : { ...jsonType, ...headers };
  return new Response(`${JSON.stringify(body)}\n`, { status, headers: given });
}

const noHeaders = {};
const jsonType = { "Content-Type": "application/json" };
/** Read once; an answer has a copy of its own. */
const jsonHeaders = new Headers(jsonType);

export function replyRefusal({ status, code, message, more, headers }: Refusal): Response {
  return reply(status, { error: message, code, ...more }, headers);
}

/**
 * The draft of the HTTP working group writes the key as a text in quotes; without them it is the
 * same key.
 */
export function idempotencyKey(headers: Headers): string | undefined {
  const given = headers.get("Idempotency-Key") ?? "";
  return /^"([^"\\]+)"$/.exec(given)?.[1] ?? (given === "" ? undefined : given);
}

/** Whether the answer is to have the members that the reference daemon gives it. */
export function wantsLegacy(headers: Headers): boolean {
  const accept = headers.get("Accept");
  if (accept === null || accept === "*/*") return false;
  return accept.split(",").some((range) => {
    const [type, ...parameters] = range.split(";").map((part) => part.trim().toLowerCase());
    // RFC 9110 section 12.4.2: a weight of 0 is "not that one".
    return type === legacyType && !parameters.some((one) => /^q=0(\.0{0,3})?$/.test(one));
  });
}

export function replyLegacy(body: JsonValue): Response {
  return reply(200, body, { "Content-Type": legacyType });
}

/** Only the strictest UTF-8: a repaired text would not be what was sent. */
const utf8 = new TextDecoder("utf-8", { fatal: true });

/** @throws {Refusal} */
export function readText(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw new Refusal("json_invalid", "invalid JSON: the body is not UTF-8");
  }
}

export function parseBody(text: string): SpelledJson {
  if (text.trim() === "") throw new Refusal("json_invalid", "invalid JSON: EOF");
  try {
    return SpelledJson.parse(text);
  } catch (error) {
    throw jsonRefusal(error);
  }
}

/** As `parseBody`, of a large one. */
export async function parseBodyInTurns(text: string): Promise<SpelledJson> {
  if (text.trim() === "") return parseBody(text);
  return SpelledJson.parseInTurns(text, bodyTurnBytes).catch((error: unknown) => {
    throw jsonRefusal(error);
  });
}

/** @throws {Refusal} naming the line */
export function parseLines(text: string): readonly SpelledJson[] {
  const lines: SpelledJson[] = [];
  for (const [at, line] of text.split("\n").entries()) {
    if (line.trim() !== "") lines.push(parseLine(line, at));
  }
  return someLines(lines);
}

/** As `parseLines`, of many. */
export async function parseLinesInTurns(text: string): Promise<readonly SpelledJson[]> {
  const lines: SpelledJson[] = [];
  let length = 0;
  for (const [at, line] of text.split("\n").entries()) {
    if (line.trim() === "") continue;
    length += line.length;
    if (length > bodyTurnBytes) {
      await nextTurn();
      length = 0;
    }
    const isLarge = line.length > bodyTurnBytes;
    lines.push(isLarge ? await parseLineInTurns(line, at) : parseLine(line, at));
  }
  return someLines(lines);
}

function someLines(lines: readonly SpelledJson[]): readonly SpelledJson[] {
  if (lines.length > 0) return lines;
  throw new Refusal("json_invalid", "invalid JSON: EOF");
}

function parseLine(line: string, at: number): SpelledJson {
  try {
    return parseBody(line);
  } catch (error) {
    throw error instanceof Refusal ? atLine(error, at) : error;
  }
}

async function parseLineInTurns(line: string, at: number): Promise<SpelledJson> {
  try {
    return await parseBodyInTurns(line);
  } catch (error) {
    throw error instanceof Refusal ? atLine(error, at) : error;
  }
}

/** @param at from 0 */
export function atLine({ code, message, more, headers }: Refusal, at: number): Refusal {
  return new Refusal(code, message, { ...more, line: at + 1 }, headers);
}

export function membersOf(body: SpelledJson): Members {
  const members = body.members();
  if (members !== undefined) return members;
  throw new Refusal("json_invalid", "invalid JSON: the body is no object");
}

/** @throws {Refusal} for a member that nobody would read: whoever sent it meant something by it */
export function refuseUnknown(members: Members, known: ReadonlySet<string>): void {
  for (const name of members.keys()) {
    if (known.has(name)) continue;
    const shown = JSON.stringify(name.slice(0, 40));
    throw new Refusal("member_unknown", `invalid JSON: ${shown} is not known here`);
  }
}

/**
 * @param name of the member that the value is of
 * @throws {Refusal} for a number that JavaScript has not
 */
export function plainValue(value: SpelledJson, name?: string): JsonValue {
  try {
    return value.plain(name);
  } catch (error) {
    throw jsonRefusal(error);
  }
}

/** @throws {Refusal} for a number that would be decided about as another one */
export function refuseInexact(body: SpelledJson): void {
  const tree = body.inexact();
  const found = tree === undefined ? undefined : inexactNumber(tree);
  if (found === undefined) return;
  const why = `${inexactText(found)}: it has to be a text, or have up to 15 digits`;
  throw new Refusal("number_inexact", why);
}

function jsonRefusal(error: unknown): unknown {
  const why = jsonProblem(error);
  return why === undefined ? error : new Refusal("json_invalid", `invalid JSON: ${why}`);
}

const textMax = 512;

/** @throws {Refusal} when it is there and no text */
export function textMember(members: Members, name: string): string | undefined {
  const value = members.get(name);
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "string") {
    throw new Refusal("type_invalid", `invalid JSON: "${name}" is no text`);
  }
  if (value.length <= textMax) return value;
  throw new Refusal("type_invalid", `invalid JSON: "${name}" is longer than ${textMax}`);
}
