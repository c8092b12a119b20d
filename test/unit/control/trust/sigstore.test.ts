// Sigstore bundles against a Sigstore of the tests' own: one that is right, and every way of being
// wrong with its own reason.

import { expect, test } from "bun:test";
import { type Identity, verifyBundle } from "../../../../src/control/trust/sigstore.ts";
import type { JsonObject } from "../../../../src/model/event.ts";
import { type BundleWish, newKey, ownSigstore } from "../../../support/sigstore.ts";

const bytes = new TextEncoder().encode('{"name":"skill"}');
const signer: Identity = {
  identity: "release@acme.example",
  issuer: "https://accounts.example",
};
const sigstore = ownSigstore();

function check(change: Partial<BundleWish> = {}, root: JsonObject = sigstore.trustRoot) {
  return verifyBundle(sigstore.bundle({ bytes, ...signer, ...change }), bytes, root);
}

test("a bundle says who signed, by e-mail address and by address of a workflow", () => {
  expect(check()).toEqual({ ok: true, value: signer });
  const identity = "https://github.com/acme/skill/.github/workflows/release.yml@refs/tags/v1";
  expect(check({ identity })).toEqual({ ok: true, value: { ...signer, identity } });
});

const wrong: readonly (readonly [string, Partial<BundleWish>, string])[] = [
  [
    "content other than the one that was signed",
    { bytes: new TextEncoder().encode('{"name":"skilL"}') },
    "the signature: signature verification failed",
  ],
  [
    "a certificate that had run out when it was logged",
    { certificateUntil: new Date("2026-03-01T11:59:59Z") },
    "the certificate: Failed to verify certificate chain (certificate is not valid or expired at the specified date)",
  ],
  [
    "a time that nobody vouches for",
    { promise: false },
    "no trusted time: expected 1 timestamps, got 0",
  ],
  [
    "a transparency log with another key",
    { logKey: newKey() },
    "the transparency log's promise: inclusion promise could not be verified",
  ],
  ["a certificate that no log saw", { sct: false }, "the certificate: expected 1 SCTs, got 0"],
];
test.each(wrong)("%s is refused with its own reason", (_, change, reason) => {
  expect(check(change)).toEqual({ ok: false, error: reason });
});

test("another trust root knows neither the authority nor the logs", () => {
  expect(check({}, ownSigstore().trustRoot)).toEqual({
    ok: false,
    error: "the certificate: Failed to verify certificate chain (no valid certificate path found)",
  });
});

const emptied = ["certificateAuthorities", "ctlogs", "tlogs"] as const;
test.each(emptied)("a trust root without %s trusts nothing", (name) => {
  const verdict = check({}, { ...sigstore.trustRoot, [name]: [] });
  expect(verdict.ok).toBeFalse();
});

const unreadable: readonly (readonly [string, unknown])[] = [
  ["nothing", {}],
  ["a list", []],
  ["a text", "bundle"],
  ["no certificate", { ...sigstore.bundle({ bytes, ...signer }), verificationMaterial: {} }],
];
test.each(unreadable)("a bundle that is %s is refused and nothing is thrown", (_, bundle) => {
  const verdict = verifyBundle(bundle as JsonObject, bytes, sigstore.trustRoot);
  expect(verdict.ok).toBeFalse();
});

test("a trust root that is none is named as such", () => {
  expect(check({}, { tlogs: "x" })).toEqual({
    ok: false,
    error: "the trust root cannot be read: it is no trusted_root.json",
  });
});

test("every byte of a bundle that says something about the signer counts", () => {
  const good = JSON.stringify(sigstore.bundle({ bytes, ...signer }));
  let checked = 0;
  const encoded = /[A-Za-z0-9+/]{40,}/g;
  for (let found = encoded.exec(good); found !== null; found = encoded.exec(good)) {
    const at = found.index + Math.floor(found[0].length / 2);
    const flipped = good[at] === "A" ? "B" : "A";
    const changed = `${good.slice(0, at)}${flipped}${good.slice(at + 1)}`;
    const verdict = verifyBundle(JSON.parse(changed) as JsonObject, bytes, sigstore.trustRoot);
    checked++;
    if (!verdict.ok) continue;
    // The proof's own copy of the root is not what is compared: the signed checkpoint is.
    expect(good.slice(found.index - 12, found.index)).toContain("rootHash");
  }
  expect(checked).toBeGreaterThan(6);
});
