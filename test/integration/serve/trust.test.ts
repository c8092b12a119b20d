// Trust modes of the built binary under all its names: in prod nothing starts with a manifest that
// nobody on the allow-list signed.

import { describe, expect, test } from "bun:test";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { aegisBinary } from "../../support/harness.ts";
import { signedFolder } from "../../support/manifests.ts";
import { programMs } from "../../support/patience.ts";
import { linkedPrograms } from "../../support/served.ts";
import { ownSigstore } from "../../support/sigstore.ts";

const linked = linkedPrograms();
const signed = await signedFolder();
const unsigned = await signedFolder({ sign: false });
const changed = await signedFolder();
writeFileSync(`${changed.folder}/tool.py`, "print(2)\n");
const foreign = await signedFolder();

function written(name: string, line: string): string {
  const path = `${linked.folder}/${name}`;
  writeFileSync(path, `${line}\n`, { mode: 0o600 });
  return path;
}

const keys = written("keys", `${"0".repeat(64)} agent * bot`);
const peers = written("peers", `uid:${process.geteuid?.() ?? 0} admin * me`);
const prod = (trust: string) => ["--trust-mode", "prod", "--trust", trust];
/** Name of the manifest, arguments, and what is said. */
const refused: readonly (readonly [string, string, readonly string[], string])[] = [
  ["unsigned", unsigned.manifest, prod(unsigned.trust), "requires a cosign signature"],
  ["another's key", foreign.manifest, prod(signed.trust), 'may not sign for "acme"'],
  ["a changed file", changed.manifest, prod(changed.trust), "tool.py: hash mismatch"],
  ["no allow-list", signed.manifest, ["--trust-mode", "prod"], "requires an allow-list"],
  ["no trust root", signed.manifest, prod(`${signed.folder}/none.json`), "ENOENT"],
];

describe("aegisd and aegis serve", () => {
  const ways = { aegisd: ["aegisd", "--addr", ":0"], serve: ["aegis", "serve", "--addr", ":0"] };
  for (const [way, [name = "", ...args]] of Object.entries(ways)) {
    const common = [...args, way === "aegisd" ? "--dsn" : "--ledger", ":memory:"];

    test.each(refused)(`${way} does not start: %s`, async (_, manifest, flags, message) => {
      const outcome = await linked.run(name, ...common, "--manifest", manifest, ...flags);
      expect([outcome.exitCode, outcome.stdout]).toEqual([1, ""]);
      expect(outcome.stderr).toContain(message);
    });
  }

  test("start with one that is trusted, and aegisd says nothing of it", async () => {
    const text = [
      "dsn: ':memory:'",
      "addr: '127.0.0.1:0'",
      `manifest: ${signed.manifest}`,
      "trust_mode: prod",
      `trust: ${signed.trust}`,
      `keys: ${keys}`,
    ];
    writeFileSync(`${linked.folder}/aegis.yaml`, text.join("\n"));
    const server = await linked.start("aegisd", "--config", "aegis.yaml");
    expect(server.greeting).toStartWith("aegisd listening on ");
    expect(await server.stop()).toBe(0);
    expect(server.said()).toBe("");
  });

  const open = { serve: ways.serve, aegisd: ways.aegisd, mcp: ["aegis", "mcp", "--listen", ":0"] };
  test.each(Object.entries(open))("%s serves nobody without keys in prod", async (way, argv) => {
    const [name = "", ...args] = argv;
    const dsn = [way === "aegisd" ? "--dsn" : "--ledger", way === "mcp" ? "a.db" : ":memory:"];
    const manifest = ["--manifest", signed.manifest, ...prod(signed.trust)];
    const rest = way === "mcp" ? ["--upstream", "http://127.0.0.1:1/"] : [];
    const outcome = await linked.run(name, ...args, ...dsn, ...manifest, ...rest);
    expect([outcome.exitCode, outcome.stdout]).toEqual([1, ""]);
    expect(outcome.stderr).toContain("config: invalid trust_mode: prod, and no keys for");
    expect(outcome.stderr).toContain("--keys FILE");
  });

  test.each([
    ["a socket", ["--listen", "unix:s"]],
    ["a socket with peers", ["--listen", "unix:s", "--peers", peers]],
    ["a port with keys", ["--addr", ":0", "--keys", keys]],
  ])("start in prod on %s", async (_, where) => {
    const manifest = ["--manifest", signed.manifest, ...prod(signed.trust)];
    const server = await linked.start("aegisd", "--dsn", ":memory:", ...where, ...manifest);
    expect(await server.stop()).toBe(0);
    expect(server.said()).toBe("");
  });

  test("what the file wishes and prod refuses is taken back by a flag", async () => {
    const config = written("wish.yaml", "trust_mode: prod\napproval_by_requester: true");
    const flags = ["--dsn", ":memory:", "--listen", "unix:s", "--config", config];
    const outcome = await linked.run("aegisd", ...flags);
    expect(outcome.stderr).toContain("invalid approval_by_requester");
    const server = await linked.start("aegisd", ...flags, "--approval-by-requester=false");
    expect(await server.stop()).toBe(0);
  });

  test("in prod a proxy's port is closed to everybody as well, beside a socket", async () => {
    const proxy = ["--mcp-addr", ":0", "--mcp-upstream", "http://127.0.0.1:1/"];
    const flags = ["--dsn", ":memory:", "--listen", "unix:s", "--trust-mode", "prod", ...proxy];
    const outcome = await linked.run("aegisd", ...flags);
    expect(outcome.stderr).toContain("config: invalid trust_mode: prod, and no keys for");
    const server = await linked.start("aegisd", ...flags, "--keys", keys);
    expect(await server.stop()).toBe(0);
  });

  test("start in dev with a warning", async () => {
    const flags = ["--dsn", ":memory:", "--addr", ":0", "--manifest", unsigned.manifest];
    const server = await linked.start("aegisd", ...flags);
    await server.stop();
    expect(server.said()).toMatch(
      / warn manifest "skill": its signature was not checked: trust mode dev, and no allow-list\n$/,
    );
    const listed = await linked.start("aegisd", ...flags, "--trust", unsigned.trust);
    await listed.stop();
    expect(listed.said()).toContain(" warn manifest: prod mode requires a cosign signature; ");
  });
});

