// Spans by OpenTelemetry: into a file of JSON lines, to a collector over OTLP/HTTP, or both. Loaded
// by servers alone. The provider is our own and never the global one, so that libraries which look
// for a global one stay silent.

import {
  type Context,
  createTraceState,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  trace,
} from "@opentelemetry/api";
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  type ReadableSpan,
  type Sampler,
  type SpanExporter,
  type SpanProcessor,
  TraceIdRatioBasedSampler,
  TracerProvider,
  type TracerProviderOptions,
} from "@opentelemetry/sdk-trace";
import type { Clock } from "../../base/clock.ts";
import { randomSecret } from "../../base/ids.ts";
import type { AbsPath } from "../../base/paths.ts";
import { aegisVersion } from "../../base/version.ts";
import type { JsonObject } from "../../model/event.ts";
import { redact, redactId, redactText } from "./redact.ts";
import type { SpanAttributes, SpanSession, SpanStart, Telemetry, TelemetrySpan } from "./span.ts";
import {
  formatTraceparent,
  parseTraceparent,
  sessionTraceId,
  validTracestate,
} from "./trace-context.ts";
import { openTraceFile } from "./trace-file.ts";
import { traceLine } from "./trace-line.ts";

export interface TracerOptions {
  readonly clock: Clock;
  /** Undefined: no file. */
  readonly path: AbsPath | undefined;
  /** Where to send them is read from the environment, as OpenTelemetry documents it. */
  readonly otlp: OtlpOptions | undefined;
  readonly sampler: SamplerOptions;
  readonly resource: Readonly<Record<string, string>>;
  /** Absent: payloads are written. False where they are a secret on the disk. */
  readonly keepsPayloads?: boolean;
}

export interface OtlpOptions {
  readonly scheduledDelayMillis?: number;
  readonly exportTimeoutMillis?: number;
  readonly maxQueueSize?: number;
  readonly maxExportBatchSize?: number;
  /** Arguments and results of tools are sent as well, redacted. */
  readonly sendsPayloads: boolean;
}

export interface SamplerOptions {
  readonly isParentBased: boolean;
  /** 0 to 1. */
  readonly ratio: number;
}

const kinds = { server: SpanKind.SERVER, client: SpanKind.CLIENT, internal: SpanKind.INTERNAL };
const attributeMaxLength = 4096;
/** A collector that does not answer must not keep a server from stopping. */
const stopTimeoutMs = 5000;

/** @throws {AegisError} `config/invalid` when the file cannot be written */
export async function createTelemetry(options: TracerOptions): Promise<Telemetry> {
  const payloads = new WeakMap<object, JsonObject>();
  const file = options.path === undefined ? undefined : openTraceFile(options.path);
  const otlp = options.otlp === undefined ? undefined : await otlpExporter();
  const processors: SpanProcessor[] = [];
  if (file !== undefined) {
    processors.push(
      processorOf((span) => file.write(JSON.stringify(traceLine(span, payloads.get(span)))), file),
    );
  }
  if (otlp !== undefined && options.otlp !== undefined) {
    const { sendsPayloads: _, ...batches } = options.otlp;
    processors.push(new BatchSpanProcessor({ ...batches, exporter: otlp.exporter }));
  }
  const ids = idGenerator();
  const provider = new TracerProvider({
    idGenerator: ids,
    sampler: samplerOf(options.sampler),
    resource: resourceOf(options.resource),
    spanLimits: { attributeValueLengthLimit: attributeMaxLength },
    spanProcessors: processors,
  });
  const tracer = provider.getTracer("aegis", aegisVersion);
  const sendsPayloads = options.otlp?.sendsPayloads === true;
  const { clock } = options;
  return {
    start: (start) =>
      spanOf(start, clock, {
        open(opening, session) {
          const { name, kind, attributes, startTime, parent } = opening;
          const { isKnown, context } = contextOf(parent, start.state);
          ids.next = isKnown || session === undefined ? undefined : sessionTraceId(session);
          return tracer.startSpan(name, { kind, attributes, startTime }, context);
        },
        close(span, payload) {
          if (payload === undefined || options.keepsPayloads === false) return;
          const safe = redact(payload) as JsonObject;
          payloads.set(span, safe);
          if (!sendsPayloads) return;
          span.setAttribute("gen_ai.tool.call.arguments", JSON.stringify(safe.args ?? safe));
        },
      }),
    lost: () => (file?.lost() ?? 0) + (otlp?.lost() ?? 0),
    async stop() {
      const { promise: late, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, stopTimeoutMs);
      await Promise.race([provider.shutdown(), late]);
      clearTimeout(timer);
    },
  };
}

interface Opening {
  readonly name: string;
  readonly kind: SpanKind;
  readonly attributes: SpanAttributes;
  readonly startTime: [number, number];
  readonly parent: string | null | undefined;
}

interface Spans {
  open(opening: Opening, session: SpanSession | undefined): Span;
  close(span: Span, payload: JsonObject | undefined): void;
}

