import { expect, test } from "bun:test";
import { wantsLegacy } from "../../../src/server/http.ts";

const type = "application/vnd.aegis.v0+json";

test.each([
  ["it alone", type, true],
  ["in other letters", "Application/Vnd.Aegis.V0+JSON", true],
  ["among others", `text/html, ${type};q=0.9, */*`, true],
  ["refused", `${type};q=0, application/json`, false],
  ["refused with digits", `${type}; q=0.00`, false],
  ["wanted least of all", `${type};q=0.001`, true],
  ["a longer name", `${type}-seq`, false],
  ["anything", "*/*", false],
  ["nothing", undefined, false],
] as const)("the form of the reference daemon, %s", (_, accept, expected) => {
  const headers = new Headers(accept === undefined ? {} : { Accept: accept });
  expect(wantsLegacy(headers)).toBe(expected);
});
