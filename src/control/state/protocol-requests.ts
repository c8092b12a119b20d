// Requests of MCP that are no tool calls and are decided about like them, under names that no tool
// may have. Reading is what sessions are made of: a client reads the same thing whenever it has
// changed, so these are no steps, no tool calls and no loops; what is read taints all the same.
// What a server asks of its client does not: the answer goes to the server alone. Pure.

import type { JsonValue } from "../../model/event.ts";

/** What clients ask of servers. */
const read = ["mcp.resources.read", "mcp.resources.subscribe", "mcp.prompts.get"] as const;
/** The client's model is to answer: a call of a model. */
export const samplingRequest = "mcp.sampling.create";
/** The client's user is to answer. */
export const elicitationRequest = "mcp.elicitation.create";

/** Whoever runs the proxy lets pass what MCP does not have; it is recorded, not decided about. */
export const passedRequest = "mcp.methods.pass";

export const protocolRequests = [
  ...read,
  samplingRequest,
  elicitationRequest,
  passedRequest,
] as const;

const names: ReadonlySet<JsonValue | undefined> = new Set(protocolRequests);
const reading: ReadonlySet<JsonValue | undefined> = new Set(read);

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

/** A server's content came into the session. */
export function isProtocolContent(type: string, tool: JsonValue | undefined): boolean {
  return type === "TOOL_RESULT" && reading.has(tool);
}
