// The TypeScript client against the built server, under Bun and under Node.

import { afterAll, describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { AegisClient } from "../../sdk/typescript/src/client.ts";
import type { Decision } from "../../sdk/typescript/src/schemas/policy.ts";
import { sha256Hex } from "../../src/base/hash.ts";
import { operations } from "../../src/server/api/operations.ts";
import { repoRoot } from "../support/harness.ts";
import { programMs, testMs } from "../support/patience.ts";
import { serve } from "../support/served.ts";
import { tempDir } from "../support/temp.ts";

const folder = tempDir("typescript-client");
const keys = `${folder}/keys`;
const line = (role: string, name: string) => `${sha256Hex(`${name}-key`)} ${role} * ${name}\n`;
writeFileSync(keys, line("admin", "client") + line("approver", "alice"));
chmodSync(keys, 0o600);
const server = await serve(`${folder}/ledger.db`, "--keys", keys);
afterAll(() => server.stop());

test("every operation that answers data has a method", () => {
  const methods = Object.getOwnPropertyNames(AegisClient.prototype);
  const texts = ["docsPage", "metrics"];
  const wanted = operations.map(({ id }) => id).filter((id) => !texts.includes(id));
  expect(methods.filter((name) => name !== "constructor").sort()).toEqual(wanted.sort());
});

test("answers are typed", async () => {
  const client = new AegisClient({ baseUrl: server.url, apiKey: "client-key" });
  const decision: Decision = await client.decide({ event: {} });
  const outcome: "allow" | "deny" | "require_approval" = decision.outcome;
  expect(outcome).toBe("deny");
  // @ts-expect-error: a member that the server would refuse
  await expect(client.decide({ evnt: {} })).rejects.toMatchObject({ code: "member_unknown" });
  // @ts-expect-error: a parameter is missing
  await expect(client.listSessions({})).rejects.toMatchObject({ code: "parameter_missing" });
});

const node = Bun.which("node");
const nodeMajor =
  node === null
    ? 0
    : Number(Bun.spawnSync([node, "-p", "process.versions.node"]).stdout.toString().split(".")[0]);
const tooOld = nodeMajor < 20 ? " (skipped: there is no Node 20)" : "";
const runtimes: readonly (readonly [title: string, program: string, isThere: boolean])[] = [
  ["Bun", process.execPath, true],
  [`Node${tooOld}`, node ?? "", tooOld === ""],
];

describe.each(runtimes)("under %s", (_, program, isThere) => {
  test.skipIf(!isThere)(
    "the client does what it says",
    async () => {
      const script = `${repoRoot}/test/fixtures/typescript-client/program.mjs`;
      const child = Bun.spawn([program, script, server.url, "client-key", "alice-key"], {
        stdio: ["ignore", "pipe", "pipe"],
        timeout: programMs,
        killSignal: "SIGKILL",
      });
      const [said, errors] = await Promise.all([child.stdout.text(), child.stderr.text()]);
      expect(errors).toBe("");
      expect(await child.exited).toBe(0);
      expect(said.match(/^ok /gm)).toHaveLength(12);
    },
    testMs,
  );

  test.skipIf(!isThere)(
    "the example of its README runs",
    async () => {
      const page = readFileSync(`${repoRoot}/sdk/typescript/README.md`, "utf8");
      const [, example = ""] = /^```js\n(.*?)^```/ms.exec(page) ?? [];
      // Inside the project, where its own name leads to it.
      const own = `${repoRoot}/build/readme-${process.pid}`;
      mkdirSync(own, { recursive: true });
      try {
        const real = example.replaceAll("http://localhost:8080", server.url);
        writeFileSync(`${own}/example.mjs`, real.replaceAll("KEY", "client-key"));
        const child = Bun.spawn([program, `${own}/example.mjs`], {
          stdio: ["ignore", "pipe", "inherit"],
          timeout: programMs,
          killSignal: "SIGKILL",
        });
        expect(await child.stdout.text()).toBe("allow\n2 events, valid\n");
        expect(await child.exited).toBe(0);
      } finally {
        rmSync(own, { recursive: true, force: true });
      }
    },
    testMs,
  );
});
