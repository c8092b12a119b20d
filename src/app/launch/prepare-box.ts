// From policy texts to a prepared box: out of the plan cache when nothing it depends on has
// changed, else compiled. The key holds every text and every circumstance a plan depends on but the
// disk, whose facts the cache itself checks again.

import { AegisError } from "../../base/errors.ts";
import { type AbsPath, absPath, resolvePath } from "../../base/paths.ts";
import { aegisVersion } from "../../base/version.ts";
import { aegisPaths } from "../../config/location.ts";
import type { Backend, BoxRequest, OwnFolder, PreparedBox } from "../../enforce/backend.ts";
import { databaseSuffixes } from "../../ledger/files.ts";
import {
  type PolicySnapshot,
  type PolicySource,
  policySnapshot,
} from "../../model/policy-snapshot.ts";
import { type ControlSockets, findControlSockets } from "../../policy/control-sockets.ts";
import type { Diagnostic } from "../../policy/diagnostic.ts";
import { flagsToCapabilities } from "../../policy/flags.ts";
import { policySources } from "../../policy/layers.ts";
import { isSeenAgain, sightOf } from "../../policy/mount-sight.ts";
import { parseMounts, withOtherMounts } from "../../policy/other-mounts.ts";
import type { Places } from "../../policy/places.ts";
import type { Platform } from "../../policy/profiles.ts";
import { findRepository } from "../../policy/repository.ts";
import { programsNamed } from "../../supervise/find-program.ts";
import { kernelOffer } from "../../supervise/kernel-offer.ts";
import { mountTable } from "../../supervise/mount-table.ts";
import { planKey, readCachedPlan, writeCachedPlan } from "../../supervise/plan-cache.ts";
import { leadsOutside } from "../../supervise/secret-signs.ts";
import { policyDisk } from "../policy/disk.ts";
import type { Surroundings } from "../surroundings.ts";
import { inheritsFiles } from "./inherited.ts";
import type { LaunchOptions } from "./options.ts";
import type { LaunchSubject } from "./subject.ts";

/** Everything a policy is collected and compiled for. */
export interface PolicySubject {
  readonly options: LaunchOptions;
  readonly subject: LaunchSubject;
  readonly around: Surroundings;
  readonly platform: Platform;
  readonly places: Places;
  /** `places.tmp`. */
  readonly temporary: OwnFolder;
  /** PATH the box will have. */
  readonly path: string;
  /** Path of this program. */
  readonly binary: AbsPath;
}

export interface BoxSubject extends PolicySubject {
  readonly backend: Backend;
}

export interface BoxWithPolicy {
  readonly box: PreparedBox;
  /** Made for an earlier launch. */
  readonly isKept: boolean;
  readonly snapshot: PolicySnapshot;
}

/**
 * @param plans `anew`: no kept one is used, because the one there did not fit
 * @throws {AegisError} `policy/*` and `enforce/*` when the policy is wrong or cannot be held
 */
export async function prepareBox(
  subject: BoxSubject,
  plans: "kept" | "anew",
): Promise<BoxWithPolicy> {
  // The second time nothing is new.
  if (plans === "kept") for (const each of subject.subject.warnings) subject.options.tell?.(each);
  const snapshot = policySnapshot(collectSources(subject));
  const { planCache } = aegisPaths(subject.around.environment);
  // Once, so that a plan is kept for the mounts that it was made for.
  const mounts = mountTable();
  const key = keyOf(subject, snapshot);
  const cached = plans === "kept" ? readCachedPlan(planCache, key) : undefined;
  const isSame = cached?.mounts !== undefined && isSeenAgain(cached.mounts, mounts);
  if (cached !== undefined && isSame && (await subject.backend.isCurrent(cached))) {
    // Whoever empties /tmp takes it away between two runs.
    if (cached.temporary === subject.temporary.path) subject.temporary.make();
    return { box: cached, isKept: true, snapshot };
  }
  const request = boxRequest(subject, snapshot, mounts);
  const box = await subject.backend.prepare(request);
  const { capabilities } = (await request).capabilities;
  const sight = sightOf(capabilities, mounts, policyDisk.realPath);
  writeCachedPlan(planCache, key, { ...box, mounts: sight }, subject.around.clock.nowUnixMs());
  return { box, isKept: false, snapshot };
}

