// Requests of MCP that are no tool calls and are decided about like them, under names that no tool
// may have. Reading is what sessions are made of: a client reads the same thing whenever it has
// changed, so these are no steps, no tool calls and no loops; what is read taints all the same.
// Pure.

import type { JsonValue } from "../../model/event.ts";

export const protocolRequests = [
  "mcp.resources.read",
  "mcp.resources.subscribe",
  "mcp.prompts.get",
] as const;

const names: ReadonlySet<JsonValue | undefined> = new Set(protocolRequests);

export function isProtocolRequest(name: JsonValue | undefined): boolean {
  return names.has(name);
}

const types: ReadonlySet<string> = new Set([
  "TOOL_CALL_PROPOSED",
  "TOOL_CALL_ALLOWED",
  "TOOL_CALL_DENIED",
  "TOOL_RESULT",
  "ERROR_RAISED",
]);

export function isAboutProtocolRequest(type: string, tool: JsonValue | undefined): boolean {
  return types.has(type) && isProtocolRequest(tool);
}
