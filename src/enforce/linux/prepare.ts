// Making the box of a policy on Linux: asks the helper what this machine offers and plans. Loaded
// only where no kept plan serves.

import { AegisError } from "../../base/errors.ts";
import { encodeBox } from "../../bridge/encode-plan.ts";
import { type Helper, loadHelper } from "../../bridge/helper.ts";
import { probeHelper } from "../../bridge/probe-helper.ts";
import type { BoxRequest, PreparedBox } from "../backend.ts";
import { refuseIfBelow } from "../coverage.ts";
import { type HostFeatures, has } from "./features.ts";
import type { Arch } from "./filter/syscall-table.ts";
import { inexpressible } from "./finding.ts";
import { realDisk } from "./paths/disk.ts";
import { RecordingView } from "./paths/disk-view.ts";
import { needsOwnFolder, planLinux } from "./plan.ts";
import { packBox } from "./prepared.ts";
import { hostFeatures } from "./probe.ts";

/** @param helper loaded meanwhile */
export async function prepareLinux(
  helper: Promise<Helper>,
  wanted: BoxRequest | Promise<BoxRequest>,
): Promise<PreparedBox> {
  // A wrong policy is told even where the helper fails as well.
  const [made, offered] = await Promise.allSettled([wanted, helper.then(probeHost)]);
  const [request, host] = [resultOf(made), resultOf(offered)];
  if (request.asks === true) refuseIfMute(host);
  // Before the disk is looked at for the plan: it has to be there then.
  if (needsOwnFolder(request, host, realDisk())) request.temporary?.make();
  const view = new RecordingView(realDisk());
  const planned = planLinux(request, host, view);
  if (!planned.ok) throw inexpressible(planned.error);
  const { plan, coverage, sources, mayShow, network, temporary } = planned.value;
  refuseIfBelow(coverage, request.allowWeaker);
  const bytes = packBox({
    arch: host.arch,
    sources,
    plan: encodeBox(plan),
    mayShow,
    recordsReads: request.audit !== "writes" || request.observeOnly,
  });
  const lacking = lackingOf(host);
  const about = { coverage, bytes, facts: view.facts(), temporary, network };
  return lacking === undefined ? about : { ...about, lacking };
}

/** What the machine does not offer now, as a kept plan notes it; undefined: nothing. */
export async function lackingNow(helper: Helper): Promise<string | undefined> {
  return lackingOf(await probeHost(helper));
}

function lackingOf({ lacks, landlockAbi }: HostFeatures): string | undefined {
  const isWhole = Object.values(lacks).every((why) => why === "");
  return isWhole ? undefined : JSON.stringify([landlockAbi, lacks]);
}

/**
 * What this machine lets this user use; tried for real.
 * @throws {AegisError} `enforce/helper` when the helper cannot tell: it could hold no box either
 */
export async function surveyLinux(helperDirectory: string): Promise<HostFeatures> {
  return probeHost(await loadHelper(helperDirectory));
}

function resultOf<T>(settled: PromiseSettledResult<T>): T {
  if (settled.status === "rejected") throw settled.reason;
  return settled.value;
}

async function probeHost(helper: Helper): Promise<HostFeatures> {
  const machine = { arch: ownArch(), isRoot: process.geteuid?.() === 0 };
  return hostFeatures(await probeHelper(helper), machine);
}

/** Who asks opens: the broker, and Landlock stays underneath. */
function refuseIfMute(host: HostFeatures): void {
  for (const feature of ["notify", "landlock"] as const) {
    if (has(host, feature)) continue;
    throw new AegisError(
      "enforce/insufficient",
      `Cannot ask about what is denied: ${feature} is missing: ${host.lacks[feature]}`,
      { hint: "run without --ask; `aegis setup` shows what this machine offers" },
    );
  }
}

function ownArch(): Arch {
  if (process.arch === "x64") return "x86_64";
  if (process.arch === "arm64") return "aarch64";
  throw new AegisError("enforce/unsupported", `Cannot confine on ${process.arch}`, {
    hint: "x86_64 and aarch64 are supported",
  });
}
