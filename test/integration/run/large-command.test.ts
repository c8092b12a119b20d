// Commands as large as Linux takes them reach the program whole: long arguments and variables, and
// many of both.

import { expect } from "bun:test";
import { testWith } from "../../support/features.ts";
import { spawnAegis } from "../../support/harness.ts";
import { tempDir } from "../../support/temp.ts";

/** MAX_ARG_STRLEN of Linux, without the terminator and the variable's name. */
const longest = "x".repeat(131_071);
const long = longest.slice("LONG=".length);
const many = Array.from({ length: 20_000 }, (_, at) => String(at));
const variables = Object.fromEntries(many.slice(0, 5000).map((name) => [`V_${name}`, "v"]));
const sizes = 'printf %s "$1" | wc -c; printf %s "$LONG" | wc -c; env | grep -c "^V_"';
const script = `echo $#; ${sizes}`;

for (const command of ["run", "wrap"]) {
  testWith(["linux", "landlock", "seccomp"], `${command} takes a large command`, async () => {
    const { stdout, stderr, exitCode } = await spawnAegis(
      [command, "--quiet", "--", "sh", "-c", script, "sh", longest, ...many],
      { env: { HOME: tempDir("home"), LONG: long, ...variables }, cwd: tempDir("work") },
    );
    expect([exitCode, stderr, stdout]).toEqual([0, "", "20001\n131071\n131066\n5000\n"]);
  });
}
