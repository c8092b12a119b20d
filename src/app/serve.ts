// `aegis serve`: the ledger of this user, the tool policy and the control plane's HTTP server put
// together.

import {
  closeSync,
  constants,
  fstatSync,
  linkSync,
  openSync,
  readFileSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { AegisError } from "../base/errors.ts";
import { randomSecret, uniqueSuffix } from "../base/ids.ts";
import { policySizeMaxBytes } from "../base/limits.ts";
import { type AbsPath, resolvePath } from "../base/paths.ts";
import { aegisPaths, privateDirectory } from "../config/location.ts";
import type { DecideInput, ToolDecision } from "../control/decide/decision.ts";
import { decideFast } from "../control/decide/fast.ts";
import { loadRego } from "../control/decide/rego.ts";
import { createControlLog } from "../ledger/control-log.ts";
import { openSqliteStore } from "../ledger/sqlite.ts";
import type { JsonValue } from "../model/event.ts";
import type { ServedKey } from "./served-keys.ts";
import { readKeys } from "./served-keys.ts";
import type { Surroundings } from "./surroundings.ts";

export interface ServeOptions {
  /** `HOST:PORT`, `:PORT` for this machine alone. */
  readonly address: string;
  readonly ledger: string | undefined;
  readonly manifest: string | undefined;
  /** File of API keys; none: on a loopback address everybody may everything. */
  readonly keys: string | undefined;
}

/** Everything a server needs; nothing listens yet. */
export interface ServeParts {
  readonly hostname: string;
  readonly port: number;
  readonly log: ReturnType<typeof createControlLog>;
  readonly decide: (input: DecideInput) => ToolDecision;
  readonly manifest: JsonValue;
  readonly keys: readonly ServedKey[];
  readonly secret: Uint8Array;
  readonly nowMs: () => number;
}

/** @throws {AegisError} when the server could not answer as asked */
export async function prepareServe(
  options: ServeOptions,
  around: Surroundings,
): Promise<ServeParts> {
  const paths = aegisPaths(around.environment);
  privateDirectory(paths.home);
  const { hostname, port } = addressOf(options.address);
  const keys =
    options.keys === undefined ? [] : readKeys(resolvePath(around.directory, options.keys));
  if (keys.length === 0 && !isLoopback(hostname)) {
    throw new AegisError("usage", `Cannot serve on "${hostname}" without keys: others reach it`, {
      hint: "give --keys FILE, or serve on 127.0.0.1",
    });
  }
  const database =
    options.ledger === undefined ? paths.ledger : resolvePath(around.directory, options.ledger);
  return {
    hostname,
    port,
    keys,
    log: createControlLog(openSqliteStore(database)),
    decide: await toolPolicy(),
    manifest: readManifest(options.manifest, around.directory),
    secret: approvalSecret(resolvePath(paths.keys, "approval.secret")),
    nowMs: () => around.clock.nowUnixMs(),
  };
}

async function toolPolicy(): Promise<(input: DecideInput) => ToolDecision> {
  const file = await import("../../policies/rego/aegis/decide.wasm", { with: { type: "file" } });
  const rego = await loadRego(await Bun.file(file.default).bytes());
  return (input) => decideFast(input) ?? rego.evaluate(input);
}

function addressOf(text: string): { readonly hostname: string; readonly port: number } {
  const [, host = "", port = ""] = /^(.*):(\d{1,5})$/.exec(text) ?? [];
  const hostname = host.replace(/^\[(.*)\]$/, "$1");
  if (port === "" || Number(port) > 65_535) {
    throw new AegisError("usage", `Cannot serve on "${text}": it is no HOST:PORT`);
  }
  return { hostname: hostname === "" ? "127.0.0.1" : hostname, port: Number(port) };
}

function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "::1" || /^127(\.\d{1,3}){3}$/.test(hostname);
}

function readManifest(path: string | undefined, directory: AbsPath): JsonValue {
  if (path === undefined) return {};
  const file = resolvePath(directory, path);
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (cause) {
    throw new AegisError("policy/not-found", `Cannot read the manifest "${file}"`, { cause });
  }
  if (text.length > policySizeMaxBytes) {
    throw new AegisError("policy/invalid", `Cannot read the manifest "${file}": it is too large`);
  }
  try {
    return JSON.parse(text) as JsonValue;
  } catch (cause) {
    throw new AegisError("policy/invalid", `Cannot read the manifest "${file}": it is no JSON`, {
      cause,
    });
  }
}

const secretSizeBytes = 32;

/** Made once; whoever links first wins. */
function approvalSecret(path: AbsPath): Uint8Array {
  const known = readSecret(path);
  if (known !== undefined) return known;
  privateDirectory(resolvePath(path, ".."));
  const temporary = `${path}.${uniqueSuffix()}`;
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;
  const fd = openSync(temporary, flags, 0o600);
  try {
    writeSync(fd, randomSecret(secretSizeBytes));
  } finally {
    closeSync(fd);
  }
  try {
    linkSync(temporary, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  } finally {
    unlinkSync(temporary);
  }
  const made = readSecret(path);
  if (made === undefined) throw unusable(path, "it vanished");
  return made;
}

function readSecret(path: AbsPath): Uint8Array | undefined {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  try {
    if ((fstatSync(fd).mode & 0o077) !== 0) throw unusable(path, "others may read it");
    const bytes = readFileSync(fd);
    if (bytes.length !== secretSizeBytes) throw unusable(path, "it does not hold a secret");
    return bytes;
  } finally {
    closeSync(fd);
  }
}

function unusable(path: AbsPath, why: string): AegisError {
  return new AegisError("config/invalid", `Cannot use "${path}": ${why}`, {
    hint: "remove it: approvals that wait then have to be asked for again",
  });
}
