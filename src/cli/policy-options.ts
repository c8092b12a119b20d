// The flags of `run` that decide about its policy, for the commands that examine it instead of
// launching.

import type { PolicyOptions } from "../app/policy/in-force.ts";
import { runSpec } from "./command/run.ts";

const { config, policy, manifest, profile, dir, name, read, write, deny, net, listen, exec } =
  runSpec.flags;
const denyNet = runSpec.flags["deny-net"];

export const policyFlags = {
  config,
  policy,
  manifest,
  profile,
  dir,
  name,
  read,
  write,
  deny,
  net,
  "deny-net": denyNet,
  listen,
  exec,
} as const;

interface PolicyFlagValues {
  readonly config: string | undefined;
  readonly policy: readonly string[];
  readonly manifest: string | undefined;
  readonly profile: readonly string[];
  readonly dir: string | undefined;
  readonly name: string | undefined;
  readonly read: readonly string[];
  readonly write: readonly string[];
  readonly deny: readonly string[];
  readonly net: readonly string[];
  readonly "deny-net": readonly string[];
  readonly listen: readonly string[];
  readonly exec: readonly string[];
}

export function policyOptions(flags: PolicyFlagValues): PolicyOptions {
  return {
    config: flags.config,
    policies: flags.policy,
    manifest: flags.manifest,
    profiles: flags.profile,
    directory: flags.dir,
    name: flags.name,
    read: flags.read,
    write: flags.write,
    deny: flags.deny,
    net: flags.net,
    denyNet: flags["deny-net"],
    listen: flags.listen,
    exec: flags.exec,
  };
}
