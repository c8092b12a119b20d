// The compose files, run: each service by the command line, environment, mounts, secrets, user and
// health check that stand there, in namespaces instead of containers of an engine, with the built
// binary, a real PostgreSQL and the proxy that is named.

import { expect, test } from "bun:test";
import { join } from "node:path";
import { testWith } from "../../support/features.ts";
import { aegisBinary, repoRoot } from "../../support/harness.ts";
import { postgresPrograms } from "../../support/postgres.ts";
import { tempDir } from "../../support/temp.ts";

const needs = ["userns", "tool bwrap", "tool ip", "tool nsenter"] as const;

/** What it saw, by what it is. */
async function seen(name: string): Promise<Readonly<Record<string, unknown>>> {
  const file = join(repoRoot, "deploy/compose", name);
  const program = join(repoRoot, "test/fixtures/deploy/compose.ts");
  const own = [process.execPath, program, file, tempDir("compose")];
  const argv = ["unshare", "--user", "--map-root-user", "--net", "--mount", "--pid", "--fork"];
  const child = Bun.spawn(
    [...argv, "--kill-child", "--mount-proc", ...own, aegisBinary(), postgresPrograms ?? ""],
    { stdio: ["ignore", "pipe", "pipe"] },
  );
  const [told, said] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  if ((await child.exited) !== 0) throw new Error(`${said}\n${told}`);
  const lines = told.split("\n").filter((line) => line.startsWith('{"what"'));
  return Object.fromEntries(
    lines.map((line) => {
      const { what, seen: value } = JSON.parse(line) as { what: string; seen: unknown };
      return [what, value];
    }),
  );
}

testWith(needs, "dev.yaml: an event is stored, and is there after aegisd was killed", async () => {
  expect(await seen("dev.yaml")).toEqual({
    stored: 201,
    "without a key": 401,
    "known after a restart": 200,
  });
});

const proxied = [...needs, "tool caddy"] as const;

if (postgresPrograms === undefined) {
  test.skip("prod.yaml (skipped, needs: postgresql)", () => undefined);
} else {
  testWith(
    proxied,
    "prod.yaml: either aegisd may be killed, and every event is stored",
    async () => {
      expect(await seen("prod.yaml")).toEqual({
        "plain HTTP": [308, "https://localhost/readyz"],
        "without a key": 401,
        tail: "heard",
        valid: true,
        events: 30,
      });
    },
  );
}
