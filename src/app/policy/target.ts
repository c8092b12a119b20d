// A policy as the kernel of a platform would be told it, for people who want to read it.

import { AegisError } from "../../base/errors.ts";
import { resolvePath } from "../../base/paths.ts";
import type { BoxPlan } from "../../bridge/encode-plan.ts";
import { aegisPaths } from "../../config/location.ts";
import { platformName } from "../../enforce/select.ts";
import type { Coverage } from "../../model/coverage.ts";
import { diagnosticText } from "../../policy/diagnostic.ts";
import type { Surroundings } from "../surroundings.ts";
import type { PolicyInForce } from "./in-force.ts";

export interface LinuxTarget {
  readonly plan: BoxPlan;
  readonly coverage: Coverage;
}

/**
 * The plan this machine's kernel would get.
 * @throws {AegisError} `policy/inexpressible`; `enforce/unsupported` elsewhere than on Linux, whose
 * kernels differ too much for a plan without one
 */
export async function compileForLinux(
  { request }: PolicyInForce,
  around: Surroundings,
): Promise<LinuxTarget> {
  if (platformName !== "linux") {
    throw new AegisError("enforce/unsupported", "Cannot plan for Linux: this is another system", {
      hint: "run this on the Linux machine whose kernel the plan is for",
    });
  }
  const [{ surveyLinux }, { realDisk }, { inexpressible }, { planLinux }] = await Promise.all([
    import("../../enforce/linux/prepare.ts"),
    import("../../enforce/linux/paths/disk.ts"),
    import("../../enforce/linux/finding.ts"),
    import("../../enforce/linux/plan.ts"),
  ]);
  const host = await surveyLinux(resolvePath(aegisPaths(around.environment).home, "cache/helper"));
  const planned = planLinux(request, host, realDisk());
  if (planned.ok) return planned.value;
  throw inexpressible(planned.error);
}

/**
 * The SBPL text a Mac would get whose disk looks like this one.
 * @throws {AegisError} `policy/inexpressible`
 */
export async function compileForMacos({ request }: PolicyInForce): Promise<string> {
  const [{ realDisk }, { RecordingView }, { compileSeatbelt }, { realCapabilities }, sbpl] =
    await Promise.all([
      import("../../enforce/linux/paths/disk.ts"),
      import("../../enforce/linux/paths/disk-view.ts"),
      import("../../enforce/seatbelt/plan.ts"),
      import("../../enforce/seatbelt/real-paths.ts"),
      import("../../enforce/seatbelt/sbpl.ts"),
    ]);
  const disk = new RecordingView(realDisk());
  const { capabilities, settled } = realCapabilities(request.capabilities.capabilities, disk);
  const { agent } = request;
  const plan = compileSeatbelt({ capabilities, agent, wide: { settled }, tellsIoctls: true });
  if (plan.ok) return sbpl.renderProfile(plan.value.profile, "session", "PORT");
  const told = plan.error.map((problem) => `\n  ${diagnosticText(problem)}`).join("");
  throw new AegisError("policy/inexpressible", `Cannot enforce the policy on macOS:${told}`);
}
