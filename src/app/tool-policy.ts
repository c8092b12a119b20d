// The policy a server decides tool calls by: ours, in this process, or a file's, in another one.
// The file is read again when it changes; one that is no policy is refused while the old one goes
// on.

import { closeSync, constants, fstatSync, openSync, readFileSync } from "node:fs";
import { AegisError } from "../base/errors.ts";
import { bundleFileMaxBytes } from "../base/limits.ts";
import type { AbsPath } from "../base/paths.ts";
import { regoProgramName } from "../base/program-names.ts";
import type { Decide } from "../control/decide/decision.ts";
import type { RegoProcess } from "../control/decide/rego-process.ts";
import { watchFiles } from "./watch-files.ts";

export interface ServeNotice {
  readonly level: "info" | "warn" | "error";
  readonly message: string;
}

export interface ToolPolicy {
  readonly decide: Decide;
  /** Reads the file again now. */
  reload(): void;
  stop(): Promise<void>;
}

/** Our policy: natively where that is known to be the same, else by its module. */
export async function builtInPolicy(): Promise<ToolPolicy> {
  const { decideFast } = await import("../control/decide/fast.ts");
  const { loadRego } = await import("../control/decide/rego.ts");
  const file = await import("../../policies/rego/aegis/decide.wasm", { with: { type: "file" } });
  const rego = await loadRego(await Bun.file(file.default).bytes());
  return {
    decide: (input) => decideFast(input) ?? rego.evaluate(input),
    reload: () => undefined,
    stop: () => Promise.resolve(),
  };
}

/** @throws {AegisError} `policy/invalid` where the file is no tool policy now */
export async function filePolicy(
  path: AbsPath,
  notify: (notice: ServeNotice) => void,
): Promise<ToolPolicy> {
  let current = await startPolicy(path);
  let isStopped = false;
  let last: Promise<void> = Promise.resolve();
  const replace = async (): Promise<void> => {
    if (isStopped) return;
    try {
      const next = await startPolicy(path);
      const before = current;
      current = next;
      notify({ level: "info", message: `the tool policy "${path}" was read again` });
      await before.stop();
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      notify({ level: "error", message: `${why}; the one before goes on` });
    }
  };
  const watch = watchFiles([path], () => {
    last = last.then(replace);
  });
  return {
    decide: (input) => current.evaluate(input),
    reload: () => watch.look(),
    async stop() {
      watch.stop();
      await last;
      isStopped = true;
      await current.stop();
    },
  };
}

async function startPolicy(path: AbsPath): Promise<RegoProcess> {
  const { readBundle } = await import("../control/decide/bundle.ts");
  const { startRego } = await import("../control/decide/rego-process.ts");
  const bundle = await readBundle(readTrusted(path));
  return startRego(bundle, { cmd: [process.execPath], argv0: regoProgramName });
}

/** Whoever may change it decides what agents may do. */
function readTrusted(path: AbsPath): Uint8Array {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (cause) {
    throw unusable(path, cause instanceof Error ? cause.message : String(cause), cause);
  }
  try {
    const found = fstatSync(fd);
    if (!found.isFile()) throw unusable(path, "it is no file");
    if ((found.mode & 0o022) !== 0) throw unusable(path, "others may change it");
    if (found.size > bundleFileMaxBytes) throw unusable(path, "it is too large");
    return readFileSync(fd);
  } finally {
    closeSync(fd);
  }
}

function unusable(path: AbsPath, why: string, cause?: unknown): AegisError {
  return new AegisError("policy/invalid", `Cannot use the tool policy "${path}": ${why}`, {
    cause,
  });
}
