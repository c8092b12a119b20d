// The trace a box of the built binary is told it belongs to.

import { expect } from "bun:test";
import { testWith } from "../../support/features.ts";
import { spawnAegis } from "../../support/harness.ts";
import { tempDir } from "../../support/temp.ts";

const needs = ["linux", "landlock", "seccomp"] as const;
const trace = "4bf92f3577b34da6a3ce929d0e0e4736";
const TRACEPARENT = `00-${trace}-00f067aa0ba902b7-01`;

/** What `env` in a box says of it. */
async function told(
  env: Readonly<Record<string, string>>,
  ...flags: readonly string[]
): Promise<{ readonly lines: readonly string[]; readonly removed: readonly string[] }> {
  const all = ["run", "--json", ...flags, "--", "env"];
  const cwd = tempDir("project");
  const ran = await spawnAegis(all, { env: { HOME: tempDir("home"), ...env }, cwd });
  const lines = ran.stderr.split("\n").filter((line) => /^(TRACE|BAGGAGE)/.test(line));
  const summary = JSON.parse(ran.stdout) as { readonly environment_removed: readonly string[] };
  return { lines, removed: summary.environment_removed };
}

testWith(needs, "it is a child of the one aegis was started in, without baggage", async () => {
  const given = { TRACEPARENT, TRACESTATE: "a=1", BAGGAGE: "user=me" };
  const { lines, removed } = await told(given);
  const [parent, state, ...more] = lines.toSorted();
  expect(parent).toMatch(new RegExp(`^TRACEPARENT=00-${trace}-[0-9a-f]{16}-01$`));
  expect(parent).not.toContain("00f067aa0ba902b7");
  expect([state, more, removed]).toEqual(["TRACESTATE=a=1", [], ["BAGGAGE"]]);
});

testWith(
  needs,
  "it is one of its own where spans are sent, and none where they are not",
  async () => {
    const collector = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:4318" };
    const own = await told(collector);
    expect(own.lines).toEqual([
      expect.stringMatching(/^TRACEPARENT=00-[0-9a-f]{32}-[0-9a-f]{16}-01$/),
    ]);
    expect((await told({ ...collector, OTEL_SDK_DISABLED: "true" })).lines).toEqual([]);
    expect((await told({})).lines).toEqual([]);
  },
);

testWith(needs, "it is what a grant says", async () => {
  const { lines } = await told({ TRACEPARENT }, "--env", `TRACEPARENT=${TRACEPARENT}`);
  expect(lines).toEqual([`TRACEPARENT=${TRACEPARENT}`]);
});
