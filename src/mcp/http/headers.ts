// What Streamable HTTP says beside the body: versions, and since 2026-07-28 the method and the
// name of what is asked for. Decisions are made by the body alone; headers that say something else
// are an attempt to be understood in two ways. Pure.

import type { JsonTree } from "../../base/json-text.ts";
import { type Message, membersOf, messagesOf, textOf } from "../message.ts";
import type { Permit } from "../permit.ts";
import { editedParameter, parameterPrefix } from "./parameter-headers.ts";

/** The first version without sessions and streams of the server. */
const modernSince = "2026-07-28";
const versionMember = "io.modelcontextprotocol/protocolVersion";

export const sessionHeader = "Mcp-Session-Id";

/**
 * Of a request; nothing else is passed on, and no credentials. Not the type of a body either: it
 * may name a charset, by which the other side would read something else than was decided about.
 */
const passedOn = [
  "accept",
  "last-event-id",
  "mcp-protocol-version",
  "mcp-session-id",
  "mcp-method",
  "mcp-name",
  "traceparent",
  "tracestate",
];

/** Of an answer; type and length of its body are another matter. */
const passedBack = [
  "allow",
  "cache-control",
  "mcp-session-id",
  "mcp-protocol-version",
  "retry-after",
  "www-authenticate",
  "x-accel-buffering",
];

export function upstreamHeaders(headers: Headers, token: string | undefined): Headers {
  const passed = new Headers({ "Accept-Encoding": "identity" });
  for (const [name, value] of headers) {
    if (passedOn.includes(name) || name.startsWith(parameterPrefix)) passed.set(name, value);
  }
  if (token !== undefined) passed.set("Authorization", `Bearer ${token}`);
  return passed;
}

/** @param type of the body; absent: there is none, or not yet */
export function answerHeaders(headers: Headers, type?: string): Headers {
  const passed = new Headers(type === undefined ? {} : { "Content-Type": type });
  for (const name of passedBack) {
    const value = headers.get(name);
    if (value !== null) passed.set(name, value);
  }
  return passed;
}

export function isModern(message: Message | undefined, headers: Headers): boolean {
  const versions = [headers.get("MCP-Protocol-Version"), bodyVersion(message)];
  return versions.some((version) => isDate(version) && version >= modernSince);
}

function isDate(version: string | null | undefined): version is string {
  return typeof version === "string" && /^\d{4}-\d\d-\d\d$/.test(version);
}

/** @returns what does not fit */
export function headerMismatch(message: Message, headers: Headers): string | undefined {
  if (message.kind === "response") return undefined;
  const modern = isModern(message, headers);
  const version = bodyVersion(message);
  const named = headers.get("MCP-Protocol-Version");
  if (version !== undefined && named !== version && (modern || named !== null)) {
    return differs("MCP-Protocol-Version", named, version);
  }
  const method = headers.get("Mcp-Method");
  const isWanted = modern && message.kind === "request";
  if (method !== null ? method !== message.method : isWanted) {
    return differs("Mcp-Method", method, message.method);
  }
  const given = headers.get("Mcp-Name");
  const name = nameOf(message);
  if (name === undefined || (given === null && !isWanted)) return undefined;
  if (given !== null && decoded(given) === name) return undefined;
  return differs("Mcp-Name", given, name);
}

function bodyVersion(message: Message | undefined): string | undefined {
  const params = membersOf(message?.members.get("params"));
  return textOf(membersOf(params?.get("_meta"))?.get(versionMember));
}

const nameMembers: Readonly<Record<string, string>> = {
  "tools/call": "name",
  "prompts/get": "name",
  "resources/read": "uri",
};

function nameOf(message: Message & { readonly method: string }): string | undefined {
  const member = Object.hasOwn(nameMembers, message.method)
    ? nameMembers[message.method]
    : undefined;
  if (member === undefined) return undefined;
  return textOf(membersOf(message.members.get("params"))?.get(member));
}

/** Names that no header can hold are written in base64. */
function decoded(value: string): string | undefined {
  const text = /^=\?base64\?([A-Za-z0-9+/]*={0,2})\?=$/.exec(value)?.[1];
  if (text === undefined) return value;
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Uint8Array.fromBase64(text));
  } catch {
    // ignored: what cannot be read is not the name
    return undefined;
  }
}

/** Those of a request as it is allowed: what they repeat of it may be another, and its trace. */
export function allowedHeaders(
  headers: Headers,
  asked: Message,
  text: string,
  { editedArgs, trace }: Pick<Permit, "editedArgs" | "trace">,
): Headers {
  const allowed = new Headers(headers);
  if (trace.traceparent !== undefined) allowed.delete("tracestate");
  for (const [name, value] of Object.entries(trace)) allowed.set(name, value);
  if (editedArgs === undefined) return allowed;
  const read = messagesOf(text);
  const [message] = read.ok ? read.value.messages : [];
  if (message?.kind !== "request") return allowed;
  const name = nameOf(message);
  if (name !== undefined && headers.has("Mcp-Name")) allowed.set("Mcp-Name", encoded(name));
  for (const [header, value] of headers) {
    if (!header.startsWith(parameterPrefix)) continue;
    const given = decoded(value);
    const [before, after] = [argumentsOf(asked), argumentsOf(message)];
    const now = given === undefined ? undefined : editedParameter(given, before, after);
    if (now === undefined) allowed.delete(header);
    else allowed.set(header, encoded(now));
  }
  return allowed;
}

function argumentsOf({ members }: Message): JsonTree {
  return membersOf(members.get("params"))?.get("arguments") ?? null;
}

function encoded(name: string): string {
  const isPlain = /^[!-~](?:[ -~]*[!-~])?$/.test(name) && !name.startsWith("=?");
  return isPlain ? name : `=?base64?${new TextEncoder().encode(name).toBase64()}?=`;
}

function differs(header: string, value: string | null, body: string): string {
  const said = value === null ? "is missing" : `is ${JSON.stringify(value.slice(0, 100))}`;
  return `the header ${header} ${said}, the body says ${JSON.stringify(body.slice(0, 100))}`;
}
