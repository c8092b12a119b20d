// Making a named configuration from a template.

import { AegisError } from "../../base/errors.ts";
import { type AbsPath, resolvePath } from "../../base/paths.ts";
import { type ConfigEntry, createConfig, entryOf, writeCurrent } from "../../config/config.ts";
import { isDirectory } from "../../config/files.ts";
import { aegisPaths } from "../../config/location.ts";
import { type Template, templateNamed, templates } from "../../policy/templates.ts";
import { canonicalPath } from "../launch/subject.ts";
import type { Surroundings } from "../surroundings.ts";

export interface InitOptions {
  readonly name: string;
  /** Name of a template. */
  readonly policy: string;
  /** Undefined: a folder of the configuration's own. */
  readonly directory: string | undefined;
}

/** Makes the configuration and makes it the active one. @throws {AegisError} `config/exists` */
export function initConfig(
  around: Surroundings,
  options: InitOptions,
): { readonly entry: ConfigEntry; readonly sandbox: AbsPath } {
  const paths = aegisPaths(around.environment);
  const entry = entryOf(paths, options.name, "init");
  const { text: policy } = requireTemplate(options.policy);
  const sandbox = options.directory === undefined ? undefined : folderAt(around, options.directory);
  createConfig(paths, entry, { sandbox, isolation: "Kernel", policy });
  writeCurrent(paths, entry.name);
  return { entry, sandbox: sandbox ?? entry.paths.sandbox };
}

/** @throws {AegisError} `policy/not-found` naming those there are */
export function requireTemplate(name: string): Template {
  const template = templateNamed(name);
  if (template !== undefined) return template;
  throw new AegisError("policy/not-found", `Cannot use the template "${name}": there is none`, {
    hint: `the templates are ${templates.map((known) => known.name).join(", ")}`,
  });
}

function folderAt(around: Surroundings, written: string): AbsPath {
  const path = resolvePath(around.directory, written);
  if (isDirectory(path)) return canonicalPath(path);
  throw new AegisError("config/invalid", `Cannot use "${path}": it is no folder`, {
    hint: "give an existing folder with --dir",
  });
}