describe("aegis run", () => {
  const run = (manifest: string, ...flags: string[]) => {
    const child = Bun.spawnSync(
      [
        aegisBinary(),
        ...["run", "--manifest", manifest, ...flags, "--quiet"],
        ...["--", "cat", `${signed.folder}/tool.py`],
      ],
      {
        cwd: signed.folder,
        env: { HOME: linked.folder, PATH: process.env.PATH ?? "" },
        stdio: ["ignore", "pipe", "pipe"],
        timeout: programMs,
        killSignal: "SIGKILL",
      },
    );
    return {
      stdout: child.stdout.toString(),
      stderr: child.stderr.toString(),
      exitCode: child.exitCode,
    };
  };

  test.each(refused)("launches nothing: %s", (_, manifest, flags, message) => {
    const outcome = run(manifest, ...flags);
    expect([outcome.exitCode, outcome.stdout]).toEqual([125, ""]);
    expect(outcome.stderr).toContain(message);
  });

  test("launches under the manifest that it trusted, and the kernel holds it", async () => {
    const before = run(signed.manifest, ...prod(signed.trust));
    expect(before.exitCode).toBe(1);
    expect(before.stderr).toContain("Permission denied");
    const reading = await signedFolder({ sign: false });
    reading.edit((json) => {
      const fs = { read_roots: ["/usr", signed.folder] };
      Object.assign(json.permissions as object, { fs });
    });
    const { signManifest } = await import("../../../src/app/manifest/sign.ts");
    await signManifest(reading.manifest, reading.key, false);
    expect(run(reading.manifest, ...prod(reading.trust))).toEqual({
      stdout: "print(1)\n",
      stderr: "",
      exitCode: 0,
    });
  });

  test("says nothing about trust unless it is asked, and cannot be asked without a manifest", () => {
    expect(run(unsigned.manifest).stderr).not.toContain("signature");
    const outcome = linkedRun("run", "--trust-mode", "prod", "--", "true");
    expect(outcome.stderr).toContain("Cannot judge a manifest: there is none");
  });
});

