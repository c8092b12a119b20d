// What telemetry may carry away.

import { describe, expect, test } from "bun:test";
import { type KnownNames, redact, redactText } from "../../../src/control/telemetry/redact.ts";
import type { JsonValue } from "../../../src/model/event.ts";

const hex = "0123456789abcdef0123456789ABCDEF";

const r = "[REDACTED]";

/** JSON in a text in JSON, that many times. */
function nested(value: JsonValue, times: number): string {
  const text = JSON.stringify(value);
  return times === 1 ? text : nested(text, times - 1);
}

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
    "the end of a longer name",
    { DB_PASSWORD: "x", page: 1 },
    { DB_PASSWORD: "[REDACTED]", page: 1 },
  ],
  [
    "an option's value",
    ["--api-key", "k", "--user", "me"],
    ["--api-key", "[REDACTED]", "--user", "me"],
  ],
  ["an assignment", "run PASSWORD=hunter2 now", "run PASSWORD=[REDACTED] now"],
  ["JSON inside a text", '{"secret": "a b", "n": 1}', '{"secret": [REDACTED], "n": 1}'],
  ["a header", "Authorization: Basic dXNlcjpwYXNz", "Authorization: [REDACTED]"],
  ["a bearer's token", "with Bearer abc.def-ghi", "with Bearer [TOKEN]"],
  [
    "a password in an address",
    "at https://me:pw!@example.com/x",
    "at https://[REDACTED]@example.com/x",
  ],
  ["an issuer's prefix", "use ghp_0123456789abcdefghij", "use [TOKEN]"],
  ["a JSON web token", "eyJhbGciOiJIUzI1NiJ9.e30.c2ln x", "[TOKEN] x"],
  [
    "a private key",
    "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\nrest",
    "[TOKEN]\nrest",
  ],
  ["a number of another country", "+49 170 1234567", "[PHONE]"],
  ["an address of other letters", "an jörg@münchen.de", "an [EMAIL]"],
  ["several of them", { api_keys: ["k"], passwords: { a: "p" } }, { api_keys: r, passwords: r }],
  [
    "texts that are tokens, and no counts",
    { tokens: ["t"], n_tokens: 5 },
    { tokens: r, n_tokens: 5 },
  ],
  [
    "a pass that is a text",
    { pass: "x", db_pass: "y", bypass: "z" },
    { pass: r, db_pass: r, bypass: "z" },
  ],
  [
    "a quote inside a value",
    String.raw`{"password": "a\"b c", "n": 1}`,
    `{"password": ${r}, "n": 1}`,
  ],
  ["JSON in JSON", nested({ password: 'a"b c' }, 2), nested({ password: 0 }, 2).replace("0", r)],
  [
    "JSON in JSON in JSON",
    nested({ password: "a b" }, 3),
    nested({ password: 0 }, 3).replace("0", r),
  ],
  ["a value that was cut", '{"password": "a b', `{"password": ${r}`],
  [
    "a list of them in a text",
    '{"passwords": ["a b", "c"], "n": 1}',
    `{"passwords": ${r}, "n": 1}`,
  ],
  ["another language's assignment", "password => 'a b', n := 1", `password => ${r}, n := 1`],
  ["three quotes", 'password = """a"b""" n', `password = ${r} n`],
  ["an element", "<db.password>a b</db.password>", `<db.password>${r}</db.password>`],
  [
    "an option in a text",
    "psql --password 'a b' --max-tokens 5",
    `psql --password ${r} --max-tokens 5`,
  ],
  ["an option without a value", "login --password-stdin x", "login --password-stdin x"],
  [
    "a connection's parameters",
    "Uid=sa;Pwd=a;AccountKey=b==;n=1",
    `Uid=sa;Pwd=${r};AccountKey=${r};n=1`,
  ],
  ["a cookie", "Set-Cookie: sid=a; Path=/", `Set-Cookie: ${r}`],
  ["an @ in a password", "at ftp://me:p@w@example.com/x", `at ftp://${r}@example.com/x`],
  [
    "an encrypted private key",
    "-----BEGIN RSA PRIVATE KEY-----\nDEK-Info: AES-128-CBC,A\n\nMIIE\n-----END RSA PRIVATE KEY-----\nrest",
    "[TOKEN]\nrest",
  ],
  [
    "a private key of PGP",
    "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nlQOY\n=ab\n-----END PGP PRIVATE KEY BLOCK-----",
    "[TOKEN]",
  ],
  [
    "other hyphens and spaces",
    "555\u2011123\u20114567, +49\u00a0170\u00a01234567",
    "[PHONE], [PHONE]",
  ],
  [
    "nothing else",
    { a: [null, true, 1.5, "text"], b: {} },
    { a: [null, true, 1.5, "text"], b: {} },
  ],
];

