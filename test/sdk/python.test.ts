// The Python SDK's own tests, by pytest. It is installed by `install.sh --test` into build/pytest;
// one that the machine has does as well.

import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { aegisBinary, repoRoot } from "../support/harness.ts";
import { testMs } from "../support/patience.ts";

/** What starts pytest, or why nothing does. */
function findPytest(): { readonly argv: readonly string[] } | { readonly missing: string } {
  const own = `${repoRoot}/build/pytest/bin/python`;
  const python = existsSync(own) ? own : Bun.which("python3");
  if (python === null) return { missing: "python3 is not installed" };
  const check = "import sys, pytest; sys.exit(sys.version_info < (3, 11))";
  const { exitCode } = Bun.spawnSync([python, "-c", check], {
    stdio: ["ignore", "ignore", "ignore"],
  });
  if (exitCode === 0) return { argv: [python, "-B", "-m", "pytest", "-q", "-s"] };
  return { missing: "pytest for Python 3.11 or newer could not be installed" };
}

const pytest = findPytest();
const why = "missing" in pytest ? ` (skipped: ${pytest.missing})` : "";

test.skipIf("missing" in pytest)(
  `the Python SDK keeps its promises${why}`,
  async () => {
    const argv = "argv" in pytest ? pytest.argv : [];
    const child = Bun.spawn([...argv], {
      cwd: `${repoRoot}/sdk/python`,
      env: { ...process.env, AEGIS_BINARY: aegisBinary(), AEGIS_BUN: process.execPath },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const [output, errors, status] = await Promise.all([
      child.stdout.text(),
      child.stderr.text(),
      child.exited,
    ]);
    const counted = output.trim().split("\n").at(-1) ?? "";
    if (status !== 0 || !/^\d+ passed in /.test(counted)) throw new Error(`${output}${errors}`);
    console.log(`Python SDK: ${counted}`);
    expect(Number(/^\d+/.exec(counted)?.[0])).toBeGreaterThan(100);
  },
  testMs,
);
