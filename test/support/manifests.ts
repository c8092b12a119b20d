// Folders with a manifest, signed or not, and the allow-lists that trust their publishers.

import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { makeSigningKey, signManifest } from "../../src/app/manifest/sign.ts";
import { sha256Hex } from "../../src/base/hash.ts";
import { type AbsPath, resolvePath } from "../../src/base/paths.ts";
import type { JsonObject } from "../../src/model/event.ts";
import { tempDir } from "./temp.ts";

export interface SignedFolder {
  readonly folder: AbsPath;
  readonly manifest: AbsPath;
  readonly key: AbsPath;
  readonly publicKey: string;
  readonly keyId: string;
  /** An allow-list with the key, for the publisher "acme". */
  readonly trust: AbsPath;
  edit(change: (manifest: Record<string, unknown>) => void): void;
  json(): Record<string, unknown>;
}

export const skill = {
  schema: "aegis.dev/manifest/v0.1",
  name: "skill",
  version: "1.0.0",
  publisher: "acme",
  permissions: {
    tools: ["read_file"],
    fs: { read_roots: ["/usr"] },
    exec: { allowed_bins: ["cat"] },
  },
  sandbox: { required: true },
};

/** One file, vouched for; signed unless told otherwise. */
export async function signedFolder(
  { sign = true, detached = false }: { sign?: boolean; detached?: boolean } = {},
  base: JsonObject = skill,
): Promise<SignedFolder> {
  const home = tempDir("signed");
  const at = (name: string) => resolvePath(absolute(home), name);
  mkdirSync(`${home}/skill`);
  const folder = at("skill");
  const manifest = at("skill/aegis-manifest.json");
  writeFileSync(`${folder}/tool.py`, "print(1)\n");
  const integrity = { files: { "tool.py": sha256Hex("print(1)\n") } };
  writeFileSync(manifest, JSON.stringify({ ...base, integrity }));
  chmodSync(manifest, 0o644);
  const key = at("key.pem");
  const { publicKey, keyId } = await makeSigningKey(key);
  if (sign) await signManifest(manifest, key, detached);
  const trust = at("trust.json");
  const encoded = publicKey.toBase64();
  writeFileSync(trust, JSON.stringify({ signers: [{ publisher: "acme", ed25519: encoded }] }));
  chmodSync(trust, 0o644);
  const json = () => JSON.parse(readFileSync(manifest, "utf8")) as Record<string, unknown>;
  return {
    ...{ folder, manifest, key, keyId, trust, publicKey: encoded, json },
    edit(change) {
      const value = json();
      change(value);
      writeFileSync(manifest, JSON.stringify(value));
    },
  };
}

export function absolute(path: string): AbsPath {
  return resolvePath("/" as AbsPath, path);
}
