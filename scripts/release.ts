// Everything a release consists of, in dist/release: one archive for each target, their checksums,
// the Homebrew formula. `bun scripts/release.ts [--entry FILE] [--out DIR]`. The same checkout
// gives the same bytes.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { bundle } from "./binary/bundle.ts";
import { projectVersion, repoRoot, runScript } from "./binary/project.ts";
import { packTarGz } from "./binary/tar.ts";
import { type TargetName, targetNames, targets } from "./binary/targets.ts";

interface Artefact {
  readonly target: TargetName;
  readonly file: string;
  readonly sha256: string;
}

runScript(() => {
  const { values } = parseArgs({
    options: {
      entry: { type: "string", default: resolve(repoRoot, "src/main.ts") },
      out: { type: "string", default: resolve(repoRoot, "dist/release") },
    },
  });
  release(resolve(values.entry), resolve(values.out));
});

function release(entry: string, folder: string): void {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const artefacts = targetNames.map((target) => archive(target, entry, folder));
  const sums = artefacts.map(({ sha256, file }) => `${sha256}  ${file}\n`);
  writeFileSync(join(folder, "SHA256SUMS"), sums.join(""));
  writeFileSync(join(folder, "aegis.rb"), formula(artefacts));
}

function archive(target: TargetName, entry: string, folder: string): Artefact {
  const name = `aegis-${projectVersion()}-${target}`;
  const work = mkdtempSync(join(folder, ".work-"));
  try {
    const output = join(work, "aegis");
    bundle({ target: targets[target], entry, output });
    const binary = readFileSync(output);
    const packed = packTarGz([
      { name: `${name}/aegis`, mode: 0o755, content: binary },
      ...["LICENSE", "README.md"].map((file) => ({
        name: `${name}/${file}`,
        mode: 0o644,
        content: readFileSync(resolve(repoRoot, file)),
      })),
    ]);
    const file = `${name}.tar.gz`;
    writeFileSync(join(folder, file), packed);
    console.log(`${file}: ${megabytes(packed)} MB, binary ${megabytes(binary)} MB`);
    return { target, file, sha256: new Bun.CryptoHasher("sha256").update(packed).digest("hex") };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** The template of scripts/homebrew with `{{version}}` and `{{sha256 TARGET}}` filled in. */
function formula(artefacts: readonly Artefact[]): string {
  const template = readFileSync(resolve(import.meta.dir, "homebrew/aegis.rb"), "utf8");
  return template.replace(/\{\{(\w+) ?([\w-]*)\}\}/g, (mark, word: string, name: string) => {
    if (word === "version") return projectVersion();
    const sha256 = artefacts.find(({ target }) => target === name)?.sha256;
    if (word === "sha256" && sha256 !== undefined) return sha256;
    throw new Error(`Cannot render the formula: nothing is known for "${mark}"`);
  });
}

function megabytes(bytes: Uint8Array): string {
  return (bytes.length / 1e6).toFixed(1);
}
