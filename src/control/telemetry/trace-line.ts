// A span as a line of the trace file. Its first members are those of the reference daemon; the
// attributes stand below them by their OpenTelemetry names.

import type { EndedSpan } from "./ended-span.ts";

export function traceLine(span: EndedSpan): string {
  const { own, parent, attributes, payload } = span;
  // What is undefined is left out, and all of it is written at once: the engine does that fastest.
  return JSON.stringify({
    trace_id: own.traceId,
    span_id: own.spanId,
    parent_span_id: parent?.spanId,
    name: span.name,
    kind: span.kind,
    session_id: attributes["gen_ai.conversation.id"],
    tenant_id: attributes["aegis.tenant.id"],
    event_type: attributes["aegis.event.type"],
    seq: attributes["aegis.event.seq"],
    ts_unix_ms: span.startMs,
    duration_ms: Math.round(span.durationMs * 1000) / 1000,
    status: span.isError ? "error" : undefined,
    attrs: payload === undefined || isEmpty(payload) ? undefined : payload,
    attributes: { ...attributes, ...notBelow },
  });
}

/** Attributes that are members of the line instead. */
const notBelow = {
  "gen_ai.conversation.id": undefined,
  "aegis.tenant.id": undefined,
  "aegis.event.type": undefined,
  "aegis.event.seq": undefined,
};

function isEmpty(object: object): boolean {
  for (const _ in object) return false;
  return true;
}
