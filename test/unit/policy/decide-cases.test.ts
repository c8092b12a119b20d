// The cases of conformance/decide: each policy answers each attempt as its file says.

import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { actionNamed, resourceNamed } from "../../../src/policy/attempt.ts";
import { compilePolicy } from "../../../src/policy/compile.ts";
import { prepareDecider } from "../../../src/policy/decide.ts";
import { testCedar } from "../../support/cedar.ts";
import { repoRoot } from "../../support/harness.ts";

interface Case {
  readonly about: string;
  readonly policy: readonly string[];
  /** Action, resource, outcome, rule, agent. */
  readonly attempts: readonly (readonly [string, string, string, string, string?])[];
}

const folder = join(repoRoot, "conformance/decide");
const places = { workspace: "/home/ada/project", home: "/home/ada", tmp: "/tmp/aegis" };
const cedar = async () => testCedar();

for (const file of readdirSync(folder).sort()) {
  const { about, policy, attempts } = JSON.parse(readFileSync(join(folder, file), "utf8")) as Case;
  describe(`${file}: ${about}`, () => {
    const source = { kind: "cedar", name: "policy.cedar", text: policy.join("\n") } as const;
    const compiled = compilePolicy({ cedar, sources: [source], places });

    for (const [name, text, outcome, rule, agent = "agent"] of attempts) {
      test(`${agent}: ${name} ${text} is answered "${outcome}"`, async () => {
        const result = await compiled;
        if (!result.ok) throw new Error(JSON.stringify(result.error));
        const action = actionNamed(name);
        const resource = action && resourceNamed(action, text, places.workspace);
        if (action === undefined || resource === undefined) throw new Error("no such attempt");
        const decider = prepareDecider(result.value.capabilities);
        const verdict = decider.decide({ action, agent, resource });
        expect([verdict.outcome, verdict.rule?.rule ?? ""]).toEqual([outcome, rule]);
      });
    }
  });
}
