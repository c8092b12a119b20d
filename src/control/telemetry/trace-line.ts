// A span as a line of the trace file. Its first members are those of the reference daemon; the
// attributes stand below them by their OpenTelemetry names.

import { SpanKind, SpanStatusCode } from "@opentelemetry/api";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import type { JsonObject, JsonValue } from "../../model/event.ts";

const kinds: Readonly<Record<number, string>> = {
  [SpanKind.SERVER]: "server",
  [SpanKind.CLIENT]: "client",
  [SpanKind.INTERNAL]: "internal",
};

/** @param payload redacted already */
export function traceLine(span: ReadableSpan, payload: JsonObject | undefined): JsonObject {
  const { traceId, spanId } = span.spanContext();
  const attributes = { ...span.attributes } as Record<string, JsonValue>;
  const parent = span.parentSpanContext?.spanId;
  const taken = (name: string, key: string): JsonObject => {
    const value = attributes[key];
    delete attributes[key];
    return value === undefined ? {} : { [name]: value };
  };
  const hasPayload = payload !== undefined && Object.keys(payload).length > 0;
  return {
    trace_id: traceId,
    span_id: spanId,
    ...(parent === undefined ? {} : { parent_span_id: parent }),
    name: span.name,
    kind: kinds[span.kind] ?? "internal",
    ...taken("session_id", "gen_ai.conversation.id"),
    ...taken("tenant_id", "aegis.tenant.id"),
    ...taken("event_type", "aegis.event.type"),
    ...taken("seq", "aegis.event.seq"),
    ts_unix_ms: Math.round(milliseconds(span.startTime)),
    duration_ms: Math.round(milliseconds(span.duration) * 1000) / 1000,
    ...(span.status.code === SpanStatusCode.ERROR ? { status: "error" } : {}),
    ...(hasPayload ? { attrs: payload } : {}),
    attributes,
  };
}

function milliseconds([seconds, nanos]: readonly [number, number]): number {
  return seconds * 1000 + nanos / 1e6;
}
