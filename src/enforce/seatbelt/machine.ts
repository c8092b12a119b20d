// What the macOS backend needs of the machine it runs on, and the real one. Programs are absolute
// paths: nothing is looked up.

import { statSync } from "node:fs";
import { realDisk } from "../linux/paths/disk.ts";
import type { DiskView } from "../linux/paths/disk-view.ts";
import type { AccessSource } from "./access-source.ts";

export interface SeatbeltMachine {
  /** Applies a profile to itself and becomes a program. */
  readonly sandboxExec: string;
  /** Does nothing; the profile of a plan is tried on it. */
  readonly trialProgram: string;
  readonly disk: DiskView;
  /** Whether the volume of a directory takes names that differ in letter case for the same. */
  readonly ignoresCase: (directory: string) => boolean;
  readonly sources: readonly AccessSource[];
}

/** This Mac. `sources` come from src/observe. */
export function thisMac(sources: readonly AccessSource[]): SeatbeltMachine {
  return {
    sandboxExec: "/usr/bin/sandbox-exec",
    trialProgram: "/usr/bin/true",
    disk: realDisk(),
    ignoresCase,
    sources,
  };
}

/**
 * Looks the directory up by a name in the other case; what cannot be told counts as yes, which only
 * denies more.
 */
export function ignoresCase(directory: string): boolean {
  const other = [...directory].map(otherCase).join("");
  if (other === directory) return true;
  const [here, there] = [directory, other].map((path) => statSync(path, { throwIfNoEntry: false }));
  if (here === undefined) return true;
  return there !== undefined && there.ino === here.ino && there.dev === here.dev;
}

function otherCase(char: string): string {
  return char === char.toLowerCase() ? char.toUpperCase() : char.toLowerCase();
}
