// A manifest's permissions as capabilities: what the publisher declares is permitted, nothing else.
// Secrets, budgets and approvals are no accesses and stay with whoever launches the agent.

import { absPath } from "../../base/paths.ts";
import { err } from "../../base/result.ts";
import type { Action, Atom, Capability, Origin } from "../../model/capability.ts";
import type { PolicySource } from "../../model/policy-snapshot.ts";
import { splitProtocol } from "../attempt.ts";
import { type Diagnostic, errorAt, warningAt } from "../diagnostic.ts";
import { type RealPath, withLink } from "../links.ts";
import { netForms, parseNetRule } from "../net-rule.ts";
import { type Places, strayingLink } from "../places.ts";
import { sealedProgramsMax, sealPrograms } from "../seal.ts";
import type { Manifest } from "./parse.ts";

export interface ManifestContext {
  /** Relative roots and programs are relative to the workspace. */
  readonly places: Places;
  readonly linkTarget: RealPath;
  /** Every path a program of this name is at; empty when there is none. */
  readonly findProgram: (name: string) => readonly string[];
}

export interface LoweredManifest {
  readonly capabilities: readonly Capability[];
  readonly diagnostics: readonly Diagnostic[];
}

interface Lowering {
  readonly source: PolicySource;
  readonly manifest: Manifest;
  readonly context: ManifestContext;
  readonly capabilities: Capability[];
  readonly diagnostics: Diagnostic[];
}

export function lowerManifest(
  source: PolicySource,
  manifest: Manifest,
  context: ManifestContext,
): LoweredManifest {
  const lowering: Lowering = { source, manifest, context, capabilities: [], diagnostics: [] };
  lowerRoots(lowering, "permissions.fs.read_roots", manifest.readRoots, ["FileRead", "DirList"]);
  lowerRoots(lowering, "permissions.fs.write_roots", manifest.writeRoots, [
    "FileWrite",
    "FileDelete",
    "DirCreate",
  ]);
  lowerDomains(lowering);
  lowerPrograms(lowering);
  lowerTools(lowering);
  return { capabilities: lowering.capabilities, diagnostics: lowering.diagnostics };
}

function lowerRoots(
  lowering: Lowering,
  field: string,
  roots: readonly string[],
  actions: readonly Action[],
): void {
  for (const [index, root] of roots.entries()) {
    const origin = originOf(lowering, field, index);
    const path = resolve(lowering, root);
    if (path === undefined) {
      lowering.diagnostics.push(errorAt(origin, `manifest: ${field}: "${root}" is no path`));
      continue;
    }
    const { places, linkTarget } = lowering.context;
    const flaw = strayingLink(path, places, linkTarget);
    if (flaw !== undefined)
      lowering.diagnostics.push(errorAt(origin, `manifest: ${field}: ${flaw.message}`, flaw.hint));
    for (const target of withLink(path, lowering.context.linkTarget))
      permit(lowering, origin, actions, [{ kind: "path-in", path: target, negated: false }]);
  }
}

/** As `--net` reads them, but for `all`: a publisher says which hosts. An empty list is none. */
function lowerDomains(lowering: Lowering): void {
  const field = "permissions.net.domains";
  for (const [index, domain] of lowering.manifest.domains.entries()) {
    const origin = originOf(lowering, field, index);
    const parsed = splitProtocol(domain).rest === "all" ? notAll : parseNetRule(domain, "permit");
    if (parsed.ok)
      for (const where of parsed.value)
        permit(lowering, origin, ["NetConnect", "NetRequest"], where);
    else {
      const { message, hint } = parsed.error;
      const text = `manifest: ${field}: ${JSON.stringify(domain)} ${message}`;
      lowering.diagnostics.push(errorAt(origin, text, hint));
    }
  }
}

const notAll = err({ message: "names no host", hint: `use ${netForms}` });

/**
 * A name without a slash is looked for as a shell would; the kernel is told of the files found. The
 * list is sealed: no other policy adds to it.
 */
function lowerPrograms(lowering: Lowering): void {
  const field = "permissions.exec.allowed_bins";
  const { allowedBins, position } = lowering.manifest;
  if (allowedBins === undefined) return;
  const listed: string[] = [];
  for (const [index, bin] of allowedBins.entries()) {
    const origin = originOf(lowering, field, index);
    const paths = bin.includes("/") ? pathsOf(lowering, bin) : programsNamed(lowering, bin);
    if (bin === "" || paths.length === 0) {
      const message = `manifest: ${field}: there is no program "${bin}" here`;
      lowering.diagnostics.push(warningAt(origin, message));
    }
    for (const path of new Set(paths))
      permit(lowering, origin, ["ProcessSpawn"], [{ kind: "path-equals", path, negated: false }]);
    listed.push(...paths);
  }
  const { name } = lowering.source;
  const origin = { rule: `${name}:exec.allowed_bins`, source: name, ...position(field) };
  if (listed.length > sealedProgramsMax) {
    const message = `manifest: ${field}: ${listed.length} programs: the most is ${sealedProgramsMax}`;
    lowering.diagnostics.push(errorAt(origin, message));
  }
  lowering.capabilities.push(...sealPrograms(listed, origin));
}

function lowerTools(lowering: Lowering): void {
  for (const [index, tool] of lowering.manifest.tools.entries())
    permit(
      lowering,
      originOf(lowering, "permissions.tools", index),
      ["ToolCall"],
      [{ kind: "path-equals", path: tool, negated: false }],
    );
}

function permit(
  lowering: Lowering,
  origin: Origin,
  actions: readonly Action[],
  where: readonly Atom[],
): void {
  lowering.capabilities.push({ effect: "permit", actions, agent: undefined, where, origin });
}

function originOf({ source, manifest }: Lowering, field: string, index: number): Origin {
  const rule = `${source.name}:${field.replace(/^permissions\./, "")}.${index}`;
  return { rule, source: source.name, ...manifest.position(`${field}.${index}`) };
}

function programsNamed(lowering: Lowering, name: string): readonly string[] {
  return lowering.context
    .findProgram(name)
    .flatMap((path) => withLink(path, lowering.context.linkTarget));
}

function pathsOf(lowering: Lowering, text: string): readonly string[] {
  const path = resolve(lowering, text);
  return path === undefined ? [] : withLink(path, lowering.context.linkTarget);
}

function resolve({ context }: Lowering, text: string): string | undefined {
  if (text === "") return undefined;
  return absPath(text.startsWith("/") ? text : `${context.places.workspace}/${text}`);
}
