import { expect, test } from "bun:test";
import { mintSessionToken, readSessionToken } from "../../../src/control/session-token.ts";

const secret = new Uint8Array(32).fill(7);
const grant = { tenant: "acme", session: "s/1 é", origin: "aegis.local/x", expiresUnixMs: 1000 };
const token = mintSessionToken(grant, secret);

test("a token says what it was minted for, until it expires", () => {
  expect(readSessionToken(token, secret, 999)).toEqual(grant);
  expect(readSessionToken(token, secret, 1000)).toBe("expired");
});

test("no other secret's token is taken", () => {
  const other = new Uint8Array(32).fill(8);
  expect(readSessionToken(mintSessionToken(grant, other), secret, 0)).toBe("forged");
});

test("no token with another character in its place is taken", () => {
  for (let at = 0; at < token.length; at++) {
    const changed = `${token.slice(0, at)}${token[at] === "A" ? "B" : "A"}${token.slice(at + 1)}`;
    const read = readSessionToken(changed, secret, 0);
    // The last of 43 characters has two bits that stand for nothing.
    const isLast = at === token.length - 1;
    if (!isLast) expect(["malformed", "forged"]).toContain(read as string);
  }
});

test.each([
  ["nothing", ""],
  ["a word", "token"],
  ["two parts", token.split(".").slice(0, 2).join(".")],
  ["a fourth part", `${token}.x`],
  ["a line after it", `${token}\n`],
  ["a very long text", `aegis-session.${"A".repeat(100_000)}.${"A".repeat(43)}`],
])("%s is no token", (_, text) => {
  expect(readSessionToken(text, secret, 0)).toBe("malformed");
});
