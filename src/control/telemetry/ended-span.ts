// A span that is over, and what is done with those. Nothing in it is a secret any more.

import type { JsonObject } from "../../model/event.ts";
import type { SpanStart } from "./span.ts";
import type { TraceParent } from "./trace-context.ts";

export type SafeAttributes = Record<string, string | number | boolean>;

/** Names, attributes and payload are redacted. */
export interface EndedSpan {
  readonly own: TraceParent;
  /** As its caller sent it; undefined for the first of a trace. */
  readonly parent: TraceParent | undefined;
  /** `tracestate` as its caller sent it, valid or not. */
  readonly state: string | null | undefined;
  readonly name: string;
  readonly kind: SpanStart["kind"];
  readonly startMs: number;
  readonly durationMs: number;
  readonly isError: boolean;
  readonly attributes: Readonly<SafeAttributes>;
  readonly payload: JsonObject | undefined;
}

export interface SpanSink {
  /** Never waits. */
  add(span: EndedSpan): void;
  /** Spans that could not be written or sent so far. */
  lost(): number;
  /** Writes or sends what is left. */
  stop(): Promise<void>;
}
