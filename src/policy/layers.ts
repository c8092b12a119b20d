// Everything a policy is made of, in the order in which rules are named: base and tools, the policy
// itself, the manifest, the flags, and what is protected from all of them. The order never changes
// a verdict, because a forbid wins wherever it stands.

import controlSockets from "../../profiles/control-sockets.cedar" with { type: "text" };
import credentials from "../../profiles/credentials.cedar" with { type: "text" };
import protectedNames from "../../profiles/protected-names.cedar" with { type: "text" };
import { AegisError } from "../base/errors.ts";
import type { Capabilities } from "../model/capability.ts";
import type { PolicySource } from "../model/policy-snapshot.ts";
import { printCapabilities } from "./cedar/print.ts";
import { type ControlSockets, controlSocketRules } from "./control-sockets.ts";
import { flagsSource } from "./flags.ts";
import { type Platform, profileSource, profileTexts } from "./profiles.ts";
import { type Repository, repositoryRules } from "./repository.ts";
import { ruleText } from "./rule-text.ts";
import { templateNamed, templateSource, templates } from "./templates.ts";

/** Name of the source that forbids credentials, which flags may lift, path by path. */
export const credentialsSource = "protected:credentials";
/** The same for sockets that act outside the box; no other source is lifted. */
export const socketsSource = "protected:sockets";

export interface PolicyLayers {
  readonly platform: Platform;
  /** Names of templates. */
  readonly templates: readonly string[];
  /** Texts people wrote; none at all and no template means default-deny. */
  readonly files: readonly PolicySource[];
  /** Profiles asked for by name, beside the base and those of the templates. */
  readonly profiles: readonly string[];
  readonly manifests: readonly PolicySource[];
  readonly flags: Capabilities;
  readonly protections: Protections;
}

export interface Protections {
  /** State and binary of aegis: never writable. Not empty. */
  readonly ownPaths: readonly string[];
  /** What of it not even reading is granted for: keys, sockets, the ledger. */
  readonly ownSecrets: readonly string[];
  readonly repository: Repository | undefined;
  /** Names through which a command could act outside its box later. */
  readonly names: boolean;
  readonly credentials: boolean;
  /** What `findControlSockets` found. */
  readonly sockets: ControlSockets;
}

/** @throws {AegisError} `policy/not-found` for an unknown template or profile */
export function policySources(layers: PolicyLayers): readonly PolicySource[] {
  const { platform, files, manifests } = layers;
  const isEmpty = layers.templates.length + files.length + manifests.length === 0;
  const chosen = (isEmpty ? ["default-deny"] : layers.templates).map(knownTemplate);
  const profiles = ["base", ...chosen.flatMap((template) => template.profiles), ...layers.profiles];
  const flags = layers.flags.capabilities.length > 0 ? [flagsText(layers.flags)] : [];
  return [
    ...[...new Set(profiles)].map((name) => profileSource(name, platform)),
    ...chosen.map(templateSource),
    ...files,
    ...manifests,
    ...flags,
    ...protectionSources(layers.protections),
  ];
}

/**
 * True for a text that comes with the program, word for word, or is made by it. Those are plain and
 * known to pass the schema, so they are read without Cedar's engine. A file people wrote has a path
 * for its name, which none of these is.
 */
export function isOwnText({ name, text }: PolicySource): boolean {
  return builtinTexts.has(text) || generatedSources.includes(name);
}

const generatedSources: readonly string[] = [
  flagsSource,
  "protected:aegis",
  "protected:git",
  socketsSource,
];

const builtinTexts: ReadonlySet<string> = new Set([
  protectedNames,
  credentials,
  controlSockets,
  ...templates.map((template) => template.text),
  ...profileTexts,
]);

/** What stays forbidden whatever a policy permits. */
export function protectionSources(protections: Protections): readonly PolicySource[] {
  const { repository, sockets } = protections;
  const sources: PolicySource[] = [cedar("protected:aegis", ownRules(protections))];
  const git = repository === undefined ? "" : repositoryRules(repository);
  if (git !== "") sources.push(cedar("protected:git", git));
  if (protections.names) sources.push(cedar("protected:names", protectedNames));
  if (protections.credentials) sources.push(cedar(credentialsSource, credentials));
  const found = controlSocketRules(sockets);
  const text = found === "" ? controlSockets : `${controlSockets}\n${found}`;
  sources.push(cedar(socketsSource, text));
  return sources;
}

function ownRules({ ownPaths, ownSecrets }: Protections): string {
  const own = ruleText({
    id: "protected:aegis",
    effect: "forbid",
    actions: ["FileWrite", "FileDelete", "DirCreate"],
    paths: ownPaths,
    comment: "State and binary of aegis itself.",
  });
  if (ownSecrets.length === 0) return own;
  const secret = ruleText({
    id: "protected:aegis-secrets",
    effect: "forbid",
    actions: ["FileRead", "FileWrite", "FileDelete", "DirCreate", "DirList"],
    paths: ownSecrets,
    comment: "Its keys and sockets, and the ledger.",
  });
  return `${own}\n${secret}`;
}

function flagsText(flags: Capabilities): PolicySource {
  return cedar(flagsSource, printCapabilities(flags));
}

function cedar(name: string, text: string): PolicySource {
  return { kind: "cedar", name, text };
}

function knownTemplate(name: string): (typeof templates)[number] {
  const template = templateNamed(name);
  if (template !== undefined) return template;
  throw new AegisError("policy/not-found", `Cannot use policy template "${name}": there is none`, {
    hint: `templates are ${templates.map((known) => known.name).join(", ")}`,
  });
}
