// A long campaign of schemathesis against the HTTP API: bun scripts/fuzz-api.ts [SECONDS] [SEED].
// Default: ten minutes, with a seed that is printed.

import { findSchemathesis, runCampaign } from "../test/fuzz/campaign.ts";

const program = findSchemathesis();
if (program === undefined) {
  console.error("error: there is no schemathesis\nhint: run ./install.sh --test once");
  process.exit(1);
}
const [seconds = 600, seed = Date.now() % 1_000_000_000] = process.argv.slice(2).map(Number);
console.error(`${seconds} seconds with seed ${seed}`);
const { report, passed, cases, events } = await runCampaign(program, { seconds, seed });
console.log(report);
console.log(`${cases} requests, ${events} events stored and verified`);
process.exit(passed ? 0 : 1);