describe("redact()", () => {
  test("takes names for what they were before, however many there were", () => {
    const names: KnownNames = new Map();
    const value = { password: "x", "a@example.com": 1, path: "/data", ["n".repeat(100)]: 2 };
    const expected = redact(value);
    for (let round = 0; round < 3; round++) {
      expect(redact(value, names)).toEqual(expected);
      for (let at = 0; at < 700; at++) redact({ [`name ${round} ${at}`]: 1 }, names);
    }
    expect(names.size).toBeLessThanOrEqual(1000);
  });

  test("gives on what says nothing, and copies no more than the way to what does", () => {
    const quiet = { a: [1, "text"], b: { c: "x" } };
    expect(redact(quiet)).toBe(quiet);
    const value = { quiet, list: ["/data", { mail: "a@example.com" }], last: "z" };
    const shown = redact(value) as typeof value;
    expect(shown).toEqual({ ...value, list: ["/data", { mail: "[EMAIL]" }] });
    expect(Object.keys(shown)).toEqual(Object.keys(value));
    expect(shown.quiet).toBe(quiet);
  });

  test.each(rows)("%s", (_, value, expected) => {
    const before = JSON.stringify(value);
    expect(redact(value)).toEqual(expected);
    expect(JSON.stringify(value)).toBe(before);
  });
});

test("what is too much is left out whole, and takes no time", () => {
  const long = "a".repeat(1 << 20);
  expect(redact({ long, after: "x" })).toEqual({ long: "[OMITTED]", "[OMITTED]": "[OMITTED]" });
  const many = redact(Array.from({ length: 100_000 }, () => 1));
  expect(many).toHaveLength(4096);
});

const hostile: readonly (readonly [string, string])[] = [
  ["many letters before no @", "a".repeat(60_000)],
  ["many letters behind an @", `@${"a".repeat(60_000)}`],
  ["many @", "a@".repeat(30_000)],
  ["many dots behind an @", `a@${"a.".repeat(30_000)}`],
  ["many starts of a web token", "eyJ-".repeat(15_000)],
  ["many starts of a key", "-----BEGIN PRIVATE KEY-----".repeat(2000)],
  ["many names of secrets", 'secret="'.repeat(7000)],
  ["many names of secrets in texts in texts", 'secret=\\\\\\"'.repeat(5000)],
  ["many options", "--password ".repeat(6000)],
  ["many hyphens", "-a".repeat(30_000)],
  ["many elements", "<password>".repeat(6000)],
  ["many spaces behind a name", `token${" ".repeat(60_000)}`],
  ["many digits", "+1 ".repeat(20_000)],
  ["much hexadecimal", `${"f".repeat(60_000)}g`],
  ["many schemes", "a://".repeat(15_000)],
];
test.each(hostile)("%s take linear time", (_, text) => {
  // Of this process, whatever else the machine is busy with.
  const before = process.cpuUsage();
  redactText(text);
  expect(process.cpuUsage(before).user).toBeLessThan(1_000_000);
});
