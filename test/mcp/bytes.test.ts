// What a server is given byte for byte: its arguments and variables, text or not.

import { expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { aegisBinary } from "../support/harness.ts";
import { mcpPlace, proxyArgs } from "../support/mcp.ts";
import { programMs, testMs } from "../support/patience.ts";

setDefaultTimeout(testMs);

/** Through a shell, because arguments and variables are bytes and ours are text. */
async function typed(line: string) {
  const place = mcpPlace({ tools: [] });
  const args = proxyArgs(place, "--");
  const child = Bun.spawn(["bash", "-c", line, "bash", aegisBinary(), ...args], {
    cwd: place.folder,
    env: place.env,
    stdio: ["ignore", "ignore", "pipe"],
    timeout: programMs,
  });
  const [stderr, exitCode] = await Promise.all([child.stderr.text(), child.exited]);
  return { folder: place.folder, stderr, exitCode };
}

/** Writes its arguments and one variable to files, a NUL behind each argument. */
const server = `sh -c 'printf "%s\\0" "$0" "$@" > arguments; printenv VALUE > value; exit 7'`;

test.each([
  ["text", "plain 'é'", "61"],
  ["bytes that are no text", "$'q\\xff' $'\\xe9\\xff\\xfe'", "$'\\xe9'"],
  ["a replacement character", "$'\\xef\\xbf\\xbd' ff", "$'\\xef\\xbf\\xbd'"],
  ["bytes in the variable alone", "plain", "$'a\\xff'"],
  ["nothing", "'' $'\\xff' ''", "$'\\xff'"],
])("%s", async (_, given, value) => {
  const wanted = Bun.spawnSync(["bash", "-c", `printf '%s\\0' ${given}; echo -n ${value}`]).stdout;
  const { folder, stderr, exitCode } = await typed(`VALUE=${value} "$@" ${server} ${given}`);
  expect({ stderr, exitCode }).toMatchObject({ exitCode: 7 });
  const seen = [readFileSync(join(folder, "arguments")), readFileSync(join(folder, "value"))];
  expect(Buffer.concat(seen).toString("hex")).toBe(`${wanted.toHex()}0a`);
});

test("a program that is not there, or may not be executed, is told as such", async () => {
  const absent = await typed(`"$@" absent-server $'\\xff'`);
  expect(absent.exitCode).not.toBe(0);
  expect(absent.stderr).toContain('"absent-server": no such program');
  const folder = await typed(`"$@" / $'\\xff'`);
  expect(folder.stderr).toContain('"/": it is a folder');
  const text = await typed(
    `printf '#!/absent/shell\\n' > script; chmod +x script; "$@" ./script $'\\xff'`,
  );
  expect(text.stderr).toContain("cannot execute");
  expect(text.exitCode).toBe(127);
});
