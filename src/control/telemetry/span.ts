// What the rest of the program knows of telemetry: spans with attributes. What becomes of them is
// in tracer.ts, which alone loads OpenTelemetry; where telemetry is off nothing is loaded.

import type { JsonObject } from "../../model/event.ts";

export type SpanAttributes = Readonly<
  Record<string, string | number | boolean | readonly string[] | undefined>
>;

export interface SpanStart {
  /** As in `execute_tool read_file`. */
  readonly name: string;
  readonly kind: "server" | "client" | "internal";
  /** `traceparent` and `tracestate` as somebody sent them; what is not valid counts as absent. */
  readonly parent?: string | null | undefined;
  readonly state?: string | null | undefined;
  readonly attributes?: SpanAttributes | undefined;
}

export interface SpanSession {
  readonly tenant: string;
  readonly session: string;
}

export interface TelemetrySpan {
  rename(name: string): void;
  /** Undefined values change nothing. Texts are redacted. */
  set(attributes: SpanAttributes): void;
  /** Spans of a session without a parent share a trace. Counts before the first `traceparent`. */
  of(session: SpanSession): void;
  /** What the span is about, redacted: in the file, and elsewhere only where that was asked for. */
  payload(payload: JsonObject): void;
  /**
   * A span for what this one did for one session, from this one's start on. Its child where they
   * share a trace: one that a caller gave, or the session's; else a first one of the session's.
   */
  part(session: SpanSession): TelemetrySpan;
  /** To send on: work that it leads to becomes a child. Empty where telemetry is off. */
  traceparent(): string;
  /** Headers, or variables, for whoever goes on with this. */
  headers(): Readonly<Record<string, string>>;
  /** @param error a short stable code; absent: it went well */
  end(error?: string): void;
}

export interface Telemetry {
  start(start: SpanStart): TelemetrySpan;
  /** Spans that could not be written or sent so far. */
  lost(): number;
  /** Writes and sends what is left; takes seconds at most. */
  stop(): Promise<void>;
}

/** Says nothing to anybody. */
export const noSpan: TelemetrySpan = {
  rename: () => undefined,
  set: () => undefined,
  of: () => undefined,
  payload: () => undefined,
  part: () => noSpan,
  traceparent: () => "",
  headers: () => ({}),
  end: () => undefined,
};

export const noTelemetry: Telemetry = {
  start: () => noSpan,
  lost: () => 0,
  stop: () => Promise.resolve(),
};

/** A span around work; it ends with the work, and says so when that fails. */
export async function withSpan<T>(
  telemetry: Telemetry,
  start: SpanStart,
  work: (span: TelemetrySpan) => Promise<T>,
): Promise<T> {
  const span = telemetry.start(start);
  try {
    const result = await work(span);
    span.end();
    return result;
  } catch (error) {
    span.end(error instanceof Error ? error.name : "error");
    throw error;
  }
}
