// `bun run bench [--quick]
// [--only launch,opens,programs,network,memory,ledger,postgres,server,mcp]
// [--program NAME]`: measures the built binary, prints the tables and writes bench/results.json.
// Ends with status 1 when it could not measure; missed goals are reported, not failures.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { endAll } from "../test/support/endings.ts";
import { isRoot } from "../test/support/harness.ts";
import { removeTempDirs } from "../test/support/temp.ts";
import { measureLaunch } from "./launch.ts";
import { measureLedger } from "./ledger.ts";
import { describeMachine } from "./machine.ts";
import { measureMcp } from "./mcp.ts";
import { measureMemory } from "./memory.ts";
import { measureNetwork } from "./network.ts";
import { measureOpens } from "./opens.ts";
import { measurePostgres } from "./postgres.ts";
import { measurePrograms } from "./programs.ts";
import { render, type Section } from "./report.ts";
import { measureServer } from "./server.ts";

const everything = "launch,opens,programs,network,memory,ledger,postgres,server,mcp";
const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    only: { type: "string", default: everything },
    program: { type: "string" },
  },
});
const quick = values.quick;
const wanted = values.only.split(",");
const machine = describeMachine();
const sections: Section[] = [];

function report(...measured: readonly Section[]): void {
  sections.push(...measured);
  for (const section of measured) console.log(`\n${render(section)}`);
}

console.log(JSON.stringify(machine));
if (wanted.includes("launch")) {
  const options = { rounds: quick ? 8 : 40, installsPeers: !quick };
  report(await measureLaunch("plain user", options));
  if (isRoot() && !quick) report(await measureLaunch("root", options));
}
if (wanted.includes("opens")) report(...(await measureOpens(quick ? 4 : 15)));
if (wanted.includes("programs")) {
  const rounds = quick ? 2 : 9;
  report(...(await measurePrograms(rounds, { where: "disk", only: values.program })));
  // Only root can mount a file system of its own.
  if (isRoot() && !quick)
    report(...(await measurePrograms(rounds, { where: "memory", only: values.program })));
}
if (wanted.includes("network")) report(...(await measureNetwork(quick ? 3 : 15)));
if (wanted.includes("memory")) report(await measureMemory(quick ? 1 : 5));
if (wanted.includes("ledger")) report(...(await measureLedger(quick ? 2 : 9)));
if (wanted.includes("postgres")) report(...(await measurePostgres(quick ? 2 : 9)));
if (wanted.includes("server")) report(...(await measureServer(quick ? 2 : 7, quick ? 1 : 3)));
if (wanted.includes("mcp")) report(await measureMcp(quick ? 2 : 7));
await endAll();
removeTempDirs();

const results = join(import.meta.dir, "results.json");
writeFileSync(results, `${JSON.stringify({ machine, sections }, null, 2)}\n`);
const goals = sections.flatMap((section) => section.goals);
const met = goals.filter(({ isMet }) => isMet).length;
console.log(`\n${met} of ${goals.length} goals met; written to bench/results.json`);
