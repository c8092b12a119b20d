// Which trace contexts of strangers are believed.

import { describe, expect, test } from "bun:test";
import {
  createSessionTraceIds,
  formatTraceparent,
  parseTraceparent,
  sessionTraceId,
  validTracestate,
} from "../../../src/control/telemetry/trace-context.ts";

const trace = "4bf92f3577b34da6a3ce929d0e0e4736";
const span = "00f067aa0ba902b7";

describe("parseTraceparent()", () => {
  const known = { traceId: trace, spanId: span, isSampled: true };
  const rows: readonly (readonly [string, string, object | undefined])[] = [
    ["its own form", `00-${trace}-${span}-01`, known],
    ["one that is not sampled", `00-${trace}-${span}-00`, { ...known, isSampled: false }],
    ["other flags", `00-${trace}-${span}-03`, known],
    ["a later version with more behind it", `cc-${trace}-${span}-01-what`, known],
    ["a later version without", `cc-${trace}-${span}-01`, known],
    ["more behind this version", `00-${trace}-${span}-01-what`, undefined],
    ["a later version with something glued on", `cc-${trace}-${span}-01.what`, undefined],
    ["no version", `ff-${trace}-${span}-01`, undefined],
    ["capitals", `00-${trace.toUpperCase()}-${span}-01`, undefined],
    ["no trace", `00-${"0".repeat(32)}-${span}-01`, undefined],
    ["no span", `00-${trace}-${"0".repeat(16)}-01`, undefined],
    ["a short trace", `00-${trace.slice(1)}-${span}-01`, undefined],
    ["a line behind it", `00-${trace}-${span}-01\n`, undefined],
    ["a great deal behind a later version", `cc-${trace}-${span}-01-${"x".repeat(600)}`, undefined],
    ["nothing", "", undefined],
  ];
  test.each(rows)("%s", (_, text, expected) => {
    const parsed = parseTraceparent(text);
    expect<object | undefined>(parsed).toEqual(expected);
    if (parsed !== undefined) expect(parseTraceparent(formatTraceparent(parsed))).toEqual(parsed);
  });
});

describe("validTracestate()", () => {
  const rows: readonly (readonly [string, string, string | undefined])[] = [
    ["members", "rojo=00f0, congo=t61r", "rojo=00f0,congo=t61r"],
    ["a tenant's member", "a@b=1", "a@b=1"],
    ["a name in capitals", "Rojo=1", undefined],
    ["no value", "rojo", undefined],
    ["a line break", "rojo=1\r\nX: y", undefined],
    ["too many", Array.from({ length: 33 }, (_, at) => `k${at}=1`).join(), undefined],
  ];
  test.each(rows)("%s", (_, text, expected) => expect(validTracestate(text)).toBe(expected));
});

test("the trace of a session that was met before is the same, whoever else has its name", () => {
  const known = createSessionTraceIds();
  const names = ["s", "t", "", "s".repeat(65), "é\u{1f600}"];
  const sessions = names.flatMap((session) =>
    ["acme", "other", "t".repeat(65)].map((tenant) => ({ tenant, session })),
  );
  const many = Array.from({ length: 2500 }, (_, at) => ({ tenant: "acme", session: `s${at}` }));
  for (const named of [...sessions, ...sessions.toReversed(), ...many, ...sessions, ...many]) {
    expect(known(named)).toBe(sessionTraceId(named));
  }
});
