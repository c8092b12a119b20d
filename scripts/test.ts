// Every check and test, in groups: `bun scripts/test.ts [GROUP...]`. The last line is `N passed, N
// failed[, N skipped]`, and the exit status is 1 when anything failed or a test of the kernel that
// could have run was skipped. What failed, and why, stands together right above that line.

import { isRoot, repoRoot } from "../test/support/harness.ts";
import { assertEveryFileRuns, type Group, groups } from "./testing/groups.ts";
import { ownPlace, type Place, plainUserPlace } from "./testing/place.ts";
import { type GroupResult, runCommands, runTests } from "./testing/run-group.ts";
import { dishonestSkips, type Offer, ownOffer, plainUserOffer } from "./testing/skips.ts";

const totals = { passed: 0, failed: 0, skipped: 0 };
const told: string[] = [];
/** So that the last hundred lines of a log have all of it, where little failed. */
const toldMax = 80;
const chosen = chooseGroups(process.argv.slice(2));
assertEveryFileRuns(repoRoot);
for (const group of chosen) {
  await runAsSelf(group);
  if (group.twice === true && isRoot()) await runAsPlainUser(group);
}
for (const line of told.slice(0, toldMax)) console.log(line);
if (told.length > toldMax) console.log(`… and ${told.length - toldMax} more such lines above`);
const skipped = totals.skipped === 0 ? "" : `, ${totals.skipped} skipped`;
console.log(`${totals.passed} passed, ${totals.failed} failed${skipped}`);
process.exitCode = totals.failed === 0 ? 0 : 1;

function chooseGroups(names: readonly string[]): readonly Group[] {
  const unknown = names.find((name) => !groups.some((group) => group.name === name));
  if (unknown !== undefined) {
    const known = groups.map(({ name }) => name).join(", ");
    throw new Error(`Cannot run the group "${unknown}": there are ${known}`);
  }
  return names.length === 0 ? groups : groups.filter(({ name }) => names.includes(name));
}

async function runAsSelf(group: Group): Promise<void> {
  const label =
    group.twice !== true ? group.name : `${group.name} (${isRoot() ? "root" : "plain user"})`;
  const place = ownPlace();
  try {
    if (group.commands !== undefined) {
      await timed(label, () => runCommands(group, place));
      return;
    }
    await timed(label, () => honest(group, ownOffer, runTests(group, place, "self")));
  } finally {
    place[Symbol.dispose]();
  }
}

async function runAsPlainUser(group: Group): Promise<void> {
  const place: Place = plainUserPlace();
  try {
    const offers = plainUserOffer(place.env.PATH ?? "");
    const run = (): Promise<GroupResult> =>
      honest(group, offers, runTests(group, place, "plain user"));
    await timed(`${group.name} (plain user)`, run);
  } finally {
    place[Symbol.dispose]();
  }
}

/** Counts skips without a reason as failures, in the group where every skip needs one. */
async function honest(
  group: Group,
  offers: Offer,
  running: Promise<GroupResult>,
): Promise<GroupResult> {
  const result = await running;
  if (group.twice !== true) return result;
  const hidden = dishonestSkips(result.skips, offers);
  return {
    ...result,
    failures: [
      ...result.failures,
      ...hidden.map((label) => ({ label: `${label}: skipped, but could have run`, said: [] })),
    ],
    skips: result.skips.filter((label) => !hidden.includes(label)),
  };
}

/**
 * What tests themselves print, such as how many random cases were drawn, without the runner's own
 * lines.
 */
function findings(output: string): string[] {
  const ofRunner =
    /^(\((pass|skip|todo)\) |test\/\S+:$|bun test v| *\d+ (pass|skip|todo|fail|expect\(\))|Ran \d+ )/;
  return output.split("\n").filter((line) => line.trim() !== "" && !ofRunner.test(line));
}

async function timed(label: string, run: () => Promise<GroupResult>): Promise<void> {
  const start = performance.now();
  const { passed, failures, skips, output } = await run();
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  const counts = `${passed} passed, ${failures.length} failed, ${skips.length} skipped`;
  if (failures.length > 0) console.log(output);
  else for (const line of findings(output)) console.log(`  ${line}`);
  console.log(`${label}: ${counts} (${seconds} s)`);
  for (const { label: failed, said } of failures) {
    console.log(`  failed: ${failed}`);
    told.push(`failed in ${label}: ${failed}`, ...said.map((line) => `    ${line}`));
  }
  for (const skip of skips) console.log(`  skipped: ${skip}`);
  totals.passed += passed;
  totals.failed += failures.length;
  totals.skipped += skips.length;
}
