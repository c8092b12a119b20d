// What a request asks for that is decided about: a tools/call, and what else brings a server's
// content into a session. Also the requests that fetch results later. Pure.

import type { JsonMembers, JsonTree } from "../base/json-text.ts";
import type { protocolRequests } from "../control/state/protocol-requests.ts";
import type { JsonObject } from "../model/event.ts";
import { membersOf, type Request, type Response_, textOf, treeText } from "./message.ts";
import { treeOf } from "./record.ts";
import { type ProxyError, rpcCodes } from "./refusal.ts";

export interface AskedCall {
  /** The tool's name, or one of `protocolRequests`. */
  readonly tool: string;
  readonly isTool: boolean;
  readonly args: JsonTree;
  readonly sanitizerKey: string | undefined;
  readonly isAnswer: boolean;
  /** False: its answer says nothing, and may take as long as a session. */
  readonly hasResult: boolean;
}

/** Where a caller puts the key of a sanitised text. */
export const sanitizerMember = "aegis/sanitizerKey";

interface Guarded {
  readonly name: (typeof protocolRequests)[number];
  readonly hasResult: boolean;
  /** What is decided about; undefined: nothing is; a text: why it cannot be. */
  args(params: JsonMembers): JsonMembers | string | undefined;
  /** The same with other arguments. */
  edited(params: JsonMembers, args: JsonMembers): JsonMembers;
}

const byUri = {
  args: (params: JsonMembers) => {
    const uri = textOf(params.get("uri"));
    return uri === undefined ? "its uri is missing" : new Map([["uri", uri]]);
  },
  edited: (params: JsonMembers, args: JsonMembers) => {
    return new Map(params).set("uri", args.get("uri") ?? null);
  },
};

/** By their methods. */
const guarded: Readonly<Record<string, Guarded>> = {
  "resources/read": { name: "mcp.resources.read", hasResult: true, ...byUri },
  "resources/subscribe": { name: "mcp.resources.subscribe", hasResult: false, ...byUri },
  "subscriptions/listen": {
    name: "mcp.resources.subscribe",
    hasResult: false,
    args(params) {
      const uris = membersOf(params.get("notifications"))?.get("resourceSubscriptions") ?? [];
      if (!Array.isArray(uris)) return "its resourceSubscriptions are no list";
      return uris.length === 0 ? undefined : new Map([["uris", uris]]);
    },
    edited(params, args) {
      const asked = new Map(membersOf(params.get("notifications")));
      asked.set("resourceSubscriptions", args.get("uris") ?? []);
      return new Map(params).set("notifications", asked);
    },
  },
  "prompts/get": {
    name: "mcp.prompts.get",
    hasResult: true,
    args(params) {
      const name = textOf(params.get("name"));
      const given = params.get("arguments") ?? null;
      if (name === undefined || name === "") return "its name is missing";
      if (given !== null && membersOf(given) === undefined) return "its arguments are no object";
      const named = new Map<string, JsonTree>([["name", name]]);
      return given === null ? named : named.set("arguments", given);
    },
    edited(params, args) {
      const changed = new Map(params).set("name", args.get("name") ?? null);
      return changed.set("arguments", args.get("arguments") ?? new Map());
    },
  },
};

function guardedBy(method: string): Guarded | undefined {
  return Object.hasOwn(guarded, method) ? guarded[method] : undefined;
}

/** Takes time before it is sent on. */
export function isDecidedAbout(method: string): boolean {
  return method === "tools/call" || guardedBy(method) !== undefined;
}

/** Undefined: nothing is decided about. */
export function askedCall(request: Request): AskedCall | ProxyError | undefined {
  const { method, members } = request;
  const params = membersOf(members.get("params"));
  const guard = guardedBy(method);
  if (method !== "tools/call" && guard === undefined) return undefined;
  const sanitizerKey = textOf(membersOf(params?.get("_meta"))?.get(sanitizerMember));
  const more = { sanitizerKey, isAnswer: params?.has("inputResponses") === true };
  if (guard !== undefined) {
    const { name: tool, hasResult } = guard;
    const args = guard.args(params ?? new Map());
    if (args === undefined) return undefined;
    if (typeof args === "string") return invalidParams(method, args);
    return { tool, isTool: false, args, hasResult, ...more };
  }
  const tool = textOf(params?.get("name"));
  const args = params?.get("arguments") ?? null;
  if (tool === undefined || tool === "") return invalidParams(method, "its name is missing");
  if (args !== null && membersOf(args) === undefined) {
    return invalidParams(method, "its arguments are no object");
  }
  return { tool, isTool: true, args, hasResult: true, ...more };
}

function invalidParams(method: string, why: string): ProxyError {
  return {
    code: rpcCodes.invalidParams,
    message: `invalid ${method} params: ${why}`,
    data: { reason: "INVALID_PARAMS" },
  };
}

/** The same request with other arguments; everything else as it was. */
export function withArguments(request: Request, args: JsonObject | undefined): string {
  const { method, members, text } = request;
  const params = membersOf(members.get("params"));
  const given = args === undefined ? undefined : membersOf(treeOf(args));
  if (given === undefined || params === undefined) return text;
  const edited = guardedBy(method)?.edited(params, given);
  const changed = edited ?? new Map(params).set("arguments", given);
  return treeText(new Map(members).set("params", changed));
}

/** The task whose result is asked for; undefined for every other request. */
export function followedTask({ method, members }: Request): string | undefined {
  if (method !== "tasks/result" && method !== "tasks/get") return undefined;
  return textOf(membersOf(members.get("params"))?.get("taskId")) ?? "";
}

/** Tells the state of a task from what its tool gave. */
export function carriesResult({ members }: Response_): boolean {
  const result = membersOf(members.get("result"));
  if (members.has("error") || result === undefined) return true;
  return ["content", "structuredContent", "result", "error"].some((name) => result.has(name));
}
