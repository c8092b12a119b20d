// Signing a manifest, and judging it: everything that is not exactly what was signed, by whom the
// allow-list names, is refused in prod with its own reason.

import { describe, expect, test } from "bun:test";
import {
  chmodSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { bytesToSign, makeSigningKey, signManifest } from "../../../../src/app/manifest/sign.ts";
import { requireTrustedText, verifyManifest } from "../../../../src/app/manifest/trust.ts";
import { AegisError } from "../../../../src/base/errors.ts";
import { type AbsPath, resolvePath } from "../../../../src/base/paths.ts";
import { signedBytes } from "../../../../src/control/trust/signed-bytes.ts";
import type { JsonObject } from "../../../../src/model/event.ts";
import { absolute, type SignedFolder, signedFolder } from "../../../support/manifests.ts";
import { ownSigstore } from "../../../support/sigstore.ts";

async function judge(path: AbsPath, trust: AbsPath | undefined, mode: "dev" | "prod" = "prod") {
  try {
    return await requireTrustedText(path, readFileSync(path, "utf8"), { mode, file: trust });
  } catch (error) {
    if (error instanceof AegisError) return error.message;
    throw error;
  }
}

test.each([false, true])("a signed manifest is trusted; detached: %s", async (detached) => {
  const { manifest, trust } = await signedFolder({ detached });
  expect(await judge(manifest, trust)).toEqual([]);
  expect(await judge(manifest, trust, "dev")).toEqual([]);
  expect(statSync(manifest).mode & 0o777).toBe(0o644);
});

test("neither spacing nor the order of members is signed, every value is", async () => {
  const { manifest, trust, json } = await signedFolder();
  const reversed = Object.fromEntries(Object.entries(json()).reverse());
  writeFileSync(manifest, JSON.stringify(reversed, undefined, "\t"));
  expect(await judge(manifest, trust)).toEqual([]);
});

const refused: readonly (readonly [
  string,
  (signed: SignedFolder) => void | Promise<void>,
  RegExp,
])[] = [
  [
    "no signature",
    ({ edit }) => edit((json) => delete (json.integrity as Record<string, unknown>).signature),
    /^manifest: prod mode requires a cosign signature$/,
  ],
  [
    "another publisher",
    ({ edit }) => edit((json) => Object.assign(json, { publisher: "mallory" })),
    /^manifest: publisher "mallory" not in allowlist$/,
  ],
  [
    "a tool more",
    ({ edit }) => edit((json) => Object.assign(json, { permissions: { tools: ["exec"] } })),
    /^manifest: signature: it is not key [0-9a-f]{16}'s for this content$/,
  ],
  [
    "a member nobody reads",
    ({ edit }) => edit((json) => Object.assign(json, { more: 1 })),
    /^manifest: signature: it is not key/,
  ],
  [
    "a key that the allow-list does not have",
    async ({ manifest, folder }) => {
      const other = resolvePath(folder, "../other.pem");
      await makeSigningKey(other);
      await signManifest(manifest, other, false);
    },
    /^manifest: signature: key [0-9a-f]{16} may not sign for "acme"$/,
  ],
  [
    "a changed file",
    ({ folder }) => writeFileSync(`${folder}/tool.py`, "print(2)\n"),
    /^manifest: integrity: tool.py: hash mismatch/,
  ],
  [
    "a missing file",
    ({ folder }) => rmSync(`${folder}/tool.py`),
    /^manifest: integrity: tool.py: missing$/,
  ],
  [
    "a link in the place of a file",
    ({ folder }) => {
      renameSync(`${folder}/tool.py`, `${folder}/../tool.py`);
      symlinkSync("../tool.py", `${folder}/tool.py`);
    },
    /^manifest: integrity: tool.py: is a link$/,
  ],
  [
    "a signature outside the folder",
    ({ edit }) => edit((json) => Object.assign(json.integrity as object, { signature: "../sig" })),
    /^manifest: signature: the path leaves the folder$/,
  ],
  [
    "a signature that is not there",
    ({ edit }) => edit((json) => Object.assign(json.integrity as object, { signature: "a.sig" })),
    /^manifest: signature: a.sig: missing$/,
  ],
  [
    "a signature that is a link",
    ({ edit, folder }) => {
      symlinkSync("tool.py", `${folder}/a.sig`);
      edit((json) => Object.assign(json.integrity as object, { signature: "a.sig" }));
    },
    /^manifest: signature: a.sig: is a link$/,
  ],
  [
    "a signature that is none",
    ({ edit }) => edit((json) => Object.assign(json.integrity as object, { signature: "tool.py" })),
    /^manifest: signature: tool.py: it is neither a Sigstore bundle nor an Ed25519 signature$/,
  ],
  [
    "a signature that was cut",
    ({ edit, json }) => {
      const { signature } = json().integrity as { signature: string };
      const cut = { signature: signature.slice(0, -8) };
      edit((whole) => Object.assign(whole.integrity as object, cut));
    },
    /^manifest: signature: it does not hold 64 bytes in base64$/,
  ],
  [
    "a member given twice",
    ({ manifest }) =>
      writeFileSync(manifest, readFileSync(manifest, "utf8").replace("{", '{"name":"skill",')),
    /^manifest: decode: /,
  ],
];
describe("prod refuses", () => {
  test.each(refused)("%s", async (_, spoil, message) => {
    const signed = await signedFolder();
    await spoil(signed);
    expect(await judge(signed.manifest, signed.trust)).toMatch(message);
  });

  test("to start without an allow-list, or with one that others may change", async () => {
    const { manifest, trust } = await signedFolder();
    expect(await judge(manifest, undefined)).toBe(
      "manifest: prod mode requires an allow-list (--trust FILE)",
    );
    expect(await judge(manifest, resolvePath(trust, "../none.json"))).toMatch(/ENOENT/);
    chmodSync(trust, 0o666);
    expect(await judge(manifest, trust)).toMatch(/others may change it$/);
  });
});

const lists: readonly (readonly [string, unknown, RegExp])[] = [
  ["no JSON", "{", /it is no JSON text$/],
  ["nobody", { signers: [] }, /signers/],
  ["an unknown member", { signers: [{ publisher: "acme", ed25519: "A", more: 1 }] }, /signers\.0/],
  ["a short key", { signers: [{ publisher: "acme", ed25519: "AAAA" }] }, /is no key: 32 bytes/],
  [
    "an identity without an issuer",
    { signers: [{ publisher: "acme", identity: "a@b" }], sigstore_root: "r" },
    /signers\.0/,
  ],
  [
    "an identity without a trust root",
    { signers: [{ publisher: "acme", identity: "a@b", issuer: "c" }] },
    /identities need sigstore_root/,
  ],
  [
    "a trust root that is not there",
    { signers: [{ publisher: "acme", identity: "a@b", issuer: "c" }], sigstore_root: "r.json" },
    /r\.json": ENOENT/,
  ],
];
test.each(lists)("an allow-list with %s trusts nobody", async (_, content, message) => {
  const { manifest, trust } = await signedFolder();
  writeFileSync(trust, typeof content === "string" ? content : JSON.stringify(content));
  expect(await judge(manifest, trust)).toMatch(message);
});

test("dev goes on with a warning, and says more where it has an allow-list", async () => {
  const { manifest, trust } = await signedFolder({ sign: false });
  expect(await judge(manifest, undefined, "dev")).toEqual([
    'manifest "skill": its signature was not checked: trust mode dev, and no allow-list',
  ]);
  expect(await judge(manifest, trust, "dev")).toEqual([
    "manifest: prod mode requires a cosign signature; trust mode dev goes on",
  ]);
});

describe("a Sigstore bundle beside the manifest", () => {
  const signer = { identity: "release@acme.example", issuer: "https://accounts.example" };
  const sigstore = ownSigstore();

  async function withBundle(
    { manifest, folder, trust, edit, json }: SignedFolder,
    list: object = { publisher: "acme", ...signer },
    root: JsonObject | undefined = sigstore.trustRoot,
  ) {
    const file = "aegis-manifest.sigstore.json";
    edit((whole) => Object.assign(whole.integrity as object, { signature: file }));
    const bytes = signedBytes(json() as JsonObject);
    writeFileSync(`${folder}/${file}`, JSON.stringify(sigstore.bundle({ bytes, ...signer })));
    if (root !== undefined) writeFileSync(`${folder}/../root.json`, JSON.stringify(root));
    const content = { signers: [list], sigstore_root: "root.json" };
    writeFileSync(trust, JSON.stringify(content));
    return judge(manifest, trust);
  }

  test("is trusted for the identity that the allow-list names", async () => {
    const signed = await signedFolder({ sign: false });
    expect(await withBundle(signed)).toEqual([]);
    const root = resolvePath(signed.folder, "../root.json");
    const wish = { trust: undefined, key: undefined, ...signer, root };
    const verified = await verifyManifest(signed.manifest, wish, signed.folder);
    expect(verified).toEqual({
      ok: true,
      value:
        'OK: manifest "skill" v1.0.0 by acme, signed by release@acme.example (https://accounts.example); 1 file matches',
    });
  });

  const others: readonly (readonly [string, object, RegExp])[] = [
    ["another identity", { identity: "other@acme.example" }, /may not sign for "acme"$/],
    ["part of the identity", { identity: "acme.example" }, /may not sign for "acme"$/],
    ["a pattern", { identity: ".*" }, /may not sign for "acme"$/],
    ["another issuer", { issuer: "https://other.example" }, /may not sign for "acme"$/],
    ["another publisher", { publisher: "other" }, /^manifest: publisher "acme" not in allowlist$/],
  ];
  test.each(others)("is refused where the allow-list has %s", async (_, change, message) => {
    const list = { publisher: "acme", ...signer, ...change };
    expect(await withBundle(await signedFolder({ sign: false }), list)).toMatch(message);
  });

  test("is refused under another trust root, and after a change", async () => {
    const signed = await signedFolder({ sign: false });
    const other = await withBundle(signed, undefined, ownSigstore().trustRoot);
    expect(other).toMatch(/^manifest: signature: the certificate: /);
    expect(await withBundle(signed)).toEqual([]);
    signed.edit((json) => Object.assign(json, { version: "1.0.1" }));
    expect(await judge(signed.manifest, signed.trust)).toBe(
      "manifest: signature: the signature: signature verification failed",
    );
  });

  test("is left out of the tree that the manifest vouches for, as a detached signature is", async () => {
    const signed = await signedFolder({ sign: false });
    const { treeHash } = await import("../../../../src/control/manifest/integrity.ts");
    const { files } = signed.json().integrity as { files: Record<string, string> };
    const tree_sha256 = treeHash(new Map(Object.entries(files)));
    signed.edit((json) => Object.assign(json.integrity as object, { tree_sha256 }));
    expect(await withBundle(signed)).toEqual([]);
    writeFileSync(`${signed.folder}/more.py`, "");
    expect(await judge(signed.manifest, signed.trust)).toMatch(/more.py: not declared/);
  });
});

describe("keys", () => {
  test("are openssl's: it reads the key and checks the signature over the printed bytes", async () => {
    const { manifest, key, folder, json } = await signedFolder();
    const { signature } = json().integrity as { signature: string };
    writeFileSync(`${folder}/bytes`, await bytesToSign(manifest));
    writeFileSync(`${folder}/sig`, Buffer.from(signature.split(":")[2] ?? "", "base64"));
    const how = ["pkeyutl", "-verify", "-pubin", "-inkey", `${key}.pub`, "-rawin"];
    const what = ["-in", `${folder}/bytes`, "-sigfile", `${folder}/sig`];
    const done = Bun.spawnSync(["openssl", ...how, ...what]);
    expect({ out: done.stdout.toString(), status: done.exitCode }).toEqual({
      out: "Signature Verified Successfully\n",
      status: 0,
    });
  });

  test("of openssl sign", async () => {
    const { manifest, folder } = await signedFolder({ sign: false });
    const key = resolvePath(folder, "../openssl.pem");
    Bun.spawnSync(["openssl", "genpkey", "-algorithm", "ed25519", "-out", key]);
    chmodSync(key, 0o600);
    Bun.spawnSync(["openssl", "pkey", "-in", key, "-pubout", "-out", `${key}.pub`]);
    await signManifest(manifest, key, false);
    const none = { trust: undefined, identity: undefined, issuer: undefined, root: undefined };
    const verified = await verifyManifest(manifest, { ...none, key: `${key}.pub` }, folder);
    expect(verified.ok).toBeTrue();
  });

  test("are private, and never written over", async () => {
    const { manifest, key } = await signedFolder();
    expect(statSync(key).mode & 0o777).toBe(0o600);
    expect(makeSigningKey(key)).rejects.toThrow(/it exists$/);
    chmodSync(key, 0o640);
    expect(signManifest(manifest, key, false)).rejects.toThrow(/others may read or write it$/);
  });

  test("signing twice gives the same signature, and what was detached comes back in", async () => {
    const { manifest, key, json } = await signedFolder({ detached: true });
    expect((json().integrity as JsonObject).signature).toBe("aegis-manifest.json.sig");
    await signManifest(manifest, key, false);
    const first = json();
    await signManifest(absolute(manifest), key, false);
    expect(json()).toEqual(first);
  });
});
