// Tool policies that OPA's own program signed, in the built binary: taken by their key, refused
// without it, and the policy before goes on.

import { describe, expect, test } from "bun:test";
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { testWith } from "../../support/features.ts";
import { repoRoot, waitFor } from "../../support/harness.ts";
import { linkedPrograms } from "../../support/served.ts";
import { ecKey, secret, signedBundle } from "../../support/signed-bundle.ts";
import { tarGz } from "../../support/tar.ts";
import { tempDir } from "../../support/temp.ts";

const linked = linkedPrograms();
const policy = {
  path: "/policy.wasm",
  content: readFileSync(`${repoRoot}/policies/rego/aegis/decide.wasm`),
};
const data = { path: "/data.json", content: "{}" };
const own = ecKey();

function file(name: string, content: Uint8Array | string, mode = 0o644): string {
  const draft = `${linked.folder}/.draft`;
  writeFileSync(draft, content, { mode });
  renameSync(draft, `${linked.folder}/${name}`);
  return name;
}

async function start(...flags: readonly string[]) {
  const all = ["--dsn", ":memory:", "--addr", ":0", "--telemetry-disabled", ...flags];
  const server = await linked.start("aegisd", ...all);
  const url = `http://${server.greeting.trim().split(" ").at(-1)}/v1/policy/decide`;
  const question = { event: { event_type: "TOOL_CALL_PROPOSED", payload: { tool_name: "x" } } };
  const body = JSON.stringify({ ...question, snapshot: {}, manifest: {} });
  const reason = async (): Promise<unknown> =>
    ((await (await fetch(url, { method: "POST", body })).json()) as { reason: unknown }).reason;
  return { ...server, reason };
}

function run(command: readonly string[], cwd: string): void {
  const { exitCode, stderr } = Bun.spawnSync([...command], { cwd });
  if (exitCode !== 0) throw new Error(`${command.join(" ")}: ${stderr.toString()}`);
}

const genpkey = ["openssl", "genpkey", "-out", "key.pem"];
const rsa = ["-algorithm", "RSA"];
const ec = (curve: string) => ["-algorithm", "EC", "-pkeyopt", `ec_paramgen_curve:${curve}`];

describe("what `opa sign` signs is taken by its key", () => {
  const algorithms: readonly (readonly [string, readonly string[] | undefined])[] = [
    ...["HS256", "HS384", "HS512"].map((name) => [name, undefined] as const),
    ...["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"].map((name) => [name, rsa] as const),
    ["ES256", ec("P-256")],
    ["ES384", ec("P-384")],
    ["ES512", ec("P-521")],
  ];
  for (const [algorithm, kind] of algorithms)
    testWith(["tool opa", "tool openssl"], algorithm, async () => {
      const place = tempDir("opa");
      const bundle = `${place}/bundle`;
      mkdirSync(`${bundle}/nested`, { recursive: true });
      const rego = `${repoRoot}/policies/rego/aegis/decide.rego`;
      const entry = ["-t", "wasm", "-e", "aegis/decide/decision"];
      run(["opa", "build", ...entry, "-o", "b.tar.gz", rego], place);
      run(["tar", "-xzf", "../b.tar.gz"], bundle);
      const odd =
        '{ "z": -0.0, "é\\u2028": "<&>\\b\\u0001\\u007f", "n": 1E4, "😀": 1, "\\uffee": [] }';
      writeFileSync(`${bundle}/nested/data.json`, odd);
      if (kind === undefined) writeFileSync(`${place}/key.pem`, secret.repeat(2), { mode: 0o600 });
      else {
        run([...genpkey, ...kind], place);
        run(["openssl", "pkey", "-in", "key.pem", "-pubout", "-out", "public.pem"], place);
      }
      const signing = ["--signing-alg", algorithm, "--signing-key", "../key.pem"];
      writeFileSync(`${place}/claims.json`, '{"scope":"write","iss":"us"}');
      run(["opa", "sign", ...signing, "--claims-file", "../claims.json", "-b", "."], bundle);
      run(["tar", "-czf", "../signed.tar.gz", "."], bundle);
      const key = `${place}/${kind === undefined ? "key" : "public"}.pem`;
      const flags = ["--bundle", `${place}/signed.tar.gz`, "--bundle-key", key];
      const server = await start(...flags, "--bundle-scope", "write");
      expect(await server.reason()).toBe("PERMISSION_UNDECLARED");
      expect(server.said()).not.toContain("signature");
      expect(await server.stop()).toBe(0);
      writeFileSync(`${bundle}/nested/data.json`, '{"z":1}');
      run(["tar", "-czf", "../signed.tar.gz", "."], bundle);
      const args = ["aegisd", "--addr", ":0", "--dsn", ":memory:", ...flags] as const;
      const refused = await linked.run(...args, "--bundle-scope", "write");
      expect(refused.stderr).toContain('"nested/data.json" is not what was signed');
      expect(refused.exitCode).toBe(1);
    });

  testWith(["tool opa", "tool openssl"], "what `opa build` signs as well", async () => {
    const place = tempDir("opa");
    mkdirSync(`${place}/source`);
    run(["cp", `${repoRoot}/policies/rego/aegis/decide.rego`, "source"], place);
    writeFileSync(`${place}/source/data.json`, '{"limits": {"a": [1.0, 2e3]}}');
    run([...genpkey, ...ec("P-256")], place);
    run(["openssl", "pkey", "-in", "key.pem", "-pubout", "-out", "public.pem"], place);
    const entry = ["-t", "wasm", "-e", "aegis/decide/decision"];
    const signing = ["--signing-alg", "ES256", "--signing-key", "key.pem"];
    run(["opa", "build", ...entry, ...signing, "-b", "source", "-o", "b.tar.gz"], place);
    const server = await start(
      "--bundle",
      `${place}/b.tar.gz`,
      "--bundle-key",
      `${place}/public.pem`,
    );
    expect(await server.reason()).toBe("PERMISSION_UNDECLARED");
    expect(await server.stop()).toBe(0);
  });
});

