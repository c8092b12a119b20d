// `aegis policy test`

import { defineCommand } from "../../command.ts";
import { exitStatus } from "../../exit.ts";
import { jsonFlag } from "../../flags.ts";
import { writeOut } from "../../output.ts";
import {
  answerView,
  ask,
  questionFlags,
  questionOperands,
  resourceText,
} from "../../policy-question.ts";
import { renderFacts } from "../../render/facts.ts";
import { jsonText } from "../../render/json.ts";

export const command = defineCommand(
  {
    name: "policy test",
    summary: "Ask whether an access would be allowed.",
    flags: {
      ...questionFlags,
      "strict-exit": { kind: "switch", summary: "Exit status 1 when it would be denied" },
      json: jsonFlag,
    },
    operands: questionOperands,
    launches: false,
    examples: [
      "aegis policy test FileRead ~/.ssh/id_ed25519",
      "aegis policy test NetConnect example.org --strict-exit",
    ],
    notes: [
      "The policy is the one `aegis run` would use with the same flags.",
      "Deny is an answer: the exit status is 0 unless --strict-exit is given.",
    ],
  },
  async ({ flags, operands }, context) => {
    const answer = await ask(operands, flags, context);
    const { attempt, explanation } = answer;
    const { verdict } = explanation;
    if (flags.json) writeOut(jsonText(answerView(answer)));
    else
      writeOut(
        renderFacts([
          ["Principal", attempt.agent],
          ["Action", attempt.action],
          ["Resource", resourceText(attempt)],
          ["Decision", verdict.outcome === "allow" ? "Allow" : "Deny"],
          ["Reason", verdict.reason],
        ]),
      );
    const isAllowed = verdict.outcome === "allow";
    return isAllowed || !flags["strict-exit"] ? exitStatus.ok : exitStatus.failed;
  },
);
