// Policy texts to capabilities: the front-end for each kind of text, then what flags lift. Either
// everything compiles, or there are diagnostics about everything that does not; nothing in between,
// because half a policy is another policy.

import { absPath } from "../base/paths.ts";
import { assert, err, ok, type Result } from "../base/result.ts";
import type { Action, Capabilities, Capability } from "../model/capability.ts";
import type { PolicySource } from "../model/policy-snapshot.ts";
import { type CedarPolicy, parsePolicies } from "./cedar/parse.ts";
import { readPlainSource } from "./cedar/plain.ts";
import { lowerPolicy } from "./cedar/to-capabilities.ts";
import type { Cedar } from "./cedar/wasm.ts";
import type { DecisionPermit } from "./decision-permit.ts";
import { type Diagnostic, isError } from "./diagnostic.ts";
import { flagsSource } from "./flags.ts";
import { credentialsSource, isOwnText, socketsSource } from "./layers.ts";
import { liftForbids, liftSockets } from "./lift.ts";
import { linkTargets, type RealPath } from "./links.ts";
import { type Manifest, parseManifest } from "./manifest/parse.ts";
import { lowerManifest } from "./manifest/to-capabilities.ts";
import type { Places } from "./places.ts";

export interface CompileRequest {
  /** Opens Cedar's engine; not called when every text comes with the program. */
  readonly cedar: () => Promise<Cedar>;
  readonly sources: readonly PolicySource[];
  /** Canonical. */
  readonly places: Places;
  /** What a path is a link to; a policy that is compiled without a disk has no links. */
  readonly realPath?: RealPath;
  /** Where programs named without a slash are; without it there are none. */
  readonly findProgram?: (name: string) => readonly string[];
  /** Keep permits that only decisions outside a kernel can honour; without it they are errors. */
  readonly decisionOnly?: boolean;
}

export interface CompiledPolicy {
  readonly capabilities: Capabilities;
  /** Empty unless `decisionOnly`. */
  readonly decisionPermits: readonly DecisionPermit[];
  readonly warnings: readonly Diagnostic[];
  /** As parsed, for what they say beside accesses. */
  readonly manifests: readonly Manifest[];
}

interface Parts {
  readonly capabilities: Map<PolicySource, readonly Capability[]>;
  readonly decisionPermits: DecisionPermit[];
  readonly diagnostics: Diagnostic[];
  readonly manifests: Manifest[];
}

export async function compilePolicy(
  request: CompileRequest,
): Promise<Result<CompiledPolicy, readonly Diagnostic[]>> {
  for (const place of Object.values(request.places))
    assert(absPath(place) === place, `place "${place}" is absolute and normalised`);
  const parts: Parts = {
    capabilities: new Map(),
    decisionPermits: [],
    diagnostics: [],
    manifests: [],
  };
  await compileCedar(request, parts);
  for (const source of request.sources)
    if (source.kind === "manifest") await compileManifest(source, request, parts);
  const diagnostics = inReadingOrder(parts.diagnostics, request.sources);
  if (diagnostics.some(isError)) return err(diagnostics);
  const inOrder = request.sources.flatMap((source) => parts.capabilities.get(source) ?? []);
  return ok({
    capabilities: { version: 1, capabilities: lifted(inOrder, request.places) },
    decisionPermits: parts.decisionPermits,
    warnings: diagnostics,
    manifests: parts.manifests,
  });
}

async function compileCedar(request: CompileRequest, parts: Parts): Promise<void> {
  const { places, decisionOnly = false } = request;
  const options = {
    places,
    linkTarget: linkTargets(request.realPath ?? noLinks),
    decisionOnly,
  };
  const lower = (cedar: Cedar | undefined, policy: CedarPolicy): void => {
    const isOwn = isOwnText(policy.source);
    const lowered = lowerPolicy(cedar, policy, { ...options, isOwn });
    const before = parts.capabilities.get(policy.source) ?? [];
    parts.capabilities.set(policy.source, [...before, ...lowered.capabilities]);
    parts.decisionPermits.push(...lowered.decisionPermits);
    parts.diagnostics.push(...lowered.diagnostics);
  };
  const sources = request.sources.filter(({ kind }) => kind === "cedar");
  // Asked for first, because it is made ready elsewhere while our own texts are read here.
  const early = sources.every(isOwnText) ? undefined : request.cedar();
  const others = sources.filter((source) => {
    const own = isOwnText(source) ? readPlainSource(source) : undefined;
    for (const policy of own ?? []) lower(undefined, policy);
    return own === undefined;
  });
  if (others.length === 0) return;
  const cedar = await (early ?? request.cedar());
  const { policies, diagnostics } = parsePolicies(cedar, others);
  parts.diagnostics.push(...diagnostics);
  for (const policy of policies) lower(cedar, policy);
}

async function compileManifest(
  source: PolicySource,
  request: CompileRequest,
  parts: Parts,
): Promise<void> {
  const manifest = await parseManifest(source);
  if (!manifest.ok) {
    parts.diagnostics.push(...manifest.error);
    return;
  }
  const lowered = lowerManifest(source, manifest.value, {
    places: request.places,
    linkTarget: linkTargets(request.realPath ?? noLinks),
    findProgram: request.findProgram ?? (() => []),
  });
  parts.manifests.push(manifest.value);
  parts.capabilities.set(source, lowered.capabilities);
  parts.diagnostics.push(...lowered.diagnostics);
}

/**
 * A path given to `--read` or `--write` is meant, even when it is a credential, and so is a socket
 * given to `--net unix:`, and a folder that is worked in where sockets are kept.
 */
function lifted(
  capabilities: readonly Capability[],
  { workspace, tmp }: Places,
): readonly Capability[] {
  const granted = (action: Action, kind: "path-in" | "path-equals"): readonly string[] =>
    capabilities
      .filter(({ origin, effect }) => origin.source === flagsSource && effect === "permit")
      .filter(({ actions }) => actions.includes(action))
      .flatMap(({ where }) =>
        where.flatMap((atom) => (atom.kind === kind && !atom.negated ? [atom.path] : [])),
      );
  const read = granted("FileRead", "path-in");
  const written = granted("FileWrite", "path-in");
  const sockets = {
    connected: granted("FileWrite", "path-equals"),
    written: [...written, workspace, tmp],
  };
  return capabilities.flatMap((capability) => {
    const { source } = capability.origin;
    if (source === socketsSource) return liftSockets(capability, sockets);
    return source === credentialsSource ? liftForbids(capability, { read, written }) : [capability];
  });
}

function inReadingOrder(
  diagnostics: readonly Diagnostic[],
  sources: readonly PolicySource[],
): readonly Diagnostic[] {
  const places = new Map(sources.map(({ name }, index) => [name, index]));
  const placeOf = ({ file }: Diagnostic): number => places.get(file) ?? sources.length;
  return [...diagnostics].sort(
    (a, b) => placeOf(a) - placeOf(b) || a.line - b.line || a.column - b.column,
  );
}

function noLinks(): undefined {
  return undefined;
}
