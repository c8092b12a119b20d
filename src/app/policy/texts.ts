// Which policy texts a launch runs under: templates, files, folders and a manifest, read but not
// yet compiled. The texts are what the plan cache is keyed by and what the ledger keeps.

import { AegisError } from "../../base/errors.ts";
import { policySizeMaxBytes } from "../../base/limits.ts";
import { type AbsPath, resolvePath } from "../../base/paths.ts";
import { readWithin } from "../../config/files.ts";
import type { PolicySource } from "../../model/policy-snapshot.ts";
import { templateNamed } from "../../policy/templates.ts";
import type { ConfiguredFiles } from "./configured.ts";
import { cedarFilesIn } from "./files.ts";

export interface PolicyTexts {
  /** Names of templates. */
  readonly templates: readonly string[];
  readonly files: readonly PolicySource[];
  readonly manifests: readonly PolicySource[];
}

/**
 * What `--policy TEMPLATE|FILE|DIR` and `--manifest FILE` name. A template's name wins over a file
 * of the same name; a folder without Cedar files is an empty policy, which denies everything.
 * @throws {AegisError} `policy/not-found`, `config/invalid` for one that is too large or no text
 */
export function policyTexts(
  wanted: readonly string[],
  manifest: string | undefined,
  directory: AbsPath,
): PolicyTexts {
  const templates = wanted.filter((name) => templateNamed(name) !== undefined);
  const paths = wanted
    .filter((name) => templateNamed(name) === undefined)
    .map((name) => resolvePath(directory, name));
  return {
    templates,
    files: paths.flatMap(cedarTexts),
    manifests: manifest === undefined ? [] : [read(resolvePath(directory, manifest), "manifest")],
  };
}

/**
 * What a configuration's folders hold. Where one is missing the template that forbids everything
 * stands in for it, so that nothing given beside it opens anything.
 * @throws {AegisError} as `policyTexts`
 */
export function configuredTexts(
  { paths, isMissing }: ConfiguredFiles,
  manifest: string | undefined,
  directory: AbsPath,
): PolicyTexts {
  const { manifests } = policyTexts([], manifest, directory);
  const files = paths.map((path) => read(path, "cedar"));
  return { templates: isMissing ? ["default-deny"] : [], files, manifests };
}

function cedarTexts(path: AbsPath): readonly PolicySource[] {
  const names = cedarFilesIn(path);
  if (names === undefined) return [read(path, "cedar")];
  return names.map((name) => read(resolvePath(path, name), "cedar"));
}

function read(path: AbsPath, kind: PolicySource["kind"]): PolicySource {
  const text = readWithin(path, policySizeMaxBytes);
  if (text !== undefined) return { kind, name: path, text };
  const [what, hint] =
    kind === "manifest"
      ? ["file", "write a manifest with `aegis manifest generate`, or name one"]
      : [
          "template or file",
          "run `aegis policy list --templates` for the templates, or give a .cedar file",
        ];
  throw new AegisError("policy/not-found", `Cannot read "${path}": there is no such ${what}`, {
    hint,
  });
}
