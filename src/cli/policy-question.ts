// What `policy explain` and `policy test` share: one attempt, judged by the policy a launch with
// the same flags would have.

import { type Answer, answer, policyInForce } from "../app/policy/in-force.ts";
import { AegisError } from "../base/errors.ts";
import { formatEndpoint } from "../base/host.ts";
import { nearest } from "../base/nearest.ts";
import { type Action, actions } from "../model/capability.ts";
import type { PolicyAnswer } from "../wire/policy.ts";
import type { CliContext } from "./context.ts";
import { policyFlags, policyOptions } from "./policy-options.ts";
import { warn } from "./warn.ts";

export const questionFlags = policyFlags;

export const questionOperands = {
  ACTION: { required: true, summary: `One of ${actions.join(", ")}` },
  RESOURCE: { required: true, summary: "A path, HOST:PORT, a URL, PORT for NetBind, or a name" },
} as const;

export async function ask(
  operands: { readonly ACTION: string; readonly RESOURCE: string },
  flags: Parameters<typeof policyOptions>[0],
  context: CliContext,
): Promise<Answer> {
  const action = actionCalled(operands.ACTION);
  const policy = await policyInForce(policyOptions(flags), context);
  warn(policy.warnings);
  return answer(policy, action, operands.RESOURCE, context);
}

export function resourceText({ resource }: Answer["attempt"]): string {
  const { path, host, port, protocol } = resource;
  if (host === undefined || port === undefined) return path;
  return `${protocol === undefined ? "" : `${protocol}:`}${formatEndpoint(host, port)}`;
}

export function answerView({ attempt, explanation }: Answer): PolicyAnswer {
  const { verdict, matching, change } = explanation;
  return {
    principal: attempt.agent,
    action: attempt.action,
    resource: resourceText(attempt),
    decision: verdict.outcome,
    rule: verdict.rule?.rule ?? null,
    reason: verdict.reason,
    matching: matching.map(({ effect, origin }) => ({
      rule: origin.rule,
      effect,
      source: origin.source,
      line: origin.line,
      column: origin.column,
    })),
    change:
      change === undefined
        ? null
        : {
            remove: change.remove.map(({ rule }) => rule),
            flag: change.flag ?? null,
            cedar: change.cedar ?? null,
          },
  };
}

function actionCalled(text: string): Action {
  const plain = (name: string) => name.toLowerCase().replaceAll("_", "");
  const found = actions.find((action) => plain(action) === plain(text));
  if (found !== undefined) return found;
  const close = nearest(text, actions);
  throw new AegisError("usage", `Cannot judge "${text}": there is no such action`, {
    hint:
      close === undefined ? `the actions are ${actions.join(", ")}` : `did you mean "${close}"?`,
  });
}
