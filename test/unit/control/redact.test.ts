// What telemetry may carry away.

import { describe, expect, test } from "bun:test";
import { redact } from "../../../src/control/telemetry/redact.ts";
import type { JsonValue } from "../../../src/model/event.ts";

const hex = "0123456789abcdef0123456789ABCDEF";

const rows: readonly (readonly [string, JsonValue, JsonValue])[] = [
  ["a password", { password: "x" }, { password: "[REDACTED]" }],
  ["a secret of any type", { token: { a: [1] } }, { token: "[REDACTED]" }],
  [
    "a name in other letters",
    { "Api-Key": 1, accessToken: 2 },
    { "Api-Key": "[REDACTED]", accessToken: "[REDACTED]" },
  ],
  ["a name that only contains one", { tokens_used: 5 }, { tokens_used: 5 }],
  ["a mail address", "to a.b+c@example.com now", "to [EMAIL] now"],
  ["telephone numbers", "555-123-4567 (555) 123 4567", "[PHONE] ([PHONE]"],
  ["a long token", `key ${hex}`, "key [TOKEN]"],
  ["no short token", hex.slice(1), hex.slice(1)],
  [
    "inside lists",
    { list: [{ secret: 1 }, "x@example.com", [hex]] },
    { list: [{ secret: "[REDACTED]" }, "[EMAIL]", ["[TOKEN]"]] },
  ],
  ["a name that is one", { "x@example.com": 1 }, { "[EMAIL]": 1 }],
  [
    "nothing else",
    { a: [null, true, 1.5, "text"], b: {} },
    { a: [null, true, 1.5, "text"], b: {} },
  ],
];

describe("redact()", () => {
  test.each(rows)("%s", (_, value, expected) => {
    const before = JSON.stringify(value);
    expect(redact(value)).toEqual(expected);
    expect(JSON.stringify(value)).toBe(before);
  });
});
