// One start of a ledger in a fresh process, timed from inside: what a launch pays before its
// command runs and at its end. `bench/ledger.ts` compiles it like the product and runs it many
// times. Prints the nanoseconds of opening, of opening with the first access, and of the close.

import { openLedger } from "../src/ledger/open.ts";
import { access, opening, testPolicy } from "../test/support/ledger.ts";

const [database = "", keys = ""] = process.argv.slice(2);
const start = Bun.nanoseconds();
const ledger = await openLedger({ database, keys });
const opened = Bun.nanoseconds();
const writer = await ledger.openSession(opening(), testPolicy, Date.now());
await writer.append([access("/usr/lib/libc.so.6")]);
const appended = Bun.nanoseconds();
await writer.close({ last: [], tsUnixMs: Date.now(), exitStatus: 0, summary: {} });
const closed = Bun.nanoseconds();
console.log(JSON.stringify([opened - start, appended - start, closed - appended]));
