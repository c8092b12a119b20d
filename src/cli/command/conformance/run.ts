// `aegis conformance run`

import { defineCommand } from "../../command.ts";
import { exitStatus } from "../../exit.ts";
import { jsonFlag } from "../../flags.ts";
import { writeOut } from "../../output.ts";
import { serverAccess, serverFlags } from "../../server-flags.ts";

export const command = defineCommand(
  {
    name: "conformance run",
    summary: "Ask a control plane, or a box, what conformance packs ask, and report.",
    flags: {
      server: {
        kind: "text",
        value: "URL",
        default: "http://127.0.0.1:8080",
        summary: "The control plane to ask",
      },
      "key-env": {
        kind: "text",
        value: "NAME",
        summary: "Environment variable that holds the API key",
      },
      "ca-file": serverFlags["ca-file"],
      "cert-file": serverFlags["cert-file"],
      "key-file": serverFlags["key-file"],
      json: jsonFlag,
    },
    operands: {
      PACK: {
        required: false,
        summary: "Pack that aegis brings or a YAML file; default: all about control planes",
      },
    },
    launches: false,
    examples: [
      "aegis conformance run --server http://127.0.0.1:8080",
      "aegis conformance run baseline-safety --json",
      "aegis conformance run kernel",
      "aegis conformance run ./our-pack.yaml --key-env AEGIS_KEY",
    ],
    notes: [
      "Status 0: every answer was the expected one; 1: some were not, or none came. With --json a PACK gives its report, all packs a list of reports.",
    ],
  },
  async ({ flags, operands }, context) => {
    const { runConformance } = await import("../../../app/conformance/conformance.ts");
    const { PACK: pack } = operands;
    const access = serverAccess({ ...flags, "api-key-file": undefined });
    const options = { ...access, pack, keyVariable: flags["key-env"] };
    const reports = await runConformance(options, context);
    const { jsonText } = await import("../../render/json.ts");
    const { conformanceText } = await import("../../render/conformance.ts");
    const shown = pack === undefined ? reports : reports[0];
    writeOut(flags.json ? jsonText(shown) : conformanceText(reports));
    return reports.every(({ compliant }) => compliant) ? exitStatus.ok : exitStatus.failed;
  },
);
