// The policy a server decides tool calls by: ours, in this process, or a file's, in another one.
// The file is read again when it changes; one that is no policy is refused while the old one goes
// on.

import { closeSync, constants, fstatSync, openSync, readFileSync } from "node:fs";
import { AegisError } from "../../base/errors.ts";
import { sha256Hex } from "../../base/hash.ts";
import { bundleFileMaxBytes } from "../../base/limits.ts";
import type { AbsPath } from "../../base/paths.ts";
import { regoProgramName } from "../../base/program-names.ts";
import type { readBundle } from "../../control/decide/bundle.ts";
import type { Decide } from "../../control/decide/decision.ts";
import type { RegoProcess } from "../../control/decide/rego-process.ts";
import { watchFiles } from "./watch-files.ts";

export interface ServeNotice {
  readonly level: "info" | "warn" | "error";
  readonly message: string;
}

export interface ToolPolicy {
  readonly decide: Decide;
  /** SHA-256, hex, of the file whose policy `decide` would ask now. */
  hash(): string;
  /** Reads the file again now. */
  reload(): void;
  stop(): Promise<void>;
}

/** Our policy: natively where that is known to be the same, else by its module. */
export async function builtInPolicy(): Promise<ToolPolicy> {
  const { decideFast } = await import("../../control/decide/fast.ts");
  const { loadRego } = await import("../../control/decide/rego.ts");
  const file = await import("../../../policies/rego/aegis/decide.wasm", { with: { type: "file" } });
  const bytes = await Bun.file(file.default).bytes();
  const rego = await loadRego(bytes);
  const hash = sha256Hex(bytes);
  return {
    decide: (input) => decideFast(input) ?? rego.evaluate(input),
    hash: () => hash,
    reload: () => undefined,
    stop: () => Promise.resolve(),
  };
}

/** A policy's file, and how it has to be signed. */
export interface BundleFile {
  readonly path: AbsPath;
  /** File of the key that signed it; undefined: whoever may write the file is trusted. */
  readonly key: AbsPath | undefined;
  /** Of the signature; empty: none. */
  readonly scope: string;
}

/** @throws {AegisError} `policy/invalid` where the file is no tool policy now */
export async function filePolicy(
  file: BundleFile,
  notify: (notice: ServeNotice) => void,
): Promise<ToolPolicy> {
  const { path, key } = file;
  let current = await startPolicy(file, notify);
  let isStopped = false;
  let last: Promise<void> = Promise.resolve();
  const replace = async (): Promise<void> => {
    if (isStopped) return;
    try {
      const next = await startPolicy(file, notify);
      const before = current;
      current = next;
      notify({ level: "info", message: `the tool policy "${path}" was read again` });
      await before.process.stop();
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      notify({ level: "error", message: `${why}; the one before goes on` });
    }
  };
  const watch = watchFiles(key === undefined ? [path] : [path, key], () => {
    last = last.then(replace);
  });
  return {
    decide: (input) => current.process.evaluate(input),
    hash: () => current.hash,
    reload: () => watch.look(),
    async stop() {
      watch.stop();
      await last;
      isStopped = true;
      await current.process.stop();
    },
  };
}

interface StartedPolicy {
  readonly process: RegoProcess;
  readonly hash: string;
}

async function startPolicy(
  file: BundleFile,
  notify: (notice: ServeNotice) => void,
): Promise<StartedPolicy> {
  const { readBundle } = await import("../../control/decide/bundle.ts");
  const { startRego } = await import("../../control/decide/rego-process.ts");
  const { bytes } = readTrusted(file.path, "the tool policy");
  const bundle = await readBundle(bytes, await signedBy(file));
  const started = await startRego(bundle, { cmd: [process.execPath], argv0: regoProgramName });
  if (bundle.isSigned && file.key === undefined) {
    const message = `the signature of the tool policy "${file.path}" was not checked: no key`;
    notify({ level: "warn", message });
  }
  return { process: started, hash: sha256Hex(bytes) };
}

/** Read anew each time: keys are replaced as well. */
async function signedBy({ key, scope }: BundleFile): Promise<Parameters<typeof readBundle>[1]> {
  if (key === undefined) return undefined;
  const { readBundleKey, requireSigned } = await import("../../control/decide/bundle-signature.ts");
  const what = "the key of tool policies";
  const { bytes, mode } = readTrusted(key, what);
  const read = readBundleKey(bytes, (why) => unusable(what, key, why));
  if (read.kind === "secret" && (mode & 0o077) !== 0) {
    throw unusable(what, key, "others may read it, and it is a secret");
  }
  return (files) => requireSigned(files, read, scope);
}

/** Whoever may change it decides what agents may do. */
function readTrusted(
  path: AbsPath,
  what: string,
): { readonly bytes: Uint8Array; readonly mode: number } {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (cause) {
    throw unusable(what, path, cause instanceof Error ? cause.message : String(cause), cause);
  }
  try {
    const found = fstatSync(fd);
    const { mode, size } = found;
    if (!found.isFile()) throw unusable(what, path, "it is no file");
    if ((mode & 0o022) !== 0) throw unusable(what, path, "others may change it");
    if (size > bundleFileMaxBytes) throw unusable(what, path, "it is too large");
    return { bytes: readFileSync(fd), mode };
  } finally {
    closeSync(fd);
  }
}

function unusable(what: string, path: AbsPath, why: string, cause?: unknown): AegisError {
  return new AegisError("policy/invalid", `Cannot use ${what} "${path}": ${why}`, { cause });
}
