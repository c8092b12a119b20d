// What servers ask of clients and what is decided about: a call of the client's model, a question
// to its user. The rest (roots, pings) passes. Pure.

import type { JsonMembers, JsonTree } from "../base/json-text.ts";
import { elicitationRequest, samplingRequest } from "../control/state/protocol-requests.ts";
import type { JsonObject } from "../model/event.ts";
import type { ToolCall } from "./gate.ts";
import { membersOf } from "./message.ts";
import { treeOf } from "./record.ts";

const names: Readonly<Record<string, string>> = {
  "sampling/createMessage": samplingRequest,
  "elicitation/create": elicitationRequest,
};

/** Beside what is asked: about the message, and not for whom it is. */
const metaMember = "_meta";

function nameOf(method: string): string | undefined {
  return Object.hasOwn(names, method) ? names[method] : undefined;
}

export function isDecidedOfClient(method: string): boolean {
  return nameOf(method) !== undefined;
}

/** Undefined: nothing is decided about. */
export function askedOfClient(
  method: string,
  params: JsonTree | undefined,
  signal: AbortSignal,
): ToolCall | undefined {
  const tool = nameOf(method);
  if (tool === undefined) return undefined;
  const args = new Map(membersOf(params));
  args.delete(metaMember);
  return {
    ...{ tool, isTool: false, method, args, hasResult: true, signal },
    ...{ sanitizerKey: undefined, isAnswer: false },
    ...{ traceparent: undefined, tracestate: undefined },
  };
}

/** What a person wants to be asked instead. */
export function editedParams(params: JsonTree | undefined, args: JsonObject): JsonMembers {
  const edited = new Map(membersOf(treeOf(args)));
  const meta = membersOf(params)?.get(metaMember);
  return meta === undefined ? edited : edited.set(metaMember, meta);
}
