// `aegis policy compile`

import { policyInForce } from "../../../app/policy/in-force.ts";
import { compileForLinux, compileForMacos, type LinuxTarget } from "../../../app/policy/target.ts";
import { platformName } from "../../../enforce/select.ts";
import type { JsonValue } from "../../../model/event.ts";
import { defineCommand } from "../../command.ts";
import { writeOut } from "../../output.ts";
import { policyFlags, policyOptions } from "../../policy-options.ts";
import { jsonText } from "../../render/json.ts";
import { warn } from "../../warn.ts";

export const command = defineCommand(
  {
    name: "policy compile",
    summary: "Print what a policy compiles to.",
    flags: {
      target: {
        kind: "choice",
        choices: ["linux", "macos", "ir"],
        summary:
          "Plan of this Linux kernel, SBPL of macOS, or the capabilities; default: this system",
      },
      ...policyFlags,
    },
    operands: {},
    launches: false,
    examples: ["aegis policy compile --policy agent.cedar --target ir"],
    notes: [
      "Output is JSON, for macos the text of the profile.",
      "The policy is the one `aegis run` would use with the same flags.",
    ],
  },
  async ({ flags }, context) => {
    const target = flags.target ?? platformName;
    const platform = target === "ir" ? platformName : target;
    const policy = await policyInForce(policyOptions(flags), context, platform);
    warn(policy.warnings);
    if (target === "ir") writeOut(jsonText(policy.capabilities));
    else if (target === "macos") writeOut(await compileForMacos(policy));
    else writeOut(jsonText(linuxView(await compileForLinux(policy, context))));
    return 0;
  },
);

function linuxView({ plan, coverage }: LinuxTarget): JsonValue {
  const { seccomp, landlock, ...rest } = plan;
  return plainJson({
    ...rest,
    landlock: landlock ?? null,
    // Eight bytes an instruction.
    seccomp:
      seccomp === undefined
        ? null
        : { instructions: seccomp.length / 8, base64: seccomp.toBase64() },
    coverage,
  });
}

/** Masks of bits as hex, everything else as it is. */
function plainJson(value: unknown): JsonValue {
  return JSON.parse(
    JSON.stringify(value, (_, each) =>
      typeof each === "bigint" ? `0x${each.toString(16)}` : each,
    ),
  );
}
