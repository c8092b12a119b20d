// A tool policy as a file: a module that `opa build -t wasm` made, alone or in its bundle. Nothing
// is written to disk. Who may change the file decides what agents may do; whoever reads it looks at
// that.

import { AegisError } from "../../base/errors.ts";
import { bundleContentMaxBytes, bundleEntriesMax, bundleFileMaxBytes } from "../../base/limits.ts";
import type { JsonObject, JsonValue } from "../../model/event.ts";
import { isObject, memberOf } from "../../model/json-object.ts";
import { decisionEntry } from "./rego.ts";
import { readTar, type TarFile } from "./tar.ts";

export interface PolicyBundle {
  readonly wasm: Uint8Array;
  readonly data: JsonObject;
  /** Undefined: the module's own one. */
  readonly entry: string | undefined;
  /** There is a signature in it, whoever made it. */
  readonly isSigned: boolean;
}

/**
 * @param requireSigned throws where its files are not signed as they have to be; absent: signatures
 * are not looked at
 * @throws {AegisError} `policy/invalid`
 */
export async function readBundle(
  bytes: Uint8Array,
  requireSigned?: (files: readonly TarFile[]) => void,
): Promise<PolicyBundle> {
  if (bytes.length > bundleFileMaxBytes) throw unusable("it is too large");
  if (isWasm(bytes)) {
    if (requireSigned === undefined) {
      return { wasm: bytes, data: {}, entry: undefined, isSigned: false };
    }
    throw unusable("it is a module alone, which nobody can sign", "give a signed bundle.tar.gz");
  }
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b)
    throw unusable("it is neither a wasm module nor a bundle.tar.gz");
  const files = readTar(await unpacked(bytes), bundleEntriesMax);
  if (!files.ok) throw unusable(files.error);
  requireSigned?.(files.value);
  const { module, entry } = moduleOf(files.value);
  const found = files.value.find(({ path }) => path === module);
  if (found === undefined || !isWasm(found.content)) {
    throw unusable(`it has no wasm module "${module}"`);
  }
  const isSigned = files.value.some(isSignatureFile);
  return { wasm: found.content, data: dataOf(files.value), entry, isSigned };
}

/** Wherever it lies, as OPA has it. */
export function isSignatureFile({ path }: TarFile): boolean {
  return path.slice(path.lastIndexOf("/") + 1) === ".signatures.json";
}

function isWasm(bytes: Uint8Array): boolean {
  return [0, 0x61, 0x73, 0x6d].every((byte, at) => bytes[at] === byte);
}

async function unpacked(bytes: Uint8Array): Promise<Uint8Array> {
  const { gunzipSync } = await import("node:zlib");
  try {
    return gunzipSync(bytes, { maxOutputLength: bundleContentMaxBytes });
  } catch (cause) {
    throw unusable(cause instanceof Error ? cause.message : String(cause));
  }
}

/** What the bundle's manifest says; without one, the only module there is. */
function moduleOf(files: readonly TarFile[]): { module: string; entry: string | undefined } {
  const manifest = files.find(({ path }) => path === ".manifest");
  const listed = manifest === undefined ? undefined : memberOf(jsonIn(manifest), "wasm");
  if (Array.isArray(listed) && listed.length > 0) {
    const entries = listed.map((one) => ({
      entry: memberOf(one, "entrypoint"),
      module: memberOf(one, "module"),
    }));
    const chosen = entries.find(({ entry }) => entry === decisionEntry) ?? entries[0];
    if (entries.length > 1 && chosen?.entry !== decisionEntry)
      throw unusable(`it has several entry points, and none is "${decisionEntry}"`);
    const { entry, module } = chosen ?? {};
    if (typeof entry !== "string" || typeof module !== "string")
      throw unusable("its .manifest names no entry point and module");
    return { module: module.replace(/^\/+/, ""), entry };
  }
  const modules = files.filter(({ path }) => path.endsWith(".wasm"));
  if (modules.length === 1) return { module: modules[0]?.path ?? "", entry: undefined };
  throw unusable(`it has ${modules.length} wasm modules and no .manifest to choose one`);
}

/** `a/b/data.json` is what `data.a.b` holds. */
function dataOf(files: readonly TarFile[]): JsonObject {
  const found = files.flatMap((file) => {
    const parts = file.path.split("/");
    const name = parts.pop();
    if (name === "data.yaml" || name === "data.yml")
      throw unusable(`"${file.path}" is YAML, and data has to be JSON`);
    return name === "data.json" ? [{ file, parts }] : [];
  });
  const outerFirst = found.sort((a, b) => a.parts.length - b.parts.length);
  return outerFirst.reduce<JsonObject>((data, { file, parts }) => {
    const content = jsonIn(file);
    if (!isObject(content)) throw unusable(`"${file.path}" is no object`);
    return merged(data, parts, content, file.path);
  }, {});
}

function merged(
  into: JsonObject,
  [part, ...rest]: readonly string[],
  content: JsonObject,
  path: string,
): JsonObject {
  if (part !== undefined) {
    const inner = Object.hasOwn(into, part) ? into[part] : {};
    if (!isObject(inner)) throw unusable(`"${path}" lies in what is no object`);
    return { ...into, [part]: merged(inner, rest, content, path) };
  }
  const twice = Object.keys(content).find((name) => Object.hasOwn(into, name));
  if (twice === undefined) return { ...into, ...content };
  throw unusable(`"${path}" says "${twice}" once more`);
}

function jsonIn({ path, content }: TarFile): JsonValue {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(content)) as JsonValue;
  } catch {
    // ignored: the error says what is wrong
    throw unusable(`"${path}" is no JSON`);
  }
}

export function unusable(
  why: string,
  hint = "build it with `opa build -t wasm -e aegis/decide/decision`",
): AegisError {
  return new AegisError("policy/invalid", `Cannot use the tool policy: ${why}`, { hint });
}
