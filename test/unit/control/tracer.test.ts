// Spans into a real file: what a line says, how the file turns over, what is lost.

import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { systemClock } from "../../../src/base/clock.ts";
import { absPath } from "../../../src/base/paths.ts";
import { withSpan } from "../../../src/control/telemetry/span.ts";
import { sessionTraceId } from "../../../src/control/telemetry/trace-context.ts";
import { openTraceFile } from "../../../src/control/telemetry/trace-file.ts";
import { createTelemetry } from "../../../src/control/telemetry/tracer.ts";
import { tempDir } from "../../support/temp.ts";

function place(): { readonly path: NonNullable<ReturnType<typeof absPath>> } {
  const path = absPath(`${tempDir("traces")}/traces.ndjson`);
  if (path === undefined) throw new Error("no path");
  return { path };
}

const linesIn = (path: string): readonly Record<string, unknown>[] =>
  readFileSync(path, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);

function open(ratio = 1) {
  const { path } = place();
  const sampler = { isParentBased: true, ratio };
  const options = { clock: systemClock, path, otlp: undefined, sampler, resource: {} };
  return { path, telemetry: createTelemetry(options) };
}

describe("withSpan()", () => {
  test("ends with the work, and tells its children where they belong", async () => {
    const { path, telemetry: opening } = open();
    const telemetry = await opening;
    const start = { name: "invoke_agent", kind: "internal" } as const;
    const result = await withSpan(telemetry, start, async (outer) => {
      outer.of({ tenant: "acme", session: "s" });
      const { traceparent: parent } = outer.headers();
      return withSpan(telemetry, { name: "chat", kind: "client", parent }, async () => 7);
    });
    expect(result).toBe(7);
    await telemetry.stop();
    const [inner, outer] = linesIn(path);
    expect(outer).toMatchObject({ name: "invoke_agent", kind: "internal", tenant_id: "acme" });
    expect(outer?.trace_id).toBe(sessionTraceId({ tenant: "acme", session: "s" }));
    expect(inner).toMatchObject({ trace_id: outer?.trace_id, parent_span_id: outer?.span_id });
    expect(outer).not.toHaveProperty("status");
  });

  test("says that the work failed, and lets the error through", async () => {
    const { path, telemetry: opening } = open();
    const telemetry = await opening;
    const work = () => Promise.reject(new RangeError("with me@example.com"));
    await expect(withSpan(telemetry, { name: "x", kind: "internal" }, work)).rejects.toThrow();
    await telemetry.stop();
    const [line] = linesIn(path);
    expect(line).toMatchObject({ status: "error", attributes: { "error.type": "RangeError" } });
    expect(JSON.stringify(line)).not.toContain("example.com");
  });

  test("keeps no payload where payloads are a secret", async () => {
    const { path } = place();
    const sampler = { isParentBased: true, ratio: 1 };
    const options = { clock: systemClock, path, otlp: undefined, sampler, resource: {} };
    for (const keepsPayloads of [true, false]) {
      const telemetry = await createTelemetry({ ...options, keepsPayloads });
      await withSpan(telemetry, { name: "x", kind: "internal" }, async (span) => {
        span.payload({ tool_name: "exec" });
      });
      await telemetry.stop();
    }
    const [kept, left] = linesIn(path);
    expect(kept?.attrs).toEqual({ tool_name: "exec" });
    expect(left).not.toHaveProperty("attrs");
  });

  test("of a part of all traces leaves lines, of the same ones wherever the ratio is the same", async () => {
    const kept: string[][] = [];
    for (let service = 0; service < 2; service++) {
      const { path, telemetry: opening } = open(0.5);
      const telemetry = await opening;
      for (let at = 0; at < 200; at++) {
        const span = telemetry.start({ name: "x", kind: "internal" });
        span.of({ tenant: "acme", session: `s${at}` });
        span.end();
      }
      await telemetry.stop();
      kept.push(linesIn(path).map(({ session_id }) => String(session_id)));
    }
    expect(kept[0]).toEqual(kept[1]);
    expect(kept[0]?.length).toBeWithin(70, 130);
  });

  test("is sampled as its caller's was, and ends once", async () => {
    const { path, telemetry: opening } = open(0);
    const telemetry = await opening;
    for (const flags of ["00", "01"]) {
      const parent = `00-${"a".repeat(32)}-${"b".repeat(16)}-${flags}`;
      const span = telemetry.start({ name: flags, kind: "internal", parent });
      expect(span.traceparent()).toEndWith(`-${flags}`);
      span.end();
      span.end();
    }
    await telemetry.stop();
    expect(linesIn(path)).toEqual([expect.objectContaining({ name: "01" })]);
  });

  test("cuts long attributes, and takes secrets out of all of them", async () => {
    const { path, telemetry: opening } = open();
    const telemetry = await opening;
    const span = telemetry.start({ name: "x", kind: "internal", attributes: { n: undefined } });
    span.set({ long: "ab ".repeat(3000), mail: "me@example.com", list: ["a", "b@example.com"] });
    span.set({ mail: undefined, count: 3 });
    span.end();
    await telemetry.stop();
    const attributes = { long: "ab ".repeat(3000).slice(0, 4096), mail: "[EMAIL]" };
    expect(linesIn(path)[0]?.attributes).toEqual({ ...attributes, list: "a,[EMAIL]", count: 3 });
  });

  test("of a trace that is not sampled leaves nothing", async () => {
    const { path, telemetry: opening } = open(0);
    const telemetry = await opening;
    await withSpan(telemetry, { name: "x", kind: "internal" }, async () => 1);
    await telemetry.stop();
    expect(readFileSync(path, "utf8")).toBe("");
  });
});

describe("openTraceFile()", () => {
  test("begins a new file beyond the bound and keeps the one before, for its owner alone", () => {
    const { path } = place();
    const line = "x".repeat(99);
    const file = openTraceFile(path, 250_000);
    for (let at = 0; at < 4000; at++) file.write(line);
    file.close();
    const [now, before] = [statSync(path), statSync(`${path}.1`)];
    expect(now.size + before.size).toBe(400_000);
    expect(before.size).toBeLessThanOrEqual(250_000);
    expect([now.mode & 0o777, before.mode & 0o777]).toEqual([0o600, 0o600]);
    expect(file.lost()).toBe(0);
  });

  test("goes on after what is there", () => {
    const { path } = place();
    for (const line of ["one", "two"]) {
      const file = openTraceFile(path);
      file.write(line);
      file.close();
    }
    expect(readFileSync(path, "utf8")).toBe("one\ntwo\n");
  });

  test("counts lines that it cannot write, and goes on when it can again", () => {
    const { path } = place();
    const folder = path.slice(0, path.lastIndexOf("/"));
    const file = openTraceFile(path, 1000);
    const piece = "x".repeat(70_000);
    file.write(piece);
    renameSync(folder, `${folder}-gone`);
    file.write(piece);
    expect(file.lost()).toBe(1);
    renameSync(`${folder}-gone`, folder);
    file.write(piece);
    file.close();
    expect(file.lost()).toBe(1);
    expect(existsSync(`${path}.1`)).toBe(true);
    rmSync(path);
  });
});
