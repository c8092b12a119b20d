// The policy a launch with these options would run under, compiled, without launching anything.

import { AegisError } from "../../base/errors.ts";
import { absPath, resolvePath } from "../../base/paths.ts";
import { aegisHome } from "../../config/location.ts";
import type { BoxRequest } from "../../enforce/backend.ts";
import { everyFeature } from "../../enforce/linux/features.ts";
import { namePlace } from "../../enforce/linux/paths/clause.ts";
import { realDisk } from "../../enforce/linux/paths/disk.ts";
import { temporaryOf } from "../../enforce/linux/temporary.ts";
import { platformName } from "../../enforce/select.ts";
import type { Attempt } from "../../model/attempt.ts";
import type { Action, Capabilities } from "../../model/capability.ts";
import {
  type PolicySnapshot,
  type PolicySource,
  policySnapshot,
} from "../../model/policy-snapshot.ts";
import { resourceNamed } from "../../policy/attempt.ts";
import { prepareDecider } from "../../policy/decide.ts";
import { type Explanation, explain } from "../../policy/explain.ts";
import { classOf } from "../../policy/leaf.ts";
import type { Platform } from "../../policy/profiles.ts";
import { programsNamed } from "../../supervise/find-program.ts";
import { ownTemporaryFolder } from "../../supervise/temporary-folder.ts";
import type { LaunchOptions } from "../launch/options.ts";
import { boxRequest, collectSources, type PolicySubject } from "../launch/prepare-box.ts";
import { launchSubject, ownBinary, placesOf } from "../launch/subject.ts";
import type { Surroundings } from "../surroundings.ts";

/** The options of a launch that decide about its policy. */
export type PolicyOptions = Pick<
  LaunchOptions,
  | "config"
  | "policies"
  | "manifest"
  | "profiles"
  | "directory"
  | "name"
  | "read"
  | "write"
  | "deny"
  | "net"
  | "denyNet"
  | "listen"
  | "exec"
>;

export interface PolicyInForce {
  readonly request: BoxRequest;
  /** As in a box of a kernel that lacks nothing: on Linux it has a /tmp of its own. */
  readonly capabilities: Capabilities;
  readonly snapshot: PolicySnapshot;
  /** For whoever asked. */
  readonly warnings: readonly string[];
}

/**
 * @param platform whose base profile is meant
 * @throws {AegisError} as a launch with these options would
 */
export async function policyInForce(
  given: PolicyOptions,
  around: Surroundings,
  platform: Platform = platformName,
): Promise<PolicyInForce> {
  const subject = policySubject(given, around, platform);
  const snapshot = policySnapshot(collectSources(subject));
  const request = await boxRequest(subject, snapshot);
  const capabilities = platform === "linux" ? withMounts(request) : request.capabilities;
  return { request, capabilities, snapshot, warnings: subject.subject.warnings };
}

/** Questions are about /tmp, wherever the box of a launch would have it on this very machine. */
function withMounts(request: BoxRequest): Capabilities {
  const { version, capabilities } = request.capabilities;
  const host = everyFeature(process.arch === "arm64" ? "aarch64" : "x86_64");
  const there = temporaryOf(request, capabilities, host, realDisk());
  return { version, capabilities: there.capabilities };
}

function policySubject(
  given: PolicyOptions,
  around: Surroundings,
  platform: Platform,
): PolicySubject {
  const options: LaunchOptions = {
    ...given,
    mode: "run",
    command: [],
    execHash: false,
    environment: [],
    limits: [],
    audit: "full",
    allowWeaker: true,
    ledger: undefined,
    tag: undefined,
    quiet: true,
    json: false,
  };
  const subject = launchSubject(options, around);
  const temporary = ownTemporaryFolder(subject.workspace, around.clock);
  return {
    options,
    subject,
    around,
    platform,
    temporary,
    places: placesOf(subject, temporary, around),
    path: around.environment.PATH ?? "",
    binary: ownBinary(subject),
  };
}

/**
 * What holds whatever a policy says: the base profile, and what is forbidden for good.
 * @throws {AegisError} as a launch there would
 */
export async function standingRules(
  { directory, name }: Pick<PolicyOptions, "directory" | "name">,
  around: Surroundings,
): Promise<BoxRequest> {
  const options = { ...noPolicy, directory, name };
  const subject = policySubject(options, around, platformName);
  // An empty text, for no text at all would mean the one that denies everything. Texts are
  // protected as files, so it is named as one that is protected anyway.
  const place = resolvePath(aegisHome(around.environment), "nothing.cedar");
  const nothing: PolicySource = { kind: "cedar", name: place, text: "" };
  const texts = { templates: [], files: [nothing], manifests: [] };
  const standing = { ...subject, subject: { ...subject.subject, texts } };
  return boxRequest(standing, policySnapshot(collectSources(standing)));
}

const noPolicy: PolicyOptions = {
  config: undefined,
  policies: [],
  manifest: undefined,
  profiles: [],
  directory: undefined,
  name: undefined,
  read: [],
  write: [],
  deny: [],
  net: [],
  denyNet: [],
  listen: [],
  exec: [],
};

export interface Answer {
  readonly attempt: Attempt;
  readonly explanation: Explanation;
}

/**
 * What the policy says about one attempt; links in the path are resolved as the kernel would, and a
 * program without a folder is the one that a launch would find.
 * @throws {AegisError} `usage` when the resource is none this action can be about
 */
export function answer(
  { request, capabilities }: PolicyInForce,
  action: Action,
  resource: string,
  around: Surroundings,
): Answer {
  const program = action === "ProcessSpawn" ? foundProgram(resource, around) : undefined;
  const named = resourceNamed(action, program ?? resource, around.directory);
  if (named === undefined) {
    throw new AegisError(
      "usage",
      `Cannot judge ${action} of "${resource}": it is no such resource`,
      {
        hint: "give a path for files and programs, HOST:PORT for connections, PORT for a server",
      },
    );
  }
  const path = placeOf(action, named.path);
  const attempt = { action, agent: request.agent, resource: { ...named, path } };
  return { attempt, explanation: explain(prepareDecider(capabilities), attempt) };
}

function foundProgram(name: string, { environment }: Surroundings): string | undefined {
  return name.includes("/") ? undefined : programsNamed(name, environment.PATH ?? "")[0];
}

/** Where a path leads, also one that is not there yet; what is no path stays as it is. */
function placeOf(action: Action, text: string): string {
  const path = classOf(action) === "path" ? absPath(text) : undefined;
  if (path === undefined) return text;
  const disk = realDisk();
  // These are about the name itself, not about what a link there leads to.
  const isName = action === "FileDelete" || action === "DirCreate";
  return isName && path !== "/" ? namePlace(path, disk) : disk.look(path).place;
}