function linkedRun(...args: readonly string[]) {
  const child = Bun.spawnSync([aegisBinary(), ...args], {
    env: { HOME: linked.folder, PATH: process.env.PATH ?? "" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  return { stderr: child.stderr.toString(), exitCode: child.exitCode };
}

describe("manifest commands", () => {
  test("keygen, sign and verify, from a new key to a trusted manifest", async () => {
    const { manifest, folder } = await signedFolder({ sign: false });
    const key = `${folder}/../new.pem`;
    const made = await linked.run("aegis", "manifest", "keygen", key);
    expect(made.exitCode).toBe(0);
    const [, keyId = "", publicKey = ""] =
      /^key ([0-9a-f]{16})\ned25519 (\S{44})\n$/.exec(made.stdout) ?? [];
    expect(readFileSync(key, "utf8")).toStartWith("-----BEGIN PRIVATE KEY-----\n");
    const done = await linked.run("aegisctl", "manifest", "sign", manifest, "--key", key);
    expect([done.stdout, done.exitCode]).toEqual([
      `signed by key ${keyId}: integrity.signature\n`,
      0,
    ]);
    const list = `${folder}/../list.json`;
    writeFileSync(list, JSON.stringify({ signers: [{ publisher: "acme", ed25519: publicKey }] }));
    chmodSync(list, 0o600);
    const verified = await linked.run("aegis", "manifest", "verify", manifest, "--trust", list);
    expect([verified.stdout, verified.exitCode]).toEqual([
      `OK: manifest "skill" v1.0.0 by acme, signed by key ${keyId}; 1 file matches\n`,
      0,
    ]);
    const other = ["--trust", signed.trust];
    const refusal = await linked.run("aegis", "manifest", "verify", manifest, ...other);
    expect([refusal.stdout, refusal.exitCode]).toEqual([
      `INVALID: manifest: signature: key ${keyId} may not sign for "acme"\n`,
      1,
    ]);
  });

  test("verify checks a Sigstore bundle, with nothing but files", async () => {
    const signer = { identity: "release@acme.example", issuer: "https://accounts.example" };
    const sigstore = ownSigstore();
    const { manifest, folder, edit, json } = await signedFolder({ sign: false });
    const signature = "aegis-manifest.sigstore.json";
    edit((whole) => Object.assign(whole.integrity as object, { signature }));
    const show = await linked.run("aegis", "manifest", "show", "--signed-bytes", manifest);
    const bytes = new TextEncoder().encode(show.stdout);
    expect(JSON.parse(show.stdout)).toMatchObject({ name: json().name });
    writeFileSync(`${folder}/${signature}`, JSON.stringify(sigstore.bundle({ bytes, ...signer })));
    const root = `${folder}/../root.json`;
    writeFileSync(root, JSON.stringify(sigstore.trustRoot));
    const verify = (identity: string) =>
      linked.run(
        ...(["aegis", "manifest", "verify", manifest, "--sigstore-root", root] as const),
        ...["--identity", identity, "--issuer", signer.issuer],
      );
    const good = await verify(signer.identity);
    expect([good.stdout, good.stderr, good.exitCode]).toEqual([
      'OK: manifest "skill" v1.0.0 by acme, signed by release@acme.example (https://accounts.example); 1 file matches\n',
      "",
      0,
    ]);
    const other = await verify("mallory@acme.example");
    expect([other.exitCode, other.stdout]).toEqual([
      1,
      expect.stringContaining("may not sign for"),
    ]);
  });

  test("validate and install in prod", async () => {
    const good = await linked.run(
      ...(["aegisctl", "manifest", "validate", signed.manifest] as const),
      ...prod(signed.trust),
    );
    expect(good.stdout).toBe('OK: manifest "skill" v1.0.0 by acme\n');
    const bad = await linked.run(
      ...(["aegisctl", "manifest", "validate", unsigned.manifest] as const),
      ...prod(unsigned.trust),
    );
    expect([bad.stdout, bad.exitCode]).toEqual([
      "SIGNATURE INVALID: manifest: prod mode requires a cosign signature\n",
      1,
    ]);
    const none = ["manifest", "validate", signed.manifest, "--trust-mode", "prod"];
    expect((await linked.run("aegisctl", ...none)).stdout).toStartWith("SIGNATURE INVALID: ");
    const install = ["manifest", "install", unsigned.manifest, ...prod(unsigned.trust)];
    expect((await linked.run("aegisctl", ...install)).exitCode).toBe(1);
  });
});