describe("a server with a key", () => {
  const key = file("public.pem", own.pem);

  test("refuses to start with a bundle that its key did not sign", async () => {
    const bad: readonly (readonly [string, Uint8Array, string])[] = [
      ["unsigned.tar.gz", tarGz([policy, data]), "it has no .signatures.json"],
      ["foreign.tar.gz", signedBundle([policy, data], ecKey().key), "the key did not sign it"],
      ["alone.wasm", policy.content, "it is a module alone"],
    ];
    for (const [name, content, why] of bad) {
      const flags = ["--bundle", file(name, content), "--bundle-key", key];
      const refused = await linked.run("aegisd", "--addr", ":0", "--dsn", ":memory:", ...flags);
      expect([refused.exitCode, refused.stdout]).toEqual([1, ""]);
      expect(refused.stderr).toContain(why);
    }
  });

  test("goes on by the old bundle when the new one is not signed, and takes the next one", async () => {
    const other = Buffer.from(
      policy.content
        .toString("latin1")
        .replaceAll("PERMISSION_UNDECLARED", "PERMISSION_UNDECLARES"),
      "latin1",
    );
    const changed = { path: policy.path, content: other };
    const name = file("live.tar.gz", signedBundle([policy], own.key));
    const server = await start("--bundle", name, "--bundle-key", key);
    file(name, tarGz([changed]));
    await waitFor("the refusal", () => server.said().includes("the one before goes on"));
    expect(server.said()).toContain("it has no .signatures.json");
    expect(await server.reason()).toBe("PERMISSION_UNDECLARED");
    file(name, signedBundle([changed], own.key));
    await waitFor("the new one", () => server.said().includes("was read again"));
    expect(await server.reason()).toBe("PERMISSION_UNDECLARES");
    expect(await server.stop()).toBe(0);
  });

  test("reads the key again as well", async () => {
    const next = ecKey();
    const place = file("turning.pem", own.pem);
    const name = file("turning.tar.gz", signedBundle([policy], own.key));
    const server = await start("--bundle", name, "--bundle-key", place);
    file("turning.pem", next.pem);
    await waitFor("the refusal", () => server.said().includes("the key did not sign it"));
    file(name, signedBundle([policy], next.key));
    await waitFor("the new one", () => server.said().includes("was read again"));
    expect(await server.stop()).toBe(0);
  });

  const flags = ["--bundle", file("own.tar.gz", signedBundle([policy], secret))];
  const keys: readonly (readonly [string, () => string, number | undefined, string])[] = [
    ["that others may change", () => file("open.pem", own.pem), 0o666, "others may change it"],
    ["that is a secret of everybody's", () => file("told", secret), 0o644, "others may read it"],
    ["that is not there", () => "none.pem", undefined, "ENOENT"],
  ];
  test.each(keys)("refuses a key %s", async (_, make, mode, why) => {
    const name = make();
    if (mode !== undefined) run(["chmod", mode.toString(8), name], linked.folder);
    const all = ["--addr", ":0", "--dsn", ":memory:", ...flags, "--bundle-key", name];
    const refused = await linked.run("aegisd", ...all);
    expect([refused.exitCode, refused.stdout]).toEqual([1, ""]);
    expect(refused.stderr).toContain(why);
  });

  test("takes a secret that is its owner's alone", async () => {
    const server = await start(...flags, "--bundle-key", file("secret", secret, 0o600));
    expect(await server.stop()).toBe(0);
  });
});

test("without a key a signed bundle is taken, and the log says that nobody checked it", async () => {
  const name = file("unchecked.tar.gz", signedBundle([policy], own.key));
  const server = await start("--bundle", name);
  expect(await server.reason()).toBe("PERMISSION_UNDECLARED");
  expect(await server.stop()).toBe(0);
  expect(server.said()).toMatch(
    / warn the signature of the tool policy ".*" was not checked: no key/,
  );
});

test.each([
  [["--bundle-key", "k"], "bundle_key: there is no bundle"],
  [["--bundle", "b", "--bundle-scope", "write"], "bundle_scope: there is no bundle_key"],
])("%j keeps a server from starting", async (flags, why) => {
  const refused = await linked.run("aegisd", "--addr", ":0", "--dsn", ":memory:", ...flags);
  expect(refused.exitCode).toBe(1);
  expect(refused.stderr).toContain(why);
});
