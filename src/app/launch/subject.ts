// Who a launch is for: agent, workspace, ledger and policy texts, from a named configuration or
// from flags alone.

import { realpathSync, statSync } from "node:fs";
import { hasLoneBytes } from "../../base/byte-text.ts";
import { AegisError } from "../../base/errors.ts";
import { formatEndpoint } from "../../base/host.ts";
import { type AbsPath, absPath, resolvePath } from "../../base/paths.ts";
import {
  type Config,
  createConfig,
  entryOf,
  findConfig,
  loadConfig,
  requireConfig,
} from "../../config/config.ts";
import { aegisPaths, ledgerFile, userHome } from "../../config/location.ts";
import { toConfigName } from "../../config/name.ts";
import type { OwnFolder } from "../../enforce/backend.ts";
import type { LimitWish } from "../../model/limits.ts";
import { pathOf } from "../../policy/flags.ts";
import type { Places } from "../../policy/places.ts";
import { defaultTemplate, templateNamed } from "../../policy/templates.ts";
import { observedEnvironment, searchPath } from "../../supervise/environment.ts";
import { findProgram } from "../../supervise/find-program.ts";
import { configuredFiles } from "../policy/configured.ts";
import { policyDisk } from "../policy/disk.ts";
import { configuredTexts, type PolicyTexts, policyTexts } from "../policy/texts.ts";
import type { Surroundings } from "../surroundings.ts";
import type { LaunchOptions } from "./options.ts";

export interface LaunchSubject {
  /** Cedar principal. */
  readonly agent: string;
  /** Canonical. */
  readonly workspace: AbsPath;
  readonly ledger: AbsPath;
  readonly texts: PolicyTexts;
  /** `--net` words: the flags' and the configuration's. */
  readonly net: readonly string[];
  /** The configuration's. */
  readonly limits: readonly LimitWish[];
  /** Record everything, confine nothing; the policy only judges for the record. */
  readonly observeOnly: boolean;
  /** About the policy, for whoever launches. */
  readonly warnings: readonly string[];
}

export function launchSubject(options: LaunchOptions, around: Surroundings): LaunchSubject {
  const config = options.mode === "wrap" ? wrapConfig(options, around) : runConfig(options, around);
  const { texts, warnings } = policyOf(options, around, config);
  return {
    texts,
    warnings: [...warnings, ...readsNothing(options, around)],
    agent: options.name ?? config?.agent ?? agentName(options),
    workspace: workspaceOf(options, around, options.mode === "wrap" ? undefined : config?.sandbox),
    ledger: ledgerOf(options, around, config),
    net: [...options.net, ...(config?.allowedNetwork.map(netWord) ?? [])],
    limits: config?.limits ?? [],
    observeOnly: options.mode !== "run" || (config !== undefined && config.isolation !== "kernel"),
  };
}

function policyOf(
  { policies, manifest }: LaunchOptions,
  { directory }: Surroundings,
  config: Config | undefined,
): Pick<LaunchSubject, "texts" | "warnings"> {
  if (config === undefined || policies.length > 0) {
    const none = manifest === undefined ? [defaultTemplate] : [];
    const given = policies.length > 0 ? policies : none;
    return { texts: policyTexts(given, manifest, directory), warnings: [] };
  }
  const files = configuredFiles(config);
  return { texts: configuredTexts(files, manifest, directory), warnings: files.warnings };
}

/** What is not there is mistyped, or will be; what is to be written is often to be made. */
function readsNothing({ read }: LaunchOptions, around: Surroundings): readonly string[] {
  return read.flatMap((text) => {
    const home = userHome(around.environment);
    const path = pathOf(text, { directory: around.directory, home });
    if (path === undefined || policyDisk.realPath(path) !== undefined) return [];
    return [`--read ${text} grants nothing yet: nothing is at "${path}"`];
  });
}

function runConfig(options: LaunchOptions, around: Surroundings): Config | undefined {
  if (options.config === undefined) return undefined;
  const entry = requireConfig(aegisPaths(around.environment), options.config);
  return loadConfig(entry, around.environment);
}

/**
 * `wrap` keeps one configuration per name, made on first use, so that `aegis log NAME` finds its
 * ledger.
 */
function wrapConfig(options: LaunchOptions, around: Surroundings): Config {
  const paths = aegisPaths(around.environment);
  const name = options.name ?? agentName(options);
  const found = findConfig(paths, name);
  const entry = found ?? entryOf(paths, name, "wrap");
  if (found === undefined) {
    const sandbox = workspaceOf(options, around, undefined);
    requireProgram(options, around, sandbox);
    const policy = templateNamed(options.policies[0] ?? "permit-all")?.text ?? "";
    createConfig(paths, entry, { sandbox, isolation: "Process", policy });
  }
  return loadConfig(entry, around.environment);
}

/** A name that was mistyped leaves no configuration behind. */
function requireProgram(options: LaunchOptions, around: Surroundings, workspace: AbsPath): void {
  const environment = observedEnvironment(around.environment, options.environment);
  findProgram(options.command[0] ?? "", searchPath(environment), workspace);
}

function workspaceOf(
  options: LaunchOptions,
  around: Surroundings,
  configured: AbsPath | undefined,
): AbsPath {
  const wanted =
    options.directory === undefined
      ? (configured ?? around.directory)
      : resolvePath(around.directory, options.directory);
  if (statSync(wanted, { throwIfNoEntry: false })?.isDirectory() === true)
    return canonicalPath(wanted);
  const [why, hint] = hasLoneBytes(wanted)
    ? ["its name is not UTF-8", "rename it, or give another folder with --dir"]
    : ["it is no folder", "give an existing folder with --dir"];
  throw new AegisError("config/invalid", `Cannot use "${wanted}" as the workspace: ${why}`, {
    hint,
  });
}

function ledgerOf(
  options: LaunchOptions,
  around: Surroundings,
  config: Config | undefined,
): AbsPath {
  if (options.ledger !== undefined) return ledgerFile(around.directory, options.ledger);
  return config?.ledger ?? aegisPaths(around.environment).ledger;
}

function agentName(options: LaunchOptions): string {
  const command = options.command[0] ?? "";
  return toConfigName(command.slice(command.lastIndexOf("/") + 1));
}

function netWord({ host, port, protocol }: Config["allowedNetwork"][number]): string {
  const prefix = protocol === "Udp" ? "udp:" : "";
  return `${prefix}${port === undefined ? host : formatEndpoint(host, port)}`;
}

/**
 * The folders of Cedar's `context` for this launch. Of temporary files it is what a box without a
 * private place for them has; a backend that makes one moves the rules.
 */
export function placesOf(
  subject: LaunchSubject,
  temporary: OwnFolder,
  around: Surroundings,
): Places {
  const home = canonicalPath(userHome(around.environment));
  return { workspace: subject.workspace, home, tmp: temporary.path };
}

/** Path of this program. */
export function ownBinary(subject: LaunchSubject): AbsPath {
  return canonicalPath(absPath(process.execPath) ?? subject.workspace);
}

/** Links resolved. The caller has checked that the path exists. */
export function canonicalPath(path: AbsPath): AbsPath {
  const real = absPath(realpathSync(path));
  if (real === undefined) throw new Error(`broken invariant: ${path} has no absolute real path`);
  return real;
}