/** What a backend is asked for. @throws {AegisError} `policy/*` when the policy is wrong */
export async function boxRequest(
  subject: PolicySubject,
  snapshot: PolicySnapshot,
  mounts = mountTable(),
): Promise<BoxRequest> {
  const { compileSources } = await import("../policy/compile.ts");
  const { places, options } = subject;
  const compiled = await compileSources(snapshot.sources, places, subject.path);
  return {
    capabilities: withOtherMounts(compiled.capabilities, parseMounts(mounts), policyDisk.realPath),
    agent: subject.subject.agent,
    workspace: places.workspace,
    home: places.home,
    audit: options.audit,
    ownPaths: ownPaths(subject),
    allowWeaker: options.allowWeaker,
    observeOnly: subject.subject.observeOnly,
    asks: options.prompt !== undefined,
    recordFailed: options.mode === "learn",
    hashPrograms: options.execHash,
    inheritsFiles: inheritsFiles(ownUser()),
    shownFolder: runFolder(subject.around),
    temporary: subject.temporary,
  };
}

/** Where launches keep what is meant for their boxes; canonical. */
export function runFolder({ environment }: Surroundings): AbsPath {
  const { home, running } = aegisPaths(environment);
  const realHome = absPath(policyDisk.realPath(home) ?? home) ?? home;
  return resolvePath(realHome, running.slice(home.length + 1));
}

/** Every text the launch runs under, in the order in which rules are named. */
export function collectSources(subject: PolicySubject): readonly PolicySource[] {
  const { options, places, around } = subject;
  const { texts, net } = subject.subject;
  const { read, write, deny, denyNet, listen, exec } = options;
  const flags = flagsToCapabilities(
    { read, write, deny, net, denyNet, listen, exec },
    {
      directory: around.directory,
      home: places.home,
      realPath: policyDisk.realPath,
      findProgram: (name) => programsNamed(name, subject.path),
    },
  );
  if (!flags.ok) throw usageOf(flags.error);
  return policySources({
    ...texts,
    platform: subject.platform,
    profiles: options.profiles,
    flags: flags.value,
    protections: {
      ownPaths: ownPaths(subject),
      ownSecrets: [aegisPaths(around.environment).keys, ...lockablePaths(subject)],
      repository: findRepository(places.workspace, policyDisk),
      names: true,
      credentials: !texts.templates.includes("permit-all"),
      sockets: controlSockets(subject),
    },
  });
}

/** Of the session aegis was started in, whose variables tell where they are. */
function controlSockets({ around, places }: PolicySubject): ControlSockets {
  const { environment } = around;
  const outside = Object.entries(environment).filter(([name]) => leadsOutside(name));
  const session = {
    user: ownUser(),
    variables: outside.map(([, value]) => value ?? ""),
    runtimeFolder: environment.XDG_RUNTIME_DIR,
    worked: Object.values(places),
  };
  return findControlSockets(session, policyDisk);
}

function usageOf(problems: readonly Diagnostic[]): AegisError {
  const [first] = problems;
  const hint = first === undefined || first.hint === "" ? {} : { hint: first.hint };
  return new AegisError("usage", problems.map(({ message }) => message).join("; "), hint);
}

/**
 * State, binary, ledger and the policy files themselves: what a box must never change, wherever
 * they lie.
 */
export function ownPaths({ around, binary, subject }: PolicySubject): readonly string[] {
  const { texts, ledger } = subject;
  const files = [...texts.files, ...texts.manifests].map(({ name }) => name).filter(isOnDisk);
  const database = databaseSuffixes.map((suffix) => `${ledger}${suffix}`);
  return [...new Set([aegisPaths(around.environment).home, binary, ...database, ...files])].map(
    (path) => policyDisk.realPath(path) ?? path,
  );
}

/**
 * Who may read these may lock them, and nothing could be recorded any more: not of this box, and
 * not of others.
 */
function lockablePaths({ subject }: PolicySubject): readonly string[] {
  return ["", "-wal", "-shm"]
    .map((suffix) => `${subject.ledger}${suffix}`)
    .map((path) => policyDisk.realPath(path) ?? path)
    .filter((path) => absPath(path) !== undefined);
}

/** A shell's pipe, `/dev/fd/63`, has no name that anybody could write to. */
function isOnDisk(path: string): boolean {
  return absPath(policyDisk.realPath(path) ?? path) !== undefined;
}

function keyOf(subject: BoxSubject, snapshot: PolicySnapshot): string {
  const { options, places } = subject;
  const circumstances = {
    agent: subject.subject.agent,
    places,
    path: subject.subject.texts.manifests.length > 0 ? subject.path : "",
    audit: options.audit,
    allowWeaker: options.allowWeaker,
    asks: options.prompt !== undefined,
    observeOnly: subject.subject.observeOnly,
    execHash: options.execHash,
    recordFailed: options.mode === "learn",
    uid: ownUser(),
    inheritsFiles: inheritsFiles(ownUser()),
    kernel: kernelOffer(),
    binary: subject.binary,
  };
  return planKey([aegisVersion, snapshot.hash, JSON.stringify(circumstances)]);
}

function ownUser(): number {
  return process.geteuid?.() ?? -1;
}
