// The profiles that come with the program: what a tool needs, as Cedar text.

import baseLinux from "../../profiles/base-linux.cedar" with { type: "text" };
import baseMacos from "../../profiles/base-macos.cedar" with { type: "text" };
import c from "../../profiles/c.cedar" with { type: "text" };
import claude from "../../profiles/claude.cedar" with { type: "text" };
import codex from "../../profiles/codex.cedar" with { type: "text" };
import gemini from "../../profiles/gemini.cedar" with { type: "text" };
import git from "../../profiles/git.cedar" with { type: "text" };
import go from "../../profiles/go.cedar" with { type: "text" };
import java from "../../profiles/java.cedar" with { type: "text" };
import node from "../../profiles/node.cedar" with { type: "text" };
import python from "../../profiles/python.cedar" with { type: "text" };
import rust from "../../profiles/rust.cedar" with { type: "text" };
import { AegisError } from "../base/errors.ts";
import type { PolicySource } from "../model/policy-snapshot.ts";

export type Platform = "linux" | "macos";

/** What people build with. Part of the templates that let a command work. */
export const toolProfiles = ["python", "node", "git", "rust", "go", "c", "java"] as const;
/** Asked for by name, because they open the agent's sign-in to whatever runs. */
export const agentProfiles = ["claude", "codex", "gemini"] as const;

export const profileNames = ["base", ...toolProfiles, ...agentProfiles] as const;
export type ProfileName = (typeof profileNames)[number];

/** Whether rules of that source are those of an agent's profile, about the agent's own folders. */
export function isOfAgent(source: string): boolean {
  return agentProfiles.some((name) => source === sourceName(name));
}

function sourceName(profile: ProfileName): string {
  return `profile:${profile}`;
}

const toolTexts: Readonly<Record<Exclude<ProfileName, "base">, string>> = {
  python,
  node,
  git,
  rust,
  go,
  c,
  java,
  claude,
  codex,
  gemini,
};

export const profileTexts: readonly string[] = [baseLinux, baseMacos, ...Object.values(toolTexts)];

/** @throws {AegisError} `policy/not-found` for a name that is no profile */
export function profileSource(name: string, platform: Platform): PolicySource {
  const known = profileNames.find((profile) => profile === name);
  if (known === undefined)
    throw new AegisError("policy/not-found", `Cannot use profile "${name}": there is none`, {
      hint: `profiles are ${profileNames.join(", ")}`,
    });
  const base = platform === "linux" ? baseLinux : baseMacos;
  const text = known === "base" ? base : toolTexts[known];
  return { kind: "cedar", name: sourceName(known), text };
}

/**
 * Variables that keep the caches of tools in the private temporary folder: caches in the home
 * folder are used by programs outside the box, so a command in it must not be able to fill them.
 */
export function cacheEnvironment(tmp: string): Readonly<Record<string, string>> {
  const caches = `${tmp}/cache`;
  return {
    XDG_CACHE_HOME: caches,
    npm_config_cache: `${caches}/npm`,
    YARN_CACHE_FOLDER: `${caches}/yarn`,
    BUN_INSTALL_CACHE_DIR: `${caches}/bun`,
    GOCACHE: `${caches}/go-build`,
  };
}
