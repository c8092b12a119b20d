// The spans of POST /v1/events:batch in a real file: one for the batch, one for each of its events.

import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { systemClock } from "../../../src/base/clock.ts";
import { type AbsPath, resolvePath } from "../../../src/base/paths.ts";
import { sessionTraceId } from "../../../src/control/telemetry/trace-context.ts";
import { createTelemetry } from "../../../src/control/telemetry/tracer.ts";
import { startLocalServer } from "../../support/local-server.ts";
import { tempDir } from "../../support/temp.ts";

type Line = Readonly<Record<string, unknown>>;

const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
const traceparent = `00-${traceId}-00f067aa0ba902b7`;

const proposed = (session: string, more: object = {}) => ({
  tenant_id: "acme",
  session_id: session,
  event_type: "TOOL_CALL_PROPOSED",
  payload: { tool_name: "read_file", call_id: "c1", args: { password: "hunter2" } },
  ...more,
});

/** The span of the batch, and those of its events in their order. */
async function spansOf(
  events: readonly object[],
  headers: Readonly<Record<string, string>> = {},
): Promise<{ readonly batch: Line | undefined; readonly parts: readonly Line[] }> {
  const path = resolvePath(tempDir("traces") as AbsPath, "traces.ndjson");
  const sampler = { isParentBased: true, ratio: 1 };
  const where = { path, otlp: undefined, resource: {} };
  const telemetry = await createTelemetry({ clock: systemClock, sampler, ...where });
  const server = startLocalServer({ telemetry });
  const body = events.map((event) => JSON.stringify(event)).join("\n");
  const url = `http://127.0.0.1:${server.port}/v1/events:batch`;
  const answer = await fetch(url, { method: "POST", body, headers });
  expect([201, 207]).toContain(answer.status);
  await server.stop();
  const text = readFileSync(path, "utf8").trimEnd();
  const lines = text === "" ? [] : text.split("\n").map((line) => JSON.parse(line) as Line);
  return { batch: lines.at(-1), parts: lines.slice(0, -1) };
}

test("an event has its span, a child of the batch's in the trace of their session", async () => {
  const { batch, parts } = await spansOf([proposed("s"), proposed("s")]);
  const trace_id = sessionTraceId({ tenant: "acme", session: "s" });
  expect(batch).toMatchObject({
    ...{ name: "POST /v1/events:batch", kind: "server", trace_id, session_id: "s" },
    attributes: { "aegis.batch.size": 2, "http.response.status_code": 201 },
  });
  expect(parts).toEqual(
    [0, 1].map((seq) => ({
      trace_id,
      span_id: expect.stringMatching(/^[0-9a-f]{16}$/),
      parent_span_id: batch?.span_id,
      name: "execute_tool read_file",
      kind: "internal",
      session_id: "s",
      tenant_id: "acme",
      event_type: "TOOL_CALL_PROPOSED",
      seq,
      ts_unix_ms: batch?.ts_unix_ms,
      duration_ms: expect.any(Number),
      attrs: { tool_name: "read_file", call_id: "c1", args: { password: "[REDACTED]" } },
      attributes: {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "read_file",
        "gen_ai.tool.call.id": "c1",
        "aegis.event.hash": expect.stringMatching(/^[0-9a-f]{64}$/),
      },
    })),
  );
  expect(new Set(parts.map(({ span_id }) => span_id)).size).toBe(2);
});

test("events of several sessions are each in the trace of their own", async () => {
  const { batch, parts } = await spansOf([proposed("a"), proposed("b")]);
  expect(batch).not.toHaveProperty("session_id");
  for (const [at, session] of ["a", "b"].entries()) {
    const trace_id = sessionTraceId({ tenant: "acme", session });
    expect(parts[at]).toMatchObject({ trace_id, session_id: session, seq: 0 });
    expect(parts[at]).not.toHaveProperty("parent_span_id");
  }
});

test("all are below the batch in the trace of a caller that gave one", async () => {
  const { batch, parts } = await spansOf([proposed("a"), proposed("b")], {
    traceparent: `${traceparent}-01`,
  });
  expect(batch).toMatchObject({ trace_id: traceId, parent_span_id: "00f067aa0ba902b7" });
  expect(parts.map(({ session_id }) => session_id)).toEqual(["a", "b"]);
  for (const part of parts) {
    expect(part).toMatchObject({ trace_id: traceId, parent_span_id: batch?.span_id });
  }
});

test("a caller's trace that is not kept has no spans", async () => {
  const unkept = { traceparent: `${traceparent}-00` };
  const { batch, parts } = await spansOf([proposed("a"), proposed("b")], unkept);
  expect([batch, parts]).toEqual([undefined, []]);
});

test("an event that is refused says why, and has no place", async () => {
  const { batch, parts } = await spansOf([proposed("s"), proposed("s", { seq: 7 })]);
  const [stored, refused] = parts;
  expect(batch).toMatchObject({ attributes: { "http.response.status_code": 207 } });
  expect(stored).not.toHaveProperty("status");
  expect(refused).toMatchObject({
    status: "error",
    attributes: { "error.type": "chain_conflict" },
  });
  expect(refused).not.toHaveProperty("seq");
});
