// The fast way to decide about tool calls against the compiled Rego policy it stands for.
// AEGIS_TOOL_DECISIONS sets the number of questions.

import { expect, test } from "bun:test";
import { decideFast } from "../../src/control/decide/fast.ts";
import { loadRego } from "../../src/control/decide/rego.ts";
import { repoRoot } from "../support/harness.ts";
import { randomQuestion } from "../support/random-decisions.ts";
import { seededRandom } from "../support/random-json.ts";

const questionsWanted = Number(process.env.AEGIS_TOOL_DECISIONS ?? 1_000_000);

test("decideFast() answers as the Rego policy does, or leaves the question to it", async () => {
  const wasm = await Bun.file(`${repoRoot}/policies/rego/aegis/decide.wasm`).bytes();
  const rego = await loadRego(wasm);
  const random = seededRandom(0x4e60);
  const answers = new Map<string, number>();
  let asked = 0;
  let left = 0;
  while (asked < questionsWanted) {
    const question = randomQuestion(random);
    const fast = decideFast(question);
    if (fast === undefined) {
      left += 1;
      continue;
    }
    const slow = rego.evaluate(question);
    if (!Bun.deepEquals(fast, slow)) {
      expect({ question, answer: fast }).toEqual({ question, answer: slow });
    }
    answers.set(fast.reason, (answers.get(fast.reason) ?? 0) + 1);
    asked += 1;
  }
  const counts = [...answers].map(([reason, count]) => `${reason} ${count}`).join(", ");
  console.log(`${asked} tool calls, 0 disagreements (${counts}); ${left} left to the policy`);
  // Every rule was reached many times, and few questions were left aside.
  expect(answers.size).toBe(8);
  expect(Math.min(...answers.values())).toBeGreaterThan(questionsWanted / 1000);
  expect(left).toBeLessThan(questionsWanted / 2);
}, 600_000);
