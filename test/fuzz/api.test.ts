// Schemathesis in short, always with the same seed; scripts/fuzz-api.ts is the long way.

import { expect, test } from "bun:test";
import { testMs } from "../support/patience.ts";
import { findSchemathesis, runCampaign } from "./campaign.ts";

const program = findSchemathesis();
const why = program === undefined ? " (skipped: schemathesis could not be installed)" : "";

test.skipIf(program === undefined)(
  `generated requests meet no server error and no broken schema${why}`,
  async () => {
    const campaign = { seconds: 40, seed: 20_260_101 };
    const { report, passed, cases, events } = await runCampaign(program ?? "", campaign);
    if (!passed) throw new Error(report.slice(0, 20_000));
    console.log(`schemathesis: ${cases} requests, ${events} events stored and verified`);
    expect(cases).toBeGreaterThan(500);
    expect(events).toBeGreaterThan(20);
  },
  testMs,
);
