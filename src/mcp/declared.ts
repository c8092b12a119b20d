// What a manifest says about requests that are no tool calls. One that names none of them was
// written for tools alone, and lets all of them through; one that names any lets those through and
// no others. Pure.

import { isProtocolRequest } from "../control/state/protocol-requests.ts";
import type { JsonValue } from "../model/event.ts";
import { isObject, memberOf } from "../model/json-object.ts";

export interface Declared {
  /** What the policy is shown. */
  readonly manifest: JsonValue;
  /** The manifest itself says nothing about the request. */
  readonly isImplied: boolean;
}

interface Declaring {
  readonly manifest: JsonValue;
  /** What the manifest does not name is denied, whatever else it names. */
  readonly isStrict: boolean;
}

/** @param asked a tool, or a request in its place */
export function declaredFor(
  { manifest, isStrict }: Declaring,
  { tool: name, isTool }: { readonly tool: string; readonly isTool: boolean },
): Declared {
  const asItIs = { manifest, isImplied: false };
  // A server may call a tool as it likes, and would be let through under that name.
  if (isTool) return isProtocolRequest(name) ? { ...asItIs, manifest: {} } : asItIs;
  const permissions = memberOf(manifest, "permissions") ?? {};
  const tools = memberOf(permissions, "tools") ?? [];
  const approvals = memberOf(permissions, "approval_required") ?? [];
  if (isStrict || !isObject(permissions) || !Array.isArray(tools)) return asItIs;
  const named = Array.isArray(approvals) ? [...tools, ...approvals] : tools;
  if (named.some(isProtocolRequest)) return asItIs;
  const more = { ...permissions, tools: [...tools, name] };
  return {
    manifest: { ...(isObject(manifest) ? manifest : {}), permissions: more },
    isImplied: true,
  };
}
