// A manifest inside a request, beside the one the server was started with: it takes away where that
// one was verified, and stands in its place where it was not. The record says which one counted.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { canonicalJson } from "../../../src/base/canonical-json.ts";
import { sha256Hex } from "../../../src/base/hash.ts";
import { repoRoot } from "../../support/harness.ts";
import { signedFolder } from "../../support/manifests.ts";
import { testMs } from "../../support/patience.ts";
import { serve } from "../../support/served.ts";
import { tempDir } from "../../support/temp.ts";

setDefaultTimeout(testMs);

const wider = { permissions: { tools: ["exec", "read_file"], exec: { allowed_bins: ["rm"] } } };
const narrower = { permissions: { tools: ["read_file"], budgets: { timeout_ms: 10 } } };

const rm = { tool_name: "exec", args: { bin: "rm" } };
const read = { tool_name: "read_file", args: {} };

const keys = `${tempDir("keys")}/keys`;
writeFileSync(keys, `${sha256Hex("secret")} agent acme bot\n`, { mode: 0o600 });
const headers = { Authorization: "Bearer secret" };

async function asking(flags: readonly string[], use: (ask: Ask) => Promise<void>): Promise<void> {
  const server = await serve(":memory:", "--keys", keys, ...flags);
  try {
    await use(async (payload, manifest) => {
      const session = { tenant_id: "acme", session_id: "s" };
      const event = { event_type: "TOOL_CALL_PROPOSED", payload };
      const body = JSON.stringify({ event, manifest, session });
      const asked = { method: "POST", body, headers };
      const answer = await fetch(`${server.url}/v1/policy/decide`, asked);
      const listed = await fetch(`${server.url}/v1/events?tenant_id=acme&session_id=s&limit=100`, {
        headers,
      });
      const { Events } = (await listed.json()) as { Events: { payload: object }[] };
      return { decision: (await answer.json()) as object, record: Events.at(-1)?.payload ?? {} };
    });
  } finally {
    await server.stop();
  }
}

type Ask = (
  payload: object,
  manifest?: object,
) => Promise<{ readonly decision: object; readonly record: object }>;

const skill = await signedFolder();
const hash = (manifest: object): string => sha256Hex(canonicalJson(manifest as never));
const verified: readonly (readonly [string, readonly string[]])[] = [
  ["prod", ["--manifest", skill.manifest, "--trust-mode", "prod", "--trust", skill.trust]],
  ["dev, where it was verified", ["--manifest", skill.manifest, "--trust", skill.trust]],
];
const shipped = sha256Hex(await Bun.file(`${repoRoot}/policies/rego/aegis/decide.wasm`).bytes());

describe.each(verified)("in trust mode %s", (_, flags) => {
  test("a request's manifest cannot widen, and may narrow", () =>
    asking(flags, async (ask) => {
      const denied = { outcome: "deny", reason: "PERMISSION_UNDECLARED" };
      const widened = await ask(rm, wider);
      expect(widened.decision).toMatchObject(denied);
      expect(widened.record).toMatchObject({
        outcome: "deny",
        policy_hash: shipped,
        manifest_hash: hash(skill.json()),
        request_manifest_hash: hash(wider),
      });
      const another = { ...rm, args: { bin: "rm", file: "a" } };
      expect((await ask(another)).decision).toMatchObject(denied);
      expect((await ask(read, { permissions: { tools: [] } })).decision).toMatchObject(denied);
      const narrowed = await ask({ ...read, args: { path: "/other" } }, narrower);
      expect(narrowed.decision).toEqual({
        outcome: "allow",
        reason: "OK",
        constraints: { timeout_ms: 10, max_output_bytes: 1_048_576 },
      });
    }));
});

test("in prod without a manifest a request's own grants nothing", () =>
  asking(["--trust-mode", "prod"], async (ask) => {
    const { decision } = await ask(rm, wider);
    expect(decision).toMatchObject({ outcome: "deny", reason: "PERMISSION_UNDECLARED" });
  }));

test("where nobody verified the server's, a request's own one counts instead", () =>
  asking(["--manifest", skill.manifest], async (ask) => {
    const replaced = await ask(rm, wider);
    expect(replaced.decision).toMatchObject({ outcome: "allow" });
    expect(replaced.record).toMatchObject({
      policy_hash: shipped,
      request_manifest_hash: hash(wider),
    });
    expect(replaced.record).not.toHaveProperty("manifest_hash");
    const own = await ask(read);
    expect(own.decision).toMatchObject({ outcome: "allow" });
    expect(own.record).toMatchObject({ manifest_hash: hash(skill.json()) });
    expect(own.record).not.toHaveProperty("request_manifest_hash");
  }));
