// The process: argv in, exit status out.

import { runCli } from "./cli/root.ts";

process.exitCode = await runCli(process.argv.slice(2), process.argv0);
