// The files of deploy/: what systemd says about the unit, and that everything they name is there
// and means what the documentation says.

import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { readDaemonFile } from "../../../src/config/daemon.ts";
import { testWith } from "../../support/features.ts";
import { aegisBinary, repoRoot } from "../../support/harness.ts";
import { tempDir } from "../../support/temp.ts";

const deploy = join(repoRoot, "deploy");
const read = (path: string) => readFileSync(join(deploy, path), "utf8");
const analyze = Bun.which("systemd-analyze");

describe.skipIf(analyze === null)("the unit (needs systemd-analyze)", () => {
  const folder = tempDir("unit");
  const unit = join(folder, "aegisd.service");
  // There is no aegisd in /usr/local/bin here, nor its account.
  const text = read("systemd/aegisd.service")
    .replace("/usr/local/bin/aegisd", aegisBinary())
    .replaceAll(/^(User|Group)=aegis$/gm, "$1=daemon");
  writeFileSync(unit, text);
  const run = (...args: readonly string[]) => {
    const { stdout, stderr, exitCode } = Bun.spawnSync([analyze ?? "", ...args]);
    return { said: `${stdout}${stderr}`, exitCode };
  };

  test("is one that systemd takes without a word", () => {
    expect(run("verify", unit)).toEqual({ said: "", exitCode: 0 });
  });

  test("is as closed as the documentation says", () => {
    const { said, exitCode } = run("security", "--offline=true", "--threshold=20", unit);
    expect({ said: said.split("\n").at(-2), exitCode }).toMatchObject({ exitCode: 0 });
  });
});

test("aegisd takes the example of aegis.yaml", () => {
  expect(readDaemonFile("aegis.yaml", read("aegis.yaml"))).toMatchObject({
    addr: "127.0.0.1:8080",
    dsn: "file:/var/lib/aegis/ledger.db",
  });
});

interface Service {
  readonly build?: { readonly context: string; readonly dockerfile: string };
  readonly image?: string;
  readonly command?: readonly string[];
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly secrets?: readonly string[];
  readonly networks?: readonly string[];
  readonly depends_on?: object;
}

interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: object;
  readonly secrets: object;
  readonly networks?: object;
}

describe.each(["compose/dev.yaml", "compose/prod.yaml"])("%s", (path) => {
  const compose = Bun.YAML.parse(read(path)) as Compose;
  const services = Object.entries(compose.services);

  test("names nothing that it does not declare", () => {
    for (const [, service] of services) {
      const { volumes = [], secrets = [], networks = [], depends_on = {} } = service;
      for (const volume of volumes) {
        const [source = ""] = volume.split(":");
        if (source.startsWith(".")) expect(existsSync(join(deploy, "compose", source))).toBe(true);
        else expect(Object.keys(compose.volumes)).toContain(source);
      }
      for (const secret of secrets) expect(Object.keys(compose.secrets)).toContain(secret);
      for (const network of networks) {
        expect(Object.keys(compose.networks ?? {})).toContain(network);
      }
      const needed = Array.isArray(depends_on) ? depends_on : Object.keys(depends_on);
      for (const name of needed) expect(Object.keys(compose.services)).toContain(name);
      expect(service.image !== undefined || service.build !== undefined).toBe(true);
    }
  });

  test("builds from files that are there", () => {
    for (const [, { build }] of services) {
      if (build === undefined) continue;
      const context = join(deploy, "compose", build.context);
      expect(existsSync(join(context, build.dockerfile))).toBe(true);
    }
  });

  test("gives aegisd to nobody without keys", () => {
    const daemons = services.filter(([name]) => name.startsWith("aegisd"));
    expect(daemons.length).toBeGreaterThan(0);
    for (const [, { command = [], ports = [] }] of daemons) {
      expect(command).toContain("--keys");
      for (const port of ports) expect(port).toStartWith("127.0.0.1:");
    }
  });

  test("starts aegisd with flags that it knows", async () => {
    for (const [name, { command = [] }] of services) {
      if (!name.startsWith("aegisd")) continue;
      // Everything up to the file of keys, which is not here, is understood.
      const child = Bun.spawn([aegisBinary(), ...command], {
        argv0: "aegisd",
        env: { HOME: tempDir("home"), PATH: process.env.PATH ?? "" },
        stdio: ["ignore", "ignore", "pipe"],
      });
      expect(await child.stderr.text()).toContain('the key file "/run/secrets/aegis_keys"');
      expect(await child.exited).toBe(1);
    }
  });

  // What `docker compose config` does, by the library that it does it with.
  testWith(["tool compose-config"], "is what docker compose loads, without a warning", () => {
    const load = (name: string, env: Readonly<Record<string, string>>) => {
      const ran = Bun.spawnSync(["compose-config", name], {
        cwd: join(deploy, "compose"),
        env: { PATH: process.env.PATH ?? "", HOME: tempDir("home"), ...env },
      });
      return { exitCode: ran.exitCode, said: `${ran.stderr}`, made: `${ran.stdout}` };
    };
    const host = { AEGIS_HOST: "aegis.example.org" };
    const { exitCode, said, made } = load(basename(path), host);
    expect({ exitCode, said }).toEqual({ exitCode: 0, said: "" });
    const { services: loaded } = JSON.parse(made) as Compose;
    expect(Object.keys(loaded).sort()).toEqual(services.map(([name]) => name).sort());
    if (path.endsWith("prod.yaml")) {
      expect(loaded["aegisd-1"]?.command).toContain(host.AEGIS_HOST);
      const message = "name the host that callers use";
      const nameless = { exitCode: 1, said: expect.stringContaining(message) };
      expect(load(basename(path), {})).toMatchObject(nameless);
    }
    const wrong = join(tempDir("compose"), "wrong.yaml");
    writeFileSync(wrong, read(path).replace("cap_drop", "cap_dorp"));
    const misspelt = { exitCode: 1, said: expect.stringContaining("cap_dorp") };
    expect(load(wrong, host)).toMatchObject(misspelt);
    writeFileSync(wrong, read(path).replace("secrets: [aegis_keys", "secrets: [aegis_kyes"));
    const undeclared = { exitCode: 1, said: expect.stringContaining("aegis_kyes") };
    expect(load(wrong, host)).toMatchObject(undeclared);
  });
});
