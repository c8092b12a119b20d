// A span as a line of the trace file. Its first members are those of the reference daemon; the
// attributes stand below them by their OpenTelemetry names.

import type { JsonValue } from "../../model/event.ts";
import type { EndedSpan, SafeAttributes } from "./ended-span.ts";

/** Attributes that are members of the line instead, by their names there. */
const members: ReadonlyMap<string, string> = new Map([
  ["gen_ai.conversation.id", "session_id"],
  ["aegis.tenant.id", "tenant_id"],
  ["aegis.event.type", "event_type"],
  ["aegis.event.seq", "seq"],
]);

export function traceLine(span: EndedSpan): string {
  const { own, parent, attributes, payload } = span;
  const line: Record<string, JsonValue> = { trace_id: own.traceId, span_id: own.spanId };
  if (parent !== undefined) line.parent_span_id = parent.spanId;
  line.name = span.name;
  line.kind = span.kind;
  for (const [name, member] of members) {
    const value = attributes[name];
    if (value !== undefined) line[member] = value;
  }
  line.ts_unix_ms = span.startMs;
  line.duration_ms = Math.round(span.durationMs * 1000) / 1000;
  if (span.isError) line.status = "error";
  if (payload !== undefined && Object.keys(payload).length > 0) line.attrs = payload;
  const rest: SafeAttributes = {};
  for (const name in attributes) {
    const value = attributes[name];
    if (value !== undefined && !members.has(name)) rest[name] = value;
  }
  line.attributes = rest;
  return JSON.stringify(line);
}
