// Which trace a box is told it belongs to.

import { describe, expect, test } from "bun:test";
import { traceVariables } from "../../../../src/app/launch/trace-variables.ts";
import {
  parseTraceparent,
  sessionTraceId,
} from "../../../../src/control/telemetry/trace-context.ts";

const trace = "4bf92f3577b34da6a3ce929d0e0e4736";
const span = "00f067aa0ba902b7";
const TRACEPARENT = `00-${trace}-${span}-01`;
const collector = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:4318" };

const contextIn = (own: Readonly<Record<string, string>>) => parseTraceparent(own.TRACEPARENT);

describe("traceVariables()", () => {
  test("goes on with the trace it was given, as a new span each time", () => {
    const environment = { TRACEPARENT, TRACESTATE: "a=1", PATH: "/bin" };
    const first = traceVariables(environment, [], undefined);
    const second = traceVariables(environment, [], "acme/s");
    for (const { own, parent, removed } of [first, second]) {
      expect(contextIn(own)).toMatchObject({ traceId: trace, isSampled: true });
      expect(own.TRACESTATE).toBe("a=1");
      expect(parent).toEqual({ PATH: "/bin" });
      expect(removed).toEqual([]);
    }
    const spans = [first, second].map(({ own }) => contextIn(own)?.spanId);
    expect(new Set([...spans, span]).size).toBe(3);
  });

  test("keeps a trace that is not sampled unsampled", () => {
    const { own } = traceVariables(
      { TRACEPARENT: TRACEPARENT.replace(/01$/, "00") },
      [],
      undefined,
    );
    expect(contextIn(own)).toMatchObject({ traceId: trace, isSampled: false });
  });

  test("starts one where spans are sent, the session's own where there is one", () => {
    const free = traceVariables(collector, [], undefined);
    expect(contextIn(free.own)?.isSampled).toBeTrue();
    const joined = traceVariables(collector, [], "acme/a/b");
    const session = { tenant: "acme", session: "a/b" };
    expect(contextIn(joined.own)?.traceId).toBe(sessionTraceId(session));
  });

  const none: readonly (readonly [string, Readonly<Record<string, string>>])[] = [
    ["nobody collects", { BAGGAGE: "user=me" }],
    ["telemetry is disabled", { ...collector, OTEL_SDK_DISABLED: "TRUE" }],
    ["traces go nowhere", { ...collector, OTEL_TRACES_EXPORTER: "none" }],
    ["what came in is no trace", { TRACEPARENT: "00-zz", TRACESTATE: "a=1" }],
  ];
  test.each(none)("starts none where %s", (_, environment) => {
    expect(traceVariables(environment, [], undefined).own).toEqual({});
  });

  test("keeps out what came in and is not passed on, unless it was granted", () => {
    const environment = { TRACEPARENT: "00-zz", TRACESTATE: "?", BAGGAGE: "user=me" };
    const { parent, removed } = traceVariables(environment, [], undefined);
    expect([parent, removed]).toEqual([{}, ["TRACEPARENT", "TRACESTATE", "BAGGAGE"]]);
    const granted = traceVariables(environment, [{ name: "BAGGAGE", value: undefined }], undefined);
    expect(granted.parent).toEqual({ BAGGAGE: "user=me" });
    expect(granted.removed).toEqual(["TRACEPARENT", "TRACESTATE"]);
  });
});
