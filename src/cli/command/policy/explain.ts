// `aegis policy explain`

import type { Answer } from "../../../app/policy/in-force.ts";
import type { Origin } from "../../../model/capability.ts";
import { type Change, isLifted as isLiftedByFlag } from "../../../policy/explain.ts";
import { defineCommand } from "../../command.ts";
import { jsonFlag } from "../../flags.ts";
import { writeOut } from "../../output.ts";
import {
  answerView,
  ask,
  questionFlags,
  questionOperands,
  resourceText,
} from "../../policy-question.ts";
import { jsonText } from "../../render/json.ts";
import { escapeControls } from "../../render/text.ts";

export const command = defineCommand(
  {
    name: "policy explain",
    summary: "Say why an access is allowed or denied, and what would change it.",
    flags: { ...questionFlags, json: jsonFlag },
    operands: questionOperands,
    launches: false,
    examples: ["aegis policy explain FileWrite .git/hooks/pre-commit"],
    notes: ["The policy is the one `aegis run` would use with the same flags."],
  },
  async ({ flags, operands }, context) => {
    const answer = await ask(operands, flags, context);
    writeOut(flags.json ? jsonText(answerView(answer)) : renderAnswer(answer));
    return 0;
  },
);

function renderAnswer({ attempt, explanation }: Answer): string {
  const { verdict, matching, change } = explanation;
  const word = verdict.outcome === "allow" ? "Allow" : "Deny";
  const what = `${attempt.action} ${resourceText(attempt)}`;
  const lines = [`${word}: ${what}`, `  ${verdict.reason}`];
  if (matching.length > 0) lines.push("", "Rules that speak about it:");
  for (const { effect, origin } of matching) {
    const decided = origin.rule === verdict.rule?.rule ? "  <- decides" : "";
    lines.push(`  ${effect}  ${origin.rule}  (${placeOf(origin)})${decided}`);
  }
  if (change !== undefined) lines.push("", ...adviceLines(change));
  return lines.map((line) => `${escapeControls(line)}\n`).join("");
}

/** What aegis itself protects is no text that a person could edit; some of it a flag lifts. */
function adviceLines({ remove, flag, cedar }: Change): string[] {
  const builtIn = remove.filter(({ source }) => source.startsWith("protected:"));
  const isLifted = flag !== undefined && builtIn.every(({ source }) => isLiftedByFlag(source));
  if (!isLifted && builtIn.length > 0) return [`No policy can allow it: ${builtIn[0]?.rule}`];
  const lines = ["To allow it:"];
  for (const origin of remove.filter((each) => !builtIn.includes(each)))
    lines.push(`  remove the forbid ${origin.rule} (${placeOf(origin)})`);
  if (flag !== undefined) lines.push(`  add the flag ${flag}`);
  if (cedar !== undefined && builtIn.length === 0) lines.push(`  or the policy ${cedar}`);
  return lines;
}

function placeOf({ source, line }: Origin): string {
  return line === 0 ? source : `${source}:${line}`;
}