/** Opened when its id is wanted, or when it ends: until then nothing but its start is known. */
function spanOf(start: SpanStart, clock: Clock, spans: Spans): TelemetrySpan {
  const startMs = clock.nowUnixMs();
  const startedMs = clock.monotonicMs();
  const timeOf = (ms: number): [number, number] => {
    const seconds = Math.floor(ms / 1000);
    return [seconds, Math.round((ms - seconds * 1000) * 1e6)];
  };
  let name = start.name;
  let attributes = safeAttributes(start.attributes ?? {});
  let session: SpanSession | undefined;
  let payload: JsonObject | undefined;
  let span: Span | undefined;
  const opened = (): Span => {
    const opening = { name: redactText(name), kind: kinds[start.kind], attributes };
    span ??= spans.open({ ...opening, startTime: timeOf(startMs), parent: start.parent }, session);
    return span;
  };
  const traceparent = (): string => {
    const { traceId, spanId, traceFlags } = opened().spanContext();
    return formatTraceparent({ traceId, spanId, isSampled: (traceFlags & 1) === 1 });
  };
  return {
    rename(next) {
      name = next;
      span?.updateName(redactText(next));
    },
    set(more) {
      const safe = safeAttributes(more);
      if (span === undefined) attributes = { ...attributes, ...safe };
      else span.setAttributes(safe);
    },
    of(named) {
      session = named;
      this.set({ "gen_ai.conversation.id": named.session, "aegis.tenant.id": named.tenant });
    },
    payload: (about) => {
      payload = about;
    },
    traceparent,
    headers() {
      const state = validTracestate(start.state);
      const isOurs = parseTraceparent(start.parent) !== undefined;
      return { traceparent: traceparent(), ...(isOurs && state ? { tracestate: state } : {}) };
    },
    end(error) {
      const ended = opened();
      if (error !== undefined) {
        ended.setAttribute("error.type", error);
        ended.setStatus({ code: SpanStatusCode.ERROR });
      }
      if (ended.isRecording()) spans.close(ended, payload);
      ended.end(timeOf(startMs + (clock.monotonicMs() - startedMs)));
    },
  };
}

const ids: ReadonlySet<string> = new Set([
  ...["gen_ai.conversation.id", "aegis.tenant.id", "gen_ai.tool.call.id", "aegis.event.hash"],
]);

function safeAttributes(attributes: SpanAttributes): Record<string, string | number | boolean> {
  const safe: Record<string, string | number | boolean> = {};
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined) continue;
    if (typeof value === "string") safe[name] = ids.has(name) ? redactId(value) : redactText(value);
    else if (typeof value === "object") safe[name] = value.map(redactText).join(",");
    else safe[name] = value;
  }
  return safe;
}

/** The caller's span as the parent, or none. */
function contextOf(
  parent: string | null | undefined,
  state: string | null | undefined,
): { readonly isKnown: boolean; readonly context: Context } {
  const given = parseTraceparent(parent);
  if (given === undefined) return { isKnown: false, context: ROOT_CONTEXT };
  const { traceId, spanId, isSampled } = given;
  const traceFlags = isSampled ? TraceFlags.SAMPLED : TraceFlags.NONE;
  const text = validTracestate(state);
  const traceState = text === undefined ? {} : { traceState: createTraceState(text) };
  const context = { traceId, spanId, traceFlags, isRemote: true, ...traceState };
  return { isKnown: true, context: trace.setSpanContext(ROOT_CONTEXT, context) };
}

/** `next`, once, where a trace is to have a certain id. */
function idGenerator(): { next: string | undefined } & Required<
  NonNullable<TracerProviderOptions["idGenerator"]>
> {
  return {
    next: undefined,
    generateTraceId() {
      const id = this.next ?? randomSecret(16).toHex();
      this.next = undefined;
      return id;
    },
    generateSpanId: () => randomSecret(8).toHex(),
  };
}

function processorOf(
  onEnd: (span: ReadableSpan) => void,
  file: { readonly close: () => void },
): SpanProcessor {
  return {
    onStart: () => undefined,
    onEnd(span) {
      if ((span.spanContext().traceFlags & TraceFlags.SAMPLED) !== 0) onEnd(span);
    },
    forceFlush: () => Promise.resolve(),
    shutdown: async () => file.close(),
  };
}

async function otlpExporter(): Promise<{ exporter: SpanExporter; lost: () => number }> {
  const { OTLPTraceExporter } = await import("@opentelemetry/exporter-trace-otlp-http");
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

function samplerOf({ isParentBased, ratio }: SamplerOptions): Sampler {
  const root =
    ratio >= 1
      ? new AlwaysOnSampler()
      : ratio <= 0
        ? new AlwaysOffSampler()
        : new TraceIdRatioBasedSampler(ratio);
  return isParentBased ? new ParentBasedSampler({ root }) : root;
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
