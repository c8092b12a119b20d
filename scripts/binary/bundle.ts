// One binary: sources and hardened runtime in, a checked program out. The bundler can fail with
// exit status 0 and leave a program that dies at start-up, so nothing is believed before it ran or,
// for other machines, was read again.

import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { isSignatureValid, signAdHoc } from "./macho.ts";
import { foreignPackage } from "./packages.ts";
import { buildDir, projectVersion, repoRoot, runProgram } from "./project.ts";
import { hardenedRuntime } from "./runtime.ts";
import { hostTarget, type Target } from "./targets.ts";

export interface BundleRequest {
  readonly target: Target;
  readonly entry: string;
  readonly output: string;
}

/** Builds, checks and only then puts `output` in place. */
export function bundle(request: BundleRequest): void {
  const { target, output } = request;
  mkdirSync(dirname(output), { recursive: true });
  // The bundler writes the name of its output into the program: the same name each time gives the
  // same bytes.
  const work = mkdtempSync(join(dirname(output), ".build-"));
  const draft = join(work, "aegis");
  try {
    buildHelper(target);
    compile(request, draft);
    if (target.os === "darwin") signDraft(draft);
    if (target.name === hostTarget().name) smokeRun(draft);
    renameSync(draft, output);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function buildHelper(target: Target): void {
  if (target.helperMachine === undefined) return;
  const programs = ["helper", "attack"].map(
    (name) => `../build/aegis-${name}-${target.helperMachine}`,
  );
  runProgram(["make", "-C", "native", "-s", ...programs]);
}

function compile({ target, entry }: BundleRequest, draft: string): void {
  // Until src/supervise/start-up.ts says otherwise.
  const patience = "--compile-jit-policy=10";
  const flags = ["--minify", "--splitting", "--bytecode", "--format=esm", patience];
  // A compiled program otherwise reads both files from its working directory: from the project an
  // agent works on.
  const isolation = ["--no-compile-autoload-dotenv", "--no-compile-autoload-bunfig"];
  const machine = [
    `--target=${target.bundlerTarget}`,
    `--compile-executable-path=${hardenedRuntime(target)}`,
  ];
  const bundler = [join(repoRoot, "node_modules/bun/bin/bun.exe"), "build", "--compile"];
  const argv = [...bundler, ...flags, ...isolation, ...machine];
  runProgram([...argv, entry, `--outfile=${draft}`], { env: moduleFolders(target) });
  if (!existsSync(draft)) throw new Error("Cannot build: the bundler left no program");
}

/** Lets the bundler find fsevents, which npm installs on macOS only. */
function moduleFolders(target: Target): Record<string, string> {
  if (target.os !== "darwin" || existsSync(join(repoRoot, "node_modules/fsevents"))) return {};
  const folder = join(buildDir, "modules");
  mkdirSync(folder, { recursive: true });
  const linked = join(folder, "fsevents");
  if (!existsSync(linked)) runProgram(["cp", "-R", foreignPackage("fsevents"), linked]);
  return { NODE_PATH: folder };
}

function signDraft(draft: string): void {
  const bytes = readFileSync(draft);
  if (isSignatureValid(bytes)) return;
  const signed = signAdHoc(bytes, "aegis");
  if (!isSignatureValid(signed)) throw new Error("Cannot sign: the new signature does not verify");
  writeFileSync(draft, signed, { mode: 0o755 });
}

/** The program says its version, also when the environment tries to turn it into something else. */
function smokeRun(draft: string): void {
  const expected = projectVersion();
  const hostile = { BUN_BE_BUN: "1", BUN_OPTIONS: "--preload=/nonexistent.js", BUN_INSPECT: "1" };
  for (const env of [{}, hostile]) {
    const said = runProgram([draft, "--version"], { env });
    if (!said.includes(expected))
      throw new Error(`Cannot use the program built: --version said "${said}", not "${expected}"`);
  }
}
