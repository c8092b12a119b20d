// `manifest generate`: a folder of code searched for suspicious patterns, and a manifest written
// for it. Nothing of the code is run.

import { chmodSync } from "node:fs";
import { AegisError } from "../../base/errors.ts";
import { type AbsPath, resolvePath } from "../../base/paths.ts";
import { replaceFile } from "../../config/files.ts";
import { scannedExtensions } from "../../control/manifest/comments.ts";
import {
  clientConfig,
  type Generated,
  generatedManifest,
  modeFor,
} from "../../control/manifest/generate.ts";
import { type Finding, scanText } from "../../control/manifest/scan.ts";
import { refuseExisting, writeNewFile } from "../write-new-file.ts";
import { filesBelow, readInside, realFolder } from "./files.ts";

const skipped = new Set(["node_modules", "vendor", "__pycache__"]);
const forceHint = "--force replaces it";
const scannedSizeMax = 16 * 1024 * 1024;

export interface GenerateOptions {
  readonly auditOnly: boolean;
  /** Replace a manifest that is there. */
  readonly force: boolean;
  /** Where to write what an OpenClaw client reads. */
  readonly clientConfig: AbsPath | undefined;
}

/** @throws {AegisError} `config/exists` when there is a manifest already */
export function generateManifest(wanted: AbsPath, options: GenerateOptions): Generated {
  const directory = realFolder(wanted);
  const manifestPath = resolvePath(directory, "aegis-manifest.json");
  if (!options.force) refuseExisting(manifestPath, forceHint);
  if (options.clientConfig !== undefined) refuseExisting(options.clientConfig);
  const findings = scanFolder(directory);
  const mode = modeFor(findings, options.auditOnly);
  const name = directory.slice(directory.lastIndexOf("/") + 1);
  const text = `${JSON.stringify(generatedManifest(name, mode), undefined, 2)}\n`;
  if (options.force) replaceFile(manifestPath, text);
  else writeNewFile(manifestPath, text, forceHint);
  // A server that is somebody else reads it as well.
  chmodSync(manifestPath, 0o644);
  if (options.clientConfig !== undefined) {
    const config = JSON.stringify(clientConfig(manifestPath), undefined, 2);
    writeNewFile(options.clientConfig, `${config}\n`);
  }
  return { directory, manifestPath, mode, findings };
}

/** By file, then by line. A file that cannot be read is an error: it may be the one that counts. */
function scanFolder(directory: AbsPath): readonly Finding[] {
  const odd: string[] = [];
  const skip = (name: string) => name.startsWith(".") || skipped.has(name);
  const files = [...filesBelow(directory, odd, skip)].sort();
  const problems = odd.filter((text) => mayBeCode(text.slice(0, text.indexOf(": "))));
  const findings = files.filter(isCode).flatMap((path) => {
    const bytes = readInside(directory, path, problems);
    if (bytes === undefined) return [];
    if (bytes.length <= scannedSizeMax) {
      return scanText(path, new TextDecoder().decode(bytes), extensionOf(path));
    }
    problems.push(`${path}: it is too large to be searched`);
    return [];
  });
  const [first] = problems;
  if (first === undefined) return findings;
  throw new AegisError("policy/invalid", `Cannot search "${directory}": ${first}`);
}

/** Whatever is in a folder that cannot be looked into. */
function mayBeCode(path: string): boolean {
  return path.endsWith("/") || isCode(path);
}

function isCode(path: string): boolean {
  return scannedExtensions.includes(extensionOf(path));
}

function extensionOf(path: string): string {
  return (/\.[^./]+$/.exec(path)?.[0] ?? "").toLowerCase();
}
