// Which signatures of tool policies are taken, and which keys.

import { describe, expect, test } from "bun:test";
import { generateKeyPairSync } from "node:crypto";
import { readBundle } from "../../../src/control/decide/bundle.ts";
import { readBundleKey, requireSigned } from "../../../src/control/decide/bundle-signature.ts";
import { ecKey, type ListedFile, secret, signedBundle } from "../../support/signed-bundle.ts";
import { type TarEntry, tarGz } from "../../support/tar.ts";

const module = { path: "/policy.wasm", content: new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]) };
const data = { path: "/a/data.json", content: '{"b":{"é":1.50,"\\u2028":"<&>"},"n":1e3}' };
const entries: readonly TarEntry[] = [module, data];
const own = ecKey();

function key(text: string) {
  return readBundleKey(new TextEncoder().encode(text), (why) => new Error(why));
}

function read(bytes: Uint8Array, pem = own.pem, scope = "") {
  return readBundle(bytes, (files) => requireSigned(files, key(pem), scope));
}

describe("a signed bundle", () => {
  test.each([
    ["ES256", own.pem, own.key],
    ["HS256", secret, secret],
  ] as const)("is taken by its key: %s", async (_, pem, signer) => {
    const bundle = await read(signedBundle(entries, signer), pem);
    expect(bundle).toMatchObject({
      wasm: module.content,
      data: { a: { n: 1000 } },
      isSigned: true,
    });
  });

  test("may write its data otherwise, not other data", async () => {
    const spaced = {
      path: data.path,
      content: '{ "n": 1e3, "b": {"\\u2028":"\\u003c&>", "é": 1.50} }',
    };
    const sorted = { path: data.path, content: '{"b":{"é":1.50,"\\u2028":"<&>"},"n":1e3}' };
    const signed = { signed: [module, sorted] };
    await read(signedBundle([module, spaced], own.key, signed));
    const other = { path: data.path, content: '{"b":{"é":1.5,"\\u2028":"<&>"},"n":1e3}' };
    await expect(read(signedBundle([module, other], own.key, signed))).rejects.toThrow(
      '"a/data.json" is not what was signed',
    );
  });

  test("is for its scope alone", async () => {
    const scoped = signedBundle(entries, own.key, { claims: { scope: "write", iat: 1 } });
    await read(scoped, own.pem, "write");
    await expect(read(scoped)).rejects.toThrow('the scope "write", not for ""');
    const plain = signedBundle(entries, own.key);
    await expect(read(plain, own.pem, "write")).rejects.toThrow('the scope "", not for "write"');
  });

  test("is not looked at where nobody asks for a key", async () => {
    const bundle = await readBundle(signedBundle(entries, ecKey().key));
    expect(bundle.isSigned).toBeTrue();
    expect((await readBundle(tarGz(entries))).isSigned).toBeFalse();
  });
});

const first = (files: readonly ListedFile[], changes: object): readonly unknown[] =>
  files.map((file, at) => (at === 0 ? { ...file, ...changes } : file));
const bad: readonly (readonly [string, Uint8Array<ArrayBuffer>, string])[] = [
  ["a module alone", module.content, "it is a module alone"],
  ["no signature", tarGz(entries), "it has no .signatures.json"],
  ["another key's signature", signedBundle(entries, ecKey().key), "the key did not sign it"],
  [
    "the public key taken for a secret",
    signedBundle(entries, own.pem),
    'signed by "HS256", and the key is for ES256',
  ],
  [
    "no algorithm",
    signedBundle(entries, own.key, {
      content: (token) => {
        const none = Buffer.from('{"alg":"none"}').toString("base64url");
        return JSON.stringify({ signatures: [`${none}.${token.split(".")[1]}.AA`] });
      },
    }),
    'signed by "none"',
  ],
  [
    "a payload that was changed afterwards",
    signedBundle(entries, own.key, {
      content: (token) => {
        const [header, , signature] = token.split(".");
        const files = Buffer.from('{"files":[]}').toString("base64url");
        return JSON.stringify({ signatures: [`${header}.${files}.${signature}`] });
      },
    }),
    "the key did not sign it",
  ],
  [
    "two tokens",
    signedBundle(entries, own.key, {
      content: (token) => JSON.stringify({ signatures: [token, token] }),
    }),
    "has to hold one token",
  ],
  [
    "what is no token",
    signedBundle(entries, own.key, { content: () => '{"signatures":["a.b"]}' }),
    "is none",
  ],
  ["what is no JSON", signedBundle(entries, own.key, { content: () => "{" }), "is none"],
  [
    "a plugin's signature",
    signedBundle(entries, own.key, {
      content: (token) => JSON.stringify({ signatures: [token], plugin: "mine" }),
    }),
    'only the plugin "mine"',
  ],
  [
    "a signature in a folder as well",
    signedBundle([...entries, { path: "a/.signatures.json", content: "{}" }], own.key),
    "more than one .signatures.json",
  ],
  [
    "a file that is not signed",
    signedBundle(entries, own.key, { listed: (files) => files.slice(1) }),
    '"policy.wasm" is not among the signed files',
  ],
  [
    "a signed file that is not there",
    signedBundle(entries, own.key, { signed: [...entries, { path: "b.rego" }] }),
    '"b.rego" was signed and is not in it',
  ],
  [
    "a file that was changed",
    signedBundle(entries, own.key, { listed: (files) => first(files, { hash: "00" }) }),
    '"policy.wasm" is not what was signed',
  ],
  [
    "a file signed twice",
    signedBundle(entries, own.key, { listed: (files) => [...files, ...files] }),
    'the token has "policy.wasm" twice',
  ],
  [
    "a hash that can be made to fit",
    signedBundle(entries, own.key, { listed: (files) => first(files, { algorithm: "MD5" }) }),
    'signed by the hash "MD5"',
  ],
  [
    "data that two readers understand differently",
    signedBundle([module, { path: "data.json", content: '{"a":1,"a":2}' }], own.key),
    '"data.json" has no one reading',
  ],
];
test.each(bad)("a bundle with %s is not taken", async (_, bytes, why) => {
  await expect(read(bytes)).rejects.toMatchObject({
    code: "policy/invalid",
    message: expect.stringContaining(why),
  });
});

describe("a key", () => {
  const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 1024 });
  const spki = { type: "spki", format: "pem" } as const;
  const ed25519 = generateKeyPairSync("ed25519").publicKey.export(spki).toString();
  test.each([
    ["a short secret", "secret", "at least 32 bytes, and it has 6"],
    [
      "a private key",
      privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
      "it is a private key",
    ],
    ["a short RSA key", publicKey.export(spki).toString(), "2048 bits, and it has 1024"],
    ["an Ed25519 key", ed25519, "neither RSA nor ECDSA"],
    ["a curve that JWTs do not know", ecKey("P-224").pem, "neither RSA nor ECDSA"],
    [
      "what only looks like one",
      "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
      "no public key",
    ],
  ])("is not %s", (_, text, why) => {
    expect(() => key(text)).toThrow(why);
  });

  test.each([
    ["P-384", ["ES384"]],
    ["P-521", ["ES512"]],
  ])("on %s is for its own algorithm", (curve, algorithms) => {
    expect(key(ecKey(curve).pem)).toMatchObject({ kind: "ec", algorithms });
  });
});
