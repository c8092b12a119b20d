// What a request asks for that is decided about: a tools/call, and what else brings a server's
// content into a session. Also the requests that fetch results later. Pure.

import type { JsonMembers, JsonTree } from "../base/json-text.ts";
import type { protocolRequests } from "../control/state/protocol-requests.ts";
import {
  membersOf,
  otherSpelling,
  type Request,
  type Response_,
  textOf,
  treeText,
} from "./message.ts";
import type { Permit } from "./permit.ts";
import { treeOf } from "./record.ts";
import { type ProxyError, rpcCodes } from "./refusal.ts";

export interface AskedCall {
  /** The tool's name, or one of `protocolRequests`. */
  readonly tool: string;
  readonly isTool: boolean;
  readonly method: string;
  readonly args: JsonTree;
  readonly sanitizerKey: string | undefined;
  readonly isAnswer: boolean;
  /** False: its answer says nothing, and may take as long as a session. */
  readonly hasResult: boolean;
  /** The caller's trace, where it says. */
  readonly traceparent: string | undefined;
  readonly tracestate: string | undefined;
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
      const wanted = membersOf(params.get("notifications")) ?? new Map<string, JsonTree>();
      const odd = otherSpelling(wanted, ["resourceSubscriptions"]);
      if (odd !== undefined) return odd;
      const uris = wanted.get("resourceSubscriptions") ?? [];
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

/** What is read of any of them, here or by the server. */
const readParams = [
  ...["name", "arguments", "uri", "notifications", "task", "_meta"],
  ...["inputResponses", "requestState"],
];

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
  const odd = params === undefined ? undefined : otherSpelling(params, readParams);
  if (odd !== undefined) return invalidParams(method, odd);
  const meta = membersOf(params?.get("_meta"));
  const more = {
    method,
    sanitizerKey: textOf(meta?.get(sanitizerMember)),
    isAnswer: params?.has("inputResponses") === true,
    traceparent: textOf(meta?.get("traceparent")),
    tracestate: textOf(meta?.get("tracestate")),
  };
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

/** The request as it is allowed: with other arguments, in another trace, else as it was. */
export function allowedText(
  { method, members, text }: Request,
  { editedArgs, trace }: Pick<Permit, "editedArgs" | "trace">,
): string {
  let params = membersOf(members.get("params"));
  if (params === undefined) return text;
  const given = editedArgs === undefined ? undefined : membersOf(treeOf(editedArgs));
  const isTraced = Object.keys(trace).length > 0;
  if (given === undefined && !isTraced) return text;
  if (given !== undefined) {
    const edited = guardedBy(method)?.edited(params, given);
    params = edited ?? new Map(params).set("arguments", given);
  }
  if (isTraced) {
    const meta = new Map(membersOf(params.get("_meta")));
    for (const name of traceMembers) meta.delete(name);
    for (const [name, value] of Object.entries(trace)) meta.set(name, value);
    params = new Map(params).set("_meta", meta);
  }
  return treeText(new Map(members).set("params", params));
}

const traceMembers = ["traceparent", "tracestate"];

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
