// What this kernel, for this user, here and now, lets aegis use. probe.ts asks; planning only
// reads.

import type { Arch } from "./filter/syscall-table.ts";

export const featureNames = [
  "landlock",
  "notify",
  "descriptors",
  "mount namespace",
  "pid namespace",
  "net namespace",
  "ipc namespace",
] as const;
/** `descriptors`: those of other processes can be taken, which a container may refuse. */
export type FeatureName = (typeof featureNames)[number];

export interface HostFeatures {
  readonly arch: Arch;
  /** Effective uid 0: namespaces are made without a user namespace around them. */
  readonly isRoot: boolean;
  /** 0 without Landlock. */
  readonly landlockAbi: number;
  /** Bits of fixed errata; 0 also where the kernel cannot tell. */
  readonly landlockErrata: number;
  /** Why a feature cannot be used, "" when it can. */
  readonly lacks: Readonly<Record<FeatureName, string>>;
}

/** A plain user's machine with nothing missing. */
export function everyFeature(arch: Arch): HostFeatures {
  const lacks = Object.fromEntries(featureNames.map((name) => [name, ""])) as Record<
    FeatureName,
    string
  >;
  return { arch, isRoot: false, landlockAbi: 1, landlockErrata: 0, lacks };
}

export function has(host: HostFeatures, feature: FeatureName): boolean {
  return host.lacks[feature] === "";
}
