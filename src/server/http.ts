// What every route is made of: what it is told of a request, what it may answer, and how an answer
// becomes bytes. Requests come from anyone who reaches the port.

import { AegisError } from "../base/errors.ts";
import { type JsonMembers, type JsonTree, parseJsonText, plainJson } from "../base/json-text.ts";
import type { TelemetrySpan } from "../control/telemetry/span.ts";
import type { JsonObject, JsonValue } from "../model/event.ts";

export interface Call {
  /** Parts of the path that the route names. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly headers: Headers;
  /** Aborted when the caller is gone. */
  readonly signal: AbortSignal;
  /** Where calls of this route are traced. */
  readonly span?: TelemetrySpan;
  /** @throws {Refusal} when the body is no JSON text */
  json(): Promise<JsonTree>;
  text(): Promise<string>;
}

export interface Route {
  readonly method: "GET" | "POST";
  /** With parts such as `{id}`. */
  readonly path: string;
  handle(call: Call): Promise<Response> | Response;
}

/** An answer that is not what was asked for. The message is for people, `code` for programs. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly more: JsonObject = {},
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(message);
  }
}

export function reply(
  status: number,
  body: JsonValue,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return new Response(`${JSON.stringify(body)}\n`, {
    status,
    headers: { "Content-Type": "application/json", ...headers },
  });
}

export function replyRefusal({ status, code, message, more, headers }: Refusal): Response {
  return reply(status, { error: message, code, ...more }, headers);
}

/** Only the strictest UTF-8: a repaired text would not be what was sent. */
const utf8 = new TextDecoder("utf-8", { fatal: true });

export function readJson(bytes: Uint8Array): JsonTree {
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    throw new Refusal(400, "json_invalid", "invalid JSON: the body is not UTF-8");
  }
  return parseBody(text);
}

export function parseBody(text: string): JsonTree {
  if (text.trim() === "") throw new Refusal(400, "json_invalid", "invalid JSON: EOF");
  try {
    return parseJsonText(text);
  } catch (error) {
    if (!(error instanceof AegisError)) throw error;
    const why = error.message.replace(/^Cannot read the JSON text: /, "");
    throw new Refusal(400, "json_invalid", `invalid JSON: ${why}`);
  }
}

export function membersOf(tree: JsonTree): JsonMembers {
  if (tree instanceof Map) return tree;
  throw new Refusal(400, "json_invalid", "invalid JSON: the body is no object");
}

/** @throws {Refusal} for a number that JavaScript has not */
export function plainValue(tree: JsonTree): JsonValue {
  try {
    return plainJson(tree);
  } catch (error) {
    if (!(error instanceof AegisError)) throw error;
    throw new Refusal(400, "json_invalid", "invalid JSON: a number is too large");
  }
}

/** @throws {Refusal} when it is there and no text */
export function textMember(members: JsonMembers, name: string): string | undefined {
  const value = members.get(name);
  if (value === undefined || value === null) return undefined;
  if (typeof value === "string") return value;
  throw new Refusal(400, "type_invalid", `invalid JSON: "${name}" is no text`);
}

export function requiredQuery(query: URLSearchParams, name: string): string {
  const value = query.get(name);
  if (value !== null && value !== "") return value;
  throw new Refusal(400, "parameter_missing", `${name} required`);
}

/** A number between the bounds; the default when absent. */
export function countQuery(
  query: URLSearchParams,
  name: string,
  { least, most, otherwise }: { least: number; most: number; otherwise: number },
): number {
  const text = query.get(name);
  if (text === null || text === "") return otherwise;
  const value = /^\d{1,15}$/.test(text) ? Number(text) : -1;
  if (value >= least && value <= most) return value;
  const bounds = `a number from ${least} to ${most}`;
  throw new Refusal(400, "parameter_invalid", `${name} must be ${bounds}`);
}
