// Calls that were proposed and not decided yet, or decided and not proposed: clients may record a
// call themselves, before or after they ask about it, or leave that to the decision. Each proposal
// goes with one decision, so that a call counts once whichever way it came. Pure.

import { type JsonTree, treeMember } from "../../base/json-text.ts";
import type { JsonObject, JsonValue } from "../../model/event.ts";
import { argsHash, shortHash } from "./loops.ts";

/** Numbers alone, because many sessions are kept in memory. */
export interface OpenCall {
  /** Of the event that it counted with. */
  readonly seq: number;
  readonly tool: number;
  /** 0: it had none. */
  readonly args: number;
  /** Of its `call_id`; 0: it had none. */
  readonly id: number;
  readonly isProposed: boolean;
  readonly isDecided: boolean;
}

/** Of those a client leaves open, the newest; the others count anew when they go on. */
export const openCallsMax = 32;

type Part = "isProposed" | "isDecided";

/** As it is proposed. */
export interface NamedCall extends Pick<OpenCall, "tool" | "args" | "id"> {
  readonly payload: JsonObject;
}

/** @param spelled the payload as it was hashed, where `payload` may lack a number of it */
export function namedCall(payload: JsonObject, spelled: JsonTree | undefined): NamedCall {
  return {
    payload,
    tool: toolHash(payload.tool_name),
    args: argsHash(payload.args, treeMember(spelled, "args")),
    id: idHash(payload.call_id),
  };
}

/** The oldest one that is the same call and lacks that part. */
export function findOpen(
  open: readonly OpenCall[],
  { tool, args, id }: NamedCall,
  missing: Part,
): OpenCall | undefined {
  return open.find((call) => {
    if (call[missing] || call.tool !== tool) return false;
    // What has a name of its own may come without its arguments once.
    if (call.id !== 0 && id !== 0)
      return call.id === id && (call.args === args || call.args === 0 || args === 0);
    return call.args === args;
  });
}

export function withOpen(
  open: readonly OpenCall[],
  { tool, args, id }: NamedCall,
  { seq, isProposed, isDecided }: Pick<OpenCall, "seq" | Part>,
): readonly OpenCall[] {
  return [...open, { seq, isProposed, isDecided, tool, args, id }].slice(-openCallsMax);
}

/** With that part of the call of `seq`; what has both is not open any more. */
export function withPart(open: readonly OpenCall[], seq: number, part: Part): readonly OpenCall[] {
  return open
    .map((call) => (call.seq === seq ? { ...call, [part]: true } : call))
    .filter(({ isProposed, isDecided }) => !(isProposed && isDecided));
}

/** Without the oldest undecided one that `payload` is about: it went on without a decision. */
export function withoutUndecided(
  open: readonly OpenCall[],
  { call_id, tool_name }: JsonObject,
): readonly OpenCall[] {
  if (open.length === 0 || (typeof call_id !== "string" && typeof tool_name !== "string"))
    return open;
  const [id, tool] = [idHash(call_id), toolHash(tool_name)];
  const gone = open.find(
    (call) => call.isProposed && (id !== 0 && call.id !== 0 ? call.id === id : call.tool === tool),
  );
  return gone === undefined ? open : open.filter((call) => call !== gone);
}

function toolHash(name: JsonValue | undefined): number {
  return shortHash(typeof name === "string" ? name : "");
}

function idHash(id: JsonValue | undefined): number {
  return typeof id === "string" && id !== "" ? shortHash(id) : 0;
}
