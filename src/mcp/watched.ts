// What is seen of the gate from outside: a span for each call, from its arrival to its end, as a
// part of its caller's trace and with the server's work as a part of it; and how it ended, counted.

import { type JsonTree, plainJson } from "../base/json-text.ts";
import { toolAttributes } from "../control/telemetry/describe.ts";
import type { Telemetry, TelemetrySpan } from "../control/telemetry/span.ts";
import type { JsonValue } from "../model/event.ts";
import { isObject } from "../model/json-object.ts";
import type { Gate, ToolCall } from "./gate.ts";
import { membersOf } from "./message.ts";
import type { Permit } from "./permit.ts";
import { type ProxyError, rpcCodes } from "./refusal.ts";

export interface EndedCall {
  readonly method: string;
  /** `answered`, `tool_error`, or why there was no answer, in lower case. */
  readonly result: string;
  readonly seconds: number;
}

export interface WatchParts {
  readonly telemetry: Telemetry;
  readonly monotonicMs: () => number;
  readonly onEnded?: ((ended: EndedCall) => void) | undefined;
}

export function watchedGate(gate: Gate, parts: WatchParts): Gate {
  return {
    follow: gate.follow,
    raise: gate.raise,
    unknownMethod: gate.unknownMethod,
    isPassed: gate.isPassed,
    pass: gate.pass,
    async admit(session, call) {
      const began = parts.monotonicMs();
      const span = spanOf(parts.telemetry, call);
      span.of({ tenant: session.tenant, session: session.id });
      const end = (result: string): void => {
        span.end(result === "answered" ? undefined : result);
        const seconds = (parts.monotonicMs() - began) / 1000;
        parts.onEnded?.({ method: call.method, result, seconds });
      };
      const trace = span.headers();
      const admission = await gate.admit(session, { ...call, trace });
      if (admission.kind === "refused") {
        refused(span, admission.error);
        end(resultOf(admission.error));
        return admission;
      }
      const { permit } = admission;
      span.set({
        "gen_ai.tool.call.id": call.isTool ? permit.callId : undefined,
        ...{ "aegis.policy.outcome": "allow", "aegis.policy.reason": "OK" },
      });
      if (!call.hasResult) end("answered");
      return { kind: "admitted", permit: watchedPermit(permit, trace, end) };
    },
  };
}

function spanOf(telemetry: Telemetry, call: ToolCall): TelemetrySpan {
  const { tool, isTool, method, traceparent: parent, tracestate: state } = call;
  const span = telemetry.start({
    name: isTool ? `execute_tool ${tool}` : method,
    kind: "server",
    ...{ parent, state },
    attributes: {
      ...(isTool ? toolAttributes(tool, undefined) : {}),
      "mcp.method.name": method,
    },
  });
  const args = plainOrNull(call.args);
  if (isObject(args)) span.payload({ tool_name: tool, args });
  return span;
}

function watchedPermit(
  permit: Permit,
  trace: Permit["trace"],
  end: (result: string) => void,
): Permit {
  return {
    ...permit,
    trace,
    async answered(response) {
      const error = await permit.answered(response);
      const { members } = response;
      const isError =
        members.has("error") || membersOf(members.get("result"))?.get("isError") === true;
      end(error === undefined ? (isError ? "tool_error" : "answered") : resultOf(error));
      return error;
    },
    async failed(reason, detail) {
      end(reason.toLowerCase());
      return permit.failed(reason, detail);
    },
  };
}

function refused(span: TelemetrySpan, { code, data }: ProxyError): void {
  const outcome = code === rpcCodes.approval ? "require_approval" : "deny";
  const { reason, call_id } = data;
  span.set({
    "gen_ai.tool.call.id": typeof call_id === "string" ? call_id : undefined,
    ...{ "aegis.policy.outcome": outcome, "aegis.policy.reason": String(reason ?? "") },
  });
}

/** Of a closed list: a policy's own words are in the span. */
function resultOf({ code, data }: ProxyError): string {
  if (data.reason === "OUTPUT_TOO_LARGE") return "output_too_large";
  if (code === rpcCodes.denied) return "denied";
  return code === rpcCodes.approval ? "approval_required" : "not_recorded";
}

function plainOrNull(tree: JsonTree): JsonValue {
  try {
    return plainJson(tree);
  } catch {
    // ignored: a number that JavaScript has not; the event keeps it, its span does without
    return null;
  }
}
