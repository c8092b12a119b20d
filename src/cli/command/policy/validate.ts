// `aegis policy validate`

import { type Validation, validatePolicy } from "../../../app/policy/validate.ts";
import { AegisError } from "../../../base/errors.ts";
import { type Diagnostic, diagnosticText } from "../../../policy/diagnostic.ts";
import type { PolicyValidity } from "../../../wire/policy.ts";
import { defineCommand } from "../../command.ts";
import { exitStatus } from "../../exit.ts";
import { jsonFlag } from "../../flags.ts";
import { writeOut } from "../../output.ts";
import { jsonText } from "../../render/json.ts";
import { escapeControls } from "../../render/text.ts";

export const command = defineCommand(
  {
    name: "policy validate",
    summary: "Check a policy file, a folder of them, or a manifest.",
    flags: {
      path: { kind: "text", value: "FILE", summary: "The file; same as FILE" },
      "strict-exit": { kind: "switch", summary: "Exit status 1 when it is invalid" },
      "decision-only": {
        kind: "switch",
        summary: "Accept permits that no kernel can hold, for decisions over the API",
      },
      json: jsonFlag,
    },
    operands: { FILE: { required: false, summary: "A .cedar file, a folder, or a manifest.json" } },
    launches: false,
    examples: ["aegis policy validate agent.cedar --strict-exit"],
    notes: ["INVALID is an answer: the exit status is 0 unless --strict-exit is given."],
  },
  async ({ flags, operands }, context) => {
    const path = flags.path ?? operands.FILE;
    if (path === undefined || (flags.path !== undefined && operands.FILE !== undefined)) {
      throw new AegisError("usage", "Cannot validate: one FILE is needed", {
        hint: "for instance `aegis policy validate agent.cedar`",
      });
    }
    const validation = await validatePolicy(context, path, flags["decision-only"]);
    if (flags.json) writeOut(jsonText(validity(path, validation)));
    else writeOut(renderValidation(path, validation));
    return validation.valid || !flags["strict-exit"] ? exitStatus.ok : exitStatus.failed;
  },
);

function renderValidation(path: string, { valid, policyCount, diagnostics }: Validation): string {
  const counted = policyCount === 1 ? "1 policy" : `${policyCount} policies`;
  const errors = diagnostics.filter(({ severity }) => severity === "error").length;
  const head = valid ? `VALID: ${counted}` : `INVALID: ${errors} error(s)`;
  const lines = diagnostics.flatMap(diagnosticLines);
  return `${head} in ${escapeControls(path)}\n${lines.map((line) => `${line}\n`).join("")}`;
}

/** The diagnostic and below it, further in, its fix. */
function diagnosticLines(diagnostic: Diagnostic): string[] {
  const text = `  ${escapeControls(diagnosticText(diagnostic), "indented")}`;
  return diagnostic.hint === "" ? [text] : [text, `    hint: ${escapeControls(diagnostic.hint)}`];
}

function validity(path: string, validation: Validation): PolicyValidity {
  return {
    path,
    valid: validation.valid,
    policies: validation.policyCount,
    diagnostics: validation.diagnostics.map((diagnostic) => ({ ...diagnostic })),
  };
}
