// The policy a launch with these options would run under, compiled, without launching anything.

import { AegisError } from "../base/errors.ts";
import type { BoxRequest } from "../enforce/backend.ts";
import { platformName } from "../enforce/select.ts";
import type { Attempt } from "../model/attempt.ts";
import type { Action } from "../model/capability.ts";
import { type PolicySnapshot, policySnapshot } from "../model/policy-snapshot.ts";
import { resourceNamed } from "../policy/attempt.ts";
import { prepareDecider } from "../policy/decide.ts";
import { type Explanation, explain } from "../policy/explain.ts";
import type { Platform } from "../policy/profiles.ts";
import type { LaunchOptions } from "./launch-options.ts";
import { launchSubject, ownBinary, placesOf } from "./launch-subject.ts";
import { policyDisk } from "./policy-disk.ts";
import { boxRequest, collectSources, type PolicySubject } from "./prepare-box.ts";
import type { Surroundings } from "./surroundings.ts";

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
>;

export interface PolicyInForce {
  readonly request: BoxRequest;
  readonly snapshot: PolicySnapshot;
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
  const options: LaunchOptions = {
    ...given,
    mode: "run",
    command: [],
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
  const policySubject: PolicySubject = {
    options,
    subject,
    around,
    platform,
    places: placesOf(subject, around),
    path: around.environment.PATH ?? "",
    binary: ownBinary(subject),
  };
  const snapshot = policySnapshot(collectSources(policySubject));
  return { request: await boxRequest(policySubject, snapshot), snapshot };
}

export interface Answer {
  readonly attempt: Attempt;
  readonly explanation: Explanation;
}

/**
 * What the policy says about one attempt; links in the path are resolved as the kernel would.
 * @throws {AegisError} `usage` when the resource is none this action can be about
 */
export function answer(
  { request }: PolicyInForce,
  action: Action,
  resource: string,
  around: Surroundings,
): Answer {
  const named = resourceNamed(action, resource, around.directory);
  if (named === undefined) {
    throw new AegisError(
      "usage",
      `Cannot judge ${action} of "${resource}": it is no such resource`,
      {
        hint: "give a path for files and programs, HOST:PORT for connections",
      },
    );
  }
  const real = named.host === undefined ? policyDisk.realPath(named.path) : undefined;
  const path = real ?? named.path;
  const attempt = { action, agent: request.agent, resource: { ...named, path } };
  return { attempt, explanation: explain(prepareDecider(request.capabilities), attempt) };
}
