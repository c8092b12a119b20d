// The machines a binary is made for, and what each is called by everybody involved.

export const targetNames = ["linux-x64", "linux-arm64", "darwin-x64", "darwin-arm64"] as const;
export type TargetName = (typeof targetNames)[number];

export interface Target {
  readonly name: TargetName;
  readonly os: "linux" | "darwin";
  /** As Bun's `--target` spells it. */
  readonly bundlerTarget: string;
  /** The npm package that carries Bun's runtime for it. */
  readonly runtimePackage: string;
  /** Machine name in the file name of the native helper; undefined: none is needed. */
  readonly helperMachine: string | undefined;
}

export const targets: Readonly<Record<TargetName, Target>> = {
  "linux-x64": {
    name: "linux-x64",
    os: "linux",
    bundlerTarget: "bun-linux-x64",
    runtimePackage: "@oven/bun-linux-x64",
    helperMachine: "x86_64",
  },
  "linux-arm64": {
    name: "linux-arm64",
    os: "linux",
    bundlerTarget: "bun-linux-arm64",
    runtimePackage: "@oven/bun-linux-aarch64",
    helperMachine: "aarch64",
  },
  "darwin-x64": {
    name: "darwin-x64",
    os: "darwin",
    bundlerTarget: "bun-darwin-x64",
    runtimePackage: "@oven/bun-darwin-x64",
    helperMachine: undefined,
  },
  "darwin-arm64": {
    name: "darwin-arm64",
    os: "darwin",
    bundlerTarget: "bun-darwin-arm64",
    runtimePackage: "@oven/bun-darwin-aarch64",
    helperMachine: undefined,
  },
};

/** The target this machine runs. @throws on a machine no binary is made for. */
export function hostTarget(): Target {
  return findTarget(`${process.platform}-${process.arch}`);
}

/** @throws naming the known targets. */
export function findTarget(name: string): Target {
  const known = targetNames.find((candidate) => candidate === name);
  if (known === undefined)
    throw new Error(`Cannot build for "${name}": known targets are ${targetNames.join(", ")}`);
  return targets[known];
}
