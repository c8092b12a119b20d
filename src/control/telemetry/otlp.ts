// What OpenTelemetry's packages do for us: sending spans to a collector, in batches and with its
// retries, and choosing by ratio which traces are kept. Nothing of theirs is global.

import {
  createTraceState,
  ROOT_CONTEXT,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
} from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import {
  BatchSpanProcessor,
  type ReadableSpan,
  SamplingDecision,
  type SpanExporter,
  TraceIdRatioBasedSampler,
  type TracerProviderOptions,
} from "@opentelemetry/sdk-trace";
import { aegisVersion } from "../../base/version.ts";
import type { EndedSpan, SpanSink } from "./ended-span.ts";
import { type TraceParent, validTracestate } from "./trace-context.ts";
import type { OtlpOptions } from "./tracer.ts";

export function openOtlp(
  options: OtlpOptions,
  attributes: Readonly<Record<string, string>>,
): SpanSink {
  const { sendsPayloads: _, ...batches } = options;
  const { exporter, lost } = createExporter();
  const processor = new BatchSpanProcessor({ ...batches, exporter });
  const resource = resourceOf(attributes);
  return {
    add: (span) => processor.onEnd(readable(span, resource)),
    lost,
    stop: () => processor.shutdown(),
  };
}

/** The same traces as every other service keeps that is given the same ratio. */
export function ratioSampler(ratio: number): (traceId: string) => boolean {
  const sampler = new TraceIdRatioBasedSampler(ratio);
  return (traceId) =>
    sampler.shouldSample(ROOT_CONTEXT, traceId).decision === SamplingDecision.RECORD_AND_SAMPLED;
}

function createExporter(): { exporter: SpanExporter; lost: () => number } {
  const inner = new OTLPTraceExporter();
  let lost = 0;
  const exporter: SpanExporter = {
    export(spans, done) {
      inner.export(spans, (result) => {
        if (result.code !== 0) lost += spans.length;
        done(result);
      });
    },
    shutdown: () => inner.shutdown(),
    forceFlush: () => inner.forceFlush(),
  };
  return { exporter, lost: () => lost };
}

const kinds = { server: SpanKind.SERVER, client: SpanKind.CLIENT, internal: SpanKind.INTERNAL };

function readable(span: EndedSpan, resource: Resource): ReadableSpan {
  const { own, parent, name, kind, attributes, startMs, durationMs, isError } = span;
  const text = parent === undefined ? undefined : validTracestate(span.state);
  const traceState = text === undefined ? {} : { traceState: createTraceState(text) };
  const context = { ...contextOf(own), ...traceState };
  const parentSpanContext =
    parent === undefined ? undefined : { ...contextOf(parent), isRemote: true, ...traceState };
  return {
    name,
    kind: kinds[kind],
    spanContext: () => context,
    ...(parentSpanContext === undefined ? {} : { parentSpanContext }),
    startTime: timeOf(startMs),
    endTime: timeOf(startMs + durationMs),
    duration: timeOf(durationMs),
    ended: true,
    status: { code: isError ? SpanStatusCode.ERROR : SpanStatusCode.UNSET },
    attributes: { ...attributes },
    links: [],
    events: [],
    resource,
    instrumentationScope: { name: "aegis", version: aegisVersion },
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  };
}

function contextOf({ traceId, spanId, isSampled }: TraceParent): SpanContext {
  return { traceId, spanId, traceFlags: isSampled ? TraceFlags.SAMPLED : TraceFlags.NONE };
}

/** Seconds and the nanoseconds beside them. */
function timeOf(ms: number): [number, number] {
  const seconds = Math.floor(ms / 1000);
  return [seconds, Math.round((ms - seconds * 1000) * 1e6)];
}

type Resource = NonNullable<TracerProviderOptions["resource"]>;

function resourceOf(attributes: Readonly<Record<string, string>>): Resource {
  return {
    attributes,
    asyncAttributesPending: false,
    merge: (other) => (other === null ? resourceOf(attributes) : other),
    getRawAttributes: () => Object.entries(attributes),
  };
}
