// Spans: put together here, then given to a file of JSON lines, to a collector, or to both. A span
// costs little until it ends, and one that is not sampled costs nothing more. OpenTelemetry is
// loaded for collectors alone.

import type { Clock } from "../../base/clock.ts";
import { createRandomIds } from "../../base/ids.ts";
import type { AbsPath } from "../../base/paths.ts";
import type { JsonObject } from "../../model/event.ts";
import type { EndedSpan, SafeAttributes, SpanSink } from "./ended-span.ts";
import { type KnownNames, redact, redactId, redactText, redactWord } from "./redact.ts";
import {
  noSpan,
  type SpanAttributes,
  type SpanSession,
  type SpanStart,
  type Telemetry,
  type TelemetrySpan,
} from "./span.ts";
import {
  createSessionTraceIds,
  formatTraceparent,
  parseTraceparent,
  type sessionTraceId,
  type TraceParent,
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

const attributeMaxLength = 4096;
/** A collector that does not answer must not keep a server from stopping. */
const stopTimeoutMs = 5000;

/** @throws {AegisError} `config/invalid` when the file cannot be written */
export async function createTelemetry(options: TracerOptions): Promise<Telemetry> {
  const sinks: SpanSink[] = [];
  if (options.path !== undefined) sinks.push(fileSink(options.path));
  if (options.otlp !== undefined) {
    const { openOtlp } = await import("./otlp.ts");
    sinks.push(openOtlp(options.otlp, options.resource));
  }
  const making: Making = {
    clock: options.clock,
    isSampled: await samplerOf(options.sampler),
    keepsPayloads: options.keepsPayloads !== false,
    sendsPayloads: options.otlp?.sendsPayloads === true,
    names: new Map(),
    traceId: createRandomIds(16),
    sessionTraceId: createSessionTraceIds(),
    spanId: createRandomIds(8),
    onEnd: (span) => {
      for (const sink of sinks) sink.add(span);
    },
  };
  return {
    start: (start) =>
      new Span({ ...start, parent: parseTraceparent(start.parent) }, making, now(making)),
    lost: () => sinks.reduce((sum, sink) => sum + sink.lost(), 0),
    async stop() {
      const { promise: late, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, stopTimeoutMs);
      // Settled: what a collector refused is lost, and counted, and no reason not to stop.
      await Promise.race([Promise.allSettled(sinks.map((sink) => sink.stop())), late]);
      clearTimeout(timer);
    },
  };
}

function fileSink(path: AbsPath): SpanSink {
  const file = openTraceFile(path);
  return {
    add: (span) => file.write(traceLine(span)),
    lost: () => file.lost(),
    stop: async () => file.close(),
  };
}

type Sampler = (traceId: string, parent: TraceParent | undefined) => boolean;

async function samplerOf({ isParentBased, ratio }: SamplerOptions): Promise<Sampler> {
  const root = await rootSampler(ratio);
  return (traceId, parent) =>
    isParentBased && parent !== undefined ? parent.isSampled : root(traceId);
}

async function rootSampler(ratio: number): Promise<(traceId: string) => boolean> {
  if (ratio >= 1) return () => true;
  if (ratio <= 0) return () => false;
  const { ratioSampler } = await import("./otlp.ts");
  return ratioSampler(ratio);
}

interface Making {
  readonly clock: Clock;
  readonly isSampled: Sampler;
  readonly keepsPayloads: boolean;
  readonly sendsPayloads: boolean;
  readonly names: KnownNames;
  readonly traceId: () => string;
  readonly sessionTraceId: typeof sessionTraceId;
  readonly spanId: () => string;
  readonly onEnd: (span: EndedSpan) => void;
}

/** Where a span stands: settled when its id is wanted, or when it ends. */
interface Place {
  readonly own: TraceParent;
  readonly parent: TraceParent | undefined;
}

/** What was said of a span so far, as it was said. */
interface Said {
  name: string;
  session: SpanSession | undefined;
  payload: JsonObject | undefined;
  /** Of one name the last one counts. */
  readonly attributes: SpanAttributes[];
}

interface Started extends Omit<SpanStart, "parent"> {
  readonly parent: TraceParent | undefined;
}

/** By both clocks: when it is, and what to count from. */
interface Moment {
  readonly startMs: number;
  readonly startedMs: number;
}

function now({ clock }: Making): Moment {
  return { startMs: clock.nowUnixMs(), startedMs: clock.monotonicMs() };
}

/** A class, because there is one for each event: it does not make its functions anew. */
class Span implements TelemetrySpan {
  readonly #start: Started;
  readonly #making: Making;
  readonly #moment: Moment;
  readonly #said: Said;
  #place: Place | undefined;
  #isEnded = false;

  /** @param place where it stands, if that is settled */
  constructor(start: Started, making: Making, moment: Moment, place?: Place) {
    this.#start = start;
    this.#making = making;
    this.#moment = moment;
    this.#place = place;
    const { name, attributes } = start;
    const given = attributes === undefined ? [] : [attributes];
    this.#said = { name, session: undefined, payload: undefined, attributes: given };
  }

  #placed(): Place {
    this.#place ??= placeOf(this.#start, this.#said.session, this.#making);
    return this.#place;
  }

  rename(name: string): void {
    this.#said.name = name;
  }

  set(attributes: SpanAttributes): void {
    this.#said.attributes.push(attributes);
  }

  of(session: SpanSession): void {
    this.#said.session = session;
    this.#said.attributes.push({
      "gen_ai.conversation.id": session.session,
      "aegis.tenant.id": session.tenant,
    });
  }

  payload(payload: JsonObject): void {
    this.#said.payload = payload;
  }

  part(session: SpanSession): TelemetrySpan {
    const { own, parent } = this.#placed();
    const isShared = parent !== undefined || isSame(this.#said.session, session);
    const shared = isShared ? own : undefined;
    const { state } = this.#start;
    const about = { name: "", kind: "internal", parent: shared, state } as const;
    const known = placeOf(about, session, this.#making);
    // Parts are many: what would not be kept is not even listened to.
    if (!known.own.isSampled) return noSpan;
    const part = new Span(about, this.#making, this.#moment, known);
    part.of(session);
    return part;
  }

  traceparent(): string {
    return formatTraceparent(this.#placed().own);
  }

  headers(): Readonly<Record<string, string>> {
    const { own, parent } = this.#placed();
    const state = parent === undefined ? undefined : validTracestate(this.#start.state);
    const traceparent = formatTraceparent(own);
    return state ? { traceparent, tracestate: state } : { traceparent };
  }

  end(error?: string): void {
    const { own, parent } = this.#placed();
    if (this.#isEnded || !own.isSampled) return;
    this.#isEnded = true;
    const [said, making] = [this.#said, this.#making];
    if (error !== undefined) said.attributes.push({ "error.type": error });
    const { startMs, startedMs } = this.#moment;
    const payload = safePayload(said, making);
    making.onEnd({
      own,
      parent,
      state: this.#start.state,
      name: redactWord(said.name, making.names),
      kind: this.#start.kind,
      startMs,
      durationMs: Math.max(0, making.clock.monotonicMs() - startedMs),
      isError: error !== undefined,
      attributes: safeAttributes(said, payload, making),
      payload,
    });
  }
}

function isSame(left: SpanSession | undefined, right: SpanSession): boolean {
  return left?.tenant === right.tenant && left.session === right.session;
}

function placeOf({ parent }: Started, session: SpanSession | undefined, making: Making): Place {
  const traceId =
    parent?.traceId ?? (session === undefined ? making.traceId() : making.sessionTraceId(session));
  const own = { traceId, spanId: making.spanId(), isSampled: making.isSampled(traceId, parent) };
  return { own, parent };
}

type Given = NonNullable<SpanAttributes[string]>;

const ids: ReadonlySet<string> = new Set([
  ...["gen_ai.conversation.id", "aegis.tenant.id", "gen_ai.tool.call.id", "aegis.event.hash"],
]);

/** What we say ourselves. */
const own: ReadonlySet<string> = new Set([
  ...["http.request.method", "http.route", "gen_ai.operation.name"],
]);

/** Redacted only now: what is said and then not kept costs nothing. */
function safePayload({ payload }: Said, { keepsPayloads, names }: Making): JsonObject | undefined {
  if (!keepsPayloads || payload === undefined) return undefined;
  return redact(payload, names) as JsonObject;
}

function safeAttributes(
  { attributes }: Said,
  payload: JsonObject | undefined,
  { sendsPayloads, names }: Making,
): SafeAttributes {
  const safe: SafeAttributes = {};
  for (const given of attributes) {
    for (const name in given) {
      const value = given[name];
      if (value !== undefined) safe[name] = safeValue(name, value, names);
    }
  }
  if (payload !== undefined && sendsPayloads) {
    const text = JSON.stringify(payload.args ?? payload);
    safe["gen_ai.tool.call.arguments"] = text.slice(0, attributeMaxLength);
  }
  return safe;
}

function safeValue(name: string, value: Given, names: KnownNames): string | number | boolean {
  if (typeof value === "number" || typeof value === "boolean") return value;
  const text =
    typeof value === "object" ? value.map(redactText).join(",") : safeText(name, value, names);
  return text.length > attributeMaxLength ? text.slice(0, attributeMaxLength) : text;
}

function safeText(name: string, text: string, names: KnownNames): string {
  if (own.has(name)) return text;
  return ids.has(name) ? redactId(text) : redactWord(text, names);
}
