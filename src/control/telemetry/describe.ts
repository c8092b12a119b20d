// What spans say about events, by the names of OpenTelemetry's conventions for generative AI; what
// those have no name for begins with `aegis.`. Payloads are whatever a client sent.

import type { JsonValue } from "../../model/event.ts";
import { isObject } from "../../model/json-object.ts";
import type { SpanAttributes } from "./span.ts";

export interface DescribedEvent {
  readonly type: string;
  readonly payload: JsonValue;
}

export interface Description {
  readonly name: string;
  readonly attributes: SpanAttributes;
}

const toolEvents =
  /^(?:TOOL_CALL_(?:PROPOSED|ALLOWED|DENIED|EXECUTED)|TOOL_RESULT|POLICY_DECISION|APPROVAL_\w{1,20})$/;

export function describeEvent({ type, payload }: DescribedEvent): Description {
  const members = isObject(payload) ? payload : {};
  const text = (name: string): string | undefined => textOf(members[name]);
  const own = { "aegis.event.type": type };
  if (toolEvents.test(type)) {
    const tool = text("tool_name");
    const attributes = {
      ...toolAttributes(tool, text("call_id")),
      "aegis.event.type": type,
      "error.type": members.is_error === true ? "tool_error" : undefined,
    };
    return { name: named("execute_tool", tool), attributes };
  }
  if (type.startsWith("MODEL_CALL_")) {
    const attributes = {
      "gen_ai.operation.name": "chat",
      "gen_ai.request.model": text("model_id"),
      "gen_ai.provider.name": text("provider"),
      "gen_ai.usage.input_tokens": countOf(members.prompt_tokens),
      "gen_ai.usage.output_tokens": countOf(members.completion_tokens),
      ...own,
    };
    return { name: named("chat", text("model_id")), attributes };
  }
  if (type.startsWith("HANDOFF_")) {
    const agent = text("to_agent");
    const attributes = { "gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": agent };
    return { name: named("invoke_agent", agent), attributes: { ...attributes, ...own } };
  }
  return { name: type === "" ? "event" : type.slice(0, 64), attributes: own };
}

export function toolAttributes(tool: string | undefined, call: string | undefined): SpanAttributes {
  return {
    "gen_ai.operation.name": "execute_tool",
    "gen_ai.tool.name": tool,
    "gen_ai.tool.call.id": call,
  };
}

function named(operation: string, subject: string | undefined): string {
  return subject === undefined || subject === "" ? operation : `${operation} ${subject}`;
}

function textOf(value: JsonValue | undefined): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function countOf(value: JsonValue | undefined): number | undefined {
  return typeof value === "number" && Number.isFinite(value) ? value : undefined;
}
