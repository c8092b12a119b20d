// `--credential` of the built binary: what the box sees, what the server gets, and that the secret
// is in nothing the launch leaves behind.

import { afterAll, expect } from "bun:test";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Setting, settings } from "../../support/box.ts";
import { testWith } from "../../support/features.ts";
import { isRoot } from "../../support/harness.ts";
import { makeScene, own, removeScenes, runIn, type Scene } from "../../support/in-setting.ts";
import { tempDir } from "../../support/temp.ts";
import { certificate } from "../../support/tls.ts";

const needs = ["linux", "landlock", "seccomp"] as const;
const secret = "sk-real-0123456789abcdef";
const name = "api.aegis.test";

const { key, cert } = certificate(name);
const seen: string[] = [];
const fetch = (request: Request): Response => {
  seen.push(`${request.headers.get("authorization")} ${new URL(request.url).pathname}`);
  return new Response("served\n");
};
const plain = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch });
const tls = Bun.serve({ hostname: "127.0.0.1", port: 0, tls: { key, cert }, fetch });
afterAll(async () => {
  await Promise.all([plain.stop(true), tls.stop(true)]);
  removeScenes();
});

const server = `127.0.0.1:${plain.port}`;
const granted = ["--net", `localhost:${plain.port}`];
const place = `http://${server}`;
const request = (to: string) =>
  `curl -sS --max-time 60 -H "Authorization: Bearer $OPENAI_API_KEY" ${to}`;

interface Ran {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
}

async function run(
  scene: Scene,
  flags: readonly string[],
  script: string,
  env: Readonly<Record<string, string>> = { OPENAI_API_KEY: secret },
): Promise<Ran> {
  seen.length = 0;
  const weaker = scene.setting.name.endsWith("no namespaces") ? ["--allow-weaker"] : [];
  const argv = ["run", ...weaker, ...flags, "--", "/bin/sh", "-c", script];
  const ran = await runIn(scene, argv, { env });
  expect(ran.stdout).not.toContain(secret);
  expect(ran.stderr).not.toContain(secret);
  for (const path of filesBelow(scene.home))
    expect(readFileSync(path).includes(secret)).toBe(false);
  return ran;
}

function filesBelow(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((path) => join(folder, path))
    .filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile() === true);
}

