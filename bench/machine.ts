// The machine the figures are from.

import { readFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg, release, totalmem } from "node:os";
import { aegisBinary } from "../test/support/harness.ts";

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGb: number;
  readonly kernel: string;
  readonly distribution: string;
  readonly bun: string;
  readonly aegis: string;
  /** One-minute load when the measurements began: above 1 the figures are of a busy machine. */
  readonly loadAtStart: number;
  readonly date: string;
}

export function describeMachine(): Machine {
  const name = /^PRETTY_NAME="(.*)"$/m.exec(readFileSync("/etc/os-release", "utf8"))?.[1];
  const version = Bun.spawnSync([aegisBinary(), "--version"]).stdout.toString().trim();
  return {
    cpu: cpus()[0]?.model ?? "unknown",
    cores: availableParallelism(),
    memoryGb: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    distribution: name ?? "unknown",
    bun: Bun.version,
    aegis: version,
    loadAtStart: loadavg()[0] ?? 0,
    date: new Date().toISOString().slice(0, 10),
  };
}
