// What a tools/call asks for, and the requests that fetch results later. Pure.

import type { JsonMembers, JsonTree } from "../base/json-text.ts";
import type { JsonObject } from "../model/event.ts";
import { membersOf, type Request, type Response_, textOf, treeText } from "./message.ts";
import { treeOf } from "./record.ts";
import { type ProxyError, rpcCodes } from "./refusal.ts";

export interface AskedCall {
  readonly tool: string;
  readonly args: JsonTree;
  readonly sanitizerKey: string | undefined;
  readonly isAnswer: boolean;
}

/** Where a caller puts the key of a sanitised text. */
export const sanitizerMember = "aegis/sanitizerKey";

export function askedCall({ members }: Request): AskedCall | ProxyError {
  const params = membersOf(members.get("params"));
  const tool = textOf(params?.get("name"));
  const args = params?.get("arguments") ?? null;
  if (params === undefined || tool === undefined || tool === "") {
    return invalidParams("its name is missing");
  }
  if (args !== null && membersOf(args) === undefined) {
    return invalidParams("its arguments are no object");
  }
  const sanitizerKey = textOf(membersOf(params.get("_meta"))?.get(sanitizerMember));
  return { tool, args, sanitizerKey, isAnswer: params.has("inputResponses") };
}

function invalidParams(why: string): ProxyError {
  return {
    code: rpcCodes.invalidParams,
    message: `invalid tools/call params: ${why}`,
    data: { reason: "INVALID_PARAMS" },
  };
}

/** The same request with other arguments; everything else as it was. */
export function withArguments({ members, text }: Request, args: JsonObject | undefined): string {
  const params = membersOf(members.get("params"));
  if (args === undefined || params === undefined) return text;
  const changed: JsonMembers = new Map([...params, ["arguments", treeOf(args)]]);
  return treeText(new Map([...members, ["params", changed]]));
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