for (const setting of settings()) {
  testWith(needs, `${setting.name}: the server gets what the box does not have`, async () => {
    const flags = [...granted, "--credential", `OPENAI_API_KEY@${place}`];
    const { stdout, stderr, exitCode } = await run(
      makeScene(setting),
      flags,
      `${request(`http://${server}/v1`)}; env; cat /proc/*/environ /proc/*/cmdline 2>/dev/null; true`,
      { OPENAI_API_KEY: secret, SECOND: secret, PART: `token=${secret};` },
    );
    expect(`${exitCode} ${stderr}`).toStartWith("0");
    expect(seen).toEqual([`Bearer ${secret} /v1`]);
    expect(stdout).toMatch(/^OPENAI_API_KEY=aegis_[0-9a-f]{40}$/m);
    expect(stdout).not.toMatch(/^(SECOND|PART)=/m);
    expect(stderr).toContain("kept out of the environment: PART SECOND");
  });

  testWith(needs, `${setting.name}: a file that holds the secret cannot be read`, async () => {
    const scene = makeScene(setting);
    const file = join(scene.ws, "key");
    const beside = join(scene.ws, "beside");
    writeFileSync(file, `${secret}\n`, { mode: 0o600 });
    writeFileSync(beside, "readable\n");
    own(scene, scene.ws);
    const flags = [...granted, "--credential", `OPENAI_API_KEY=file:${file}@${place}`];
    const script = `${request(`http://${server}/f`)}; cat ${file}; cat ${beside}`;
    const { stdout, stderr } = await run(scene, flags, script, {});
    expect(seen).toEqual([`Bearer ${secret} /f`]);
    expect(stdout).toBe("served\nreadable\n");
    expect(stderr).toContain("ermission denied");
  });

  testWith(needs, `${setting.name}: a program outside prints the secret`, async () => {
    const flags = [...granted, "--credential", `OPENAI_API_KEY=command:printenv VAULT@${place}`];
    const env = { VAULT: secret };
    const { exitCode } = await run(makeScene(setting), flags, request(`http://${server}/c`), env);
    expect(exitCode).toBe(0);
    expect(seen).toEqual([`Bearer ${secret} /c`]);
  });

  const refused: readonly [string, readonly string[], string][] = [
    [
      "a host nobody granted",
      [...granted, "--credential", "OPENAI_API_KEY@api.openai.com"],
      "grant it with --net api.openai.com:443",
    ],
    [
      "a port nobody granted",
      [...granted, "--credential", "OPENAI_API_KEY@http://127.0.0.1:9"],
      "grant it with --net 127.0.0.1:9",
    ],
    [
      "a grant of everything, which names no host",
      ["--net", "all", "--credential", "OPENAI_API_KEY@api.openai.com"],
      "grant it with --net api.openai.com:443",
    ],
    [
      "the variable passed on as well",
      [...granted, "--env", "OPENAI_API_KEY", "--credential", `OPENAI_API_KEY@${place}`],
      "drop --env OPENAI_API_KEY",
    ],
    ["a variable that is not set", [...granted, "--credential", `NONE@${place}`], "is not set"],
    ["a secret typed as a source", ["--credential", `KEY=${secret.slice(0, 5)}@${place}`], "write"],
    [
      "one variable twice",
      [...granted, ...["a", "b"].flatMap((host) => ["--credential", `OPENAI_API_KEY@${host}`])],
      "twice",
    ],
  ];
  for (const [what, flags, hint] of refused)
    testWith(needs, `${setting.name}: ${what} ends the launch`, async () => {
      const { stdout, stderr, exitCode } = await run(makeScene(setting), flags, "echo ran");
      expect(stdout).toBe("");
      expect(exitCode).not.toBe(0);
      expect(stderr).toContain(hint);
    });

  const named = [...["--net", `${name}:${tls.port}`], ...["--net", "127.0.0.1"]];
  const forSdk = ["--credential", `OPENAI_API_KEY@${name}:${tls.port}`];

  testWith(needs, `${setting.name}: known programs are told where their server is`, async () => {
    const show = 'echo "$OPENAI_BASE_URL"';
    const { stdout } = await run(makeScene(setting), [...named, ...forSdk], show);
    expect(stdout).toBe(`http://${name}/v1\n`);
    const own = ["--env", "OPENAI_BASE_URL=http://mine.test"];
    const other = await run(makeScene(setting), [...named, ...forSdk, ...own], show);
    expect(other.stdout).toBe("http://mine.test\n");
  });

  if (!isRoot()) continue;
  testWith(needs, `${setting.name}: a program with a base URL reaches TLS`, async () => {
    const authorities = join(tempDir("tls-ca"), "ca.pem");
    writeFileSync(authorities, cert);
    Bun.spawnSync(["chmod", "-R", "a+rX", join(authorities, "..")]);
    const scene = makeScene(withHosts(setting));
    const flags = [...named, ...forSdk];
    // By the proxy: the name is in the file of the machine, which would answer inside the box too.
    const script = request('"$OPENAI_BASE_URL/models"');
    const env = { OPENAI_API_KEY: secret, SSL_CERT_FILE: authorities };
    const { stdout, stderr } = await run(scene, flags, script, env);
    expect(stdout + stderr).toContain("served");
    expect(seen).toEqual([`Bearer ${secret} /v1/models`]);
    const unvouched = await run(scene, flags, script);
    expect(unvouched.stdout).not.toContain("served");
    expect(seen).toEqual([]);
  });
}

/** Whoever runs in it finds the name on this machine. */
function withHosts(setting: Setting): Setting {
  const hosts = join(tempDir("hosts"), "hosts");
  writeFileSync(hosts, `127.0.0.1 localhost ${name}\n`, { mode: 0o644 });
  const enter = ["unshare", "--mount", "--propagation", "private", "/bin/sh", "-c"];
  const bind = `mount --bind "$0" /etc/hosts && exec "$@"`;
  return { ...setting, through: (argv) => [...enter, bind, hosts, ...setting.through(argv)] };
}
