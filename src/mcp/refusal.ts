// What the proxy answers itself, as JSON-RPC errors: what happened, why, and the smallest change
// that would help. Pure.

import type { Advice } from "../control/decide/advice.ts";
import { isProtocolRequest } from "../control/state/protocol-requests.ts";
import { errorText, idText, type MessageId } from "./message.ts";
import type { CallName } from "./record.ts";

export interface ProxyError {
  readonly code: number;
  readonly message: string;
  readonly data: Readonly<Record<string, string | number>>;
}

export const rpcCodes = {
  parse: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  internal: -32603,
  denied: -32000,
  approval: -32001,
  headerMismatch: -32020,
} as const;

/** Of a message that asks for something and takes no answer. */
export const requestWithoutId = "REQUEST_WITHOUT_ID";

/** Of a request that MCP does not have. */
export const methodUnknown = "METHOD_UNKNOWN";

/** Of arguments that are not the same for everybody who reads them. */
export const numberInexact = "NUMBER_INEXACT";

export function deniedCall(
  { tool, callId }: CallName,
  reason: string,
  { why, change }: Advice,
  note = "",
): ProxyError {
  return {
    code: rpcCodes.denied,
    message: `${isProtocolRequest(tool) ? "request" : "tool call"} denied: ${reason}: ${why}; ${change}${note}`,
    data: { reason, tool, call_id: callId, hint: change },
  };
}

/** Nothing was sent to the server, or nothing of its answer was passed on. */
export function notRecorded(tool: string, why: string): ProxyError {
  return {
    code: rpcCodes.internal,
    message: `tool call denied: it cannot be decided or recorded: ${why}`,
    data: { reason: "NOT_RECORDED", tool, hint: "see whether the ledger can be written" },
  };
}

export function errorAnswer(id: MessageId | null, { code, message, data }: ProxyError): string {
  return errorText(id, code, message, data);
}

/** Where a server sent something in the place of an answer; none of its words are in it. */
export const unreadAnswer = "its answer cannot be read; standard error of the proxy says why";

/** Tells a server that nobody waits for its answer any more. */
export function cancelledText(id: MessageId, why: string): string {
  const params = `{"requestId":${idText(id)},"reason":${JSON.stringify(why)}}`;
  return `{"jsonrpc":"2.0","method":"notifications/cancelled","params":${params}}`;
}
