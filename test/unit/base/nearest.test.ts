import { expect, test } from "bun:test";
import { nearest } from "../../../src/base/nearest.ts";

const known = ["verify", "validate", "query", "session", "sessions", "--policy"];

const rows = [
  { typed: "verfiy", found: "verify" },
  { typed: "sesion", found: "session" },
  { typed: "sessionss", found: "sessions" },
  { typed: "--polcy", found: "--policy" },
  { typed: "qery", found: "query" },
  { typed: "launch", found: undefined },
  { typed: "", found: undefined },
];
for (const { typed, found } of rows) {
  test(`nearest() to ${JSON.stringify(typed)} is ${found ?? "nothing"}`, () => {
    expect(nearest(typed, known)).toBe(found);
  });
}
