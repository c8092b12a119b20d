// A sealed list of programs on the real kernel, with namespaces and without: nothing else runs, by
// whatever name, descriptor, loader or race. Every attempt has a twin without the list, where it
// succeeds.

import { expect } from "bun:test";
import { chmodSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Capability } from "../../src/model/capability.ts";
import { prepareDecider } from "../../src/policy/decide.ts";
import { sealPrograms } from "../../src/policy/seal.ts";
import { fixtureRules, runBox, type Setting, settings, testFolder } from "../support/box.ts";
import { testWith } from "../support/features.ts";
import { giveToPlainUser, repoRoot } from "../support/harness.ts";
import { permit, under } from "../support/ir.ts";
import { tempDir } from "../support/temp.ts";

const needs = ["linux", "landlock", "seccomp"] as const;
const loader =
  process.arch === "arm64" ? "/lib/ld-linux-aarch64.so.1" : "/lib64/ld-linux-x86-64.so.2";

const built: { program?: string } = {};

/** The fixture as an ordinary program, which needs its loader. */
function program(): string {
  if (built.program !== undefined) return built.program;
  const out = join(tempDir("run-fixture"), "program");
  const source = join(repoRoot, "test/fixtures/run.c");
  const { exitCode, stderr } = Bun.spawnSync(["cc", "-O1", "-pthread", "-o", out, source], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  if (exitCode !== 0) throw new Error(`cannot compile run.c: ${stderr.toString()}`);
  built.program = out;
  return out;
}

interface Place {
  readonly base: string;
  readonly listed: readonly string[];
}

function makePlace(setting: Setting): Place {
  const base = `${testFolder(setting)}/ws`;
  mkdirSync(`${base}/bin`, { recursive: true });
  for (const name of ["bin/tool", "bin/other"]) copyFileSync(program(), `${base}/${name}`);
  const scripts = {
    "bin/script": `#!${base}/bin/tool\n`,
    "bin/script-of-other": `#!${base}/bin/other\n`,
    "bin/script-of-script": `#!  ${base}/bin/script-of-other id\n`,
    "bin/script-of-loader": `#!${loader} ${base}/bin/other\n`,
    "bin/unlisted-script": `#!${base}/bin/tool\n`,
  };
  for (const [name, text] of Object.entries(scripts)) {
    writeFileSync(`${base}/${name}`, text);
    chmodSync(`${base}/${name}`, 0o755);
  }
  if (setting.isPlain) giveToPlainUser(base);
  const listed = ["tool", "script", "script-of-other", "script-of-script", "script-of-loader"];
  return { base, listed: listed.map((name) => `${base}/bin/${name}`) };
}

const origin = { rule: "flag:--exec", source: "flags", line: 0, column: 0 };

function rules({ base, listed }: Place, isSealed: boolean): Capability[] {
  const system = ["/usr", "/lib", "/lib64", "/etc/ld.so.cache"].map(under);
  return [
    permit("all", under(base)),
    ...system.map((where) => permit("read", where)),
    permit("ProcessSpawn", under("/")),
    ...(isSealed ? sealPrograms(listed, origin) : []),
  ];
}

/** `%` is the folder of the programs, `@` the loader; the twin is what happens without a list. */
const attempts = [
  ["exec %/tool", "ok", "ok"],
  ["exec %/other", "EACCES", "ran"],
  ["vfork %/tool", "ok", "ok"],
  ["vfork %/other", "EACCES", "ran"],
  ["thread %/tool", "ok", "ok"],
  ["thread %/other", "EACCES", "ran"],
  ["exec @ %/other", "EACCES", "ran"],
  ["exec @ %/tool", "EACCES", "ran"],
  ["descriptor %/tool", "ok", "ok"],
  ["descriptor %/other", "EACCES", "ran"],
  ["descriptor @", "EACCES", "exits"],
  ["memory %/tool 0", "ENOSYS", "ran"],
  ["memory %/tool 8", "EACCES", "EACCES"],
  ["memory %/tool 10", "ENOSYS", "ran"],
  ["copy %/tool %/../copy", "EACCES", "ran"],
  ["copy %/other %/tool2", "EACCES", "ran"],
  ["symlink tool %/link", "ok", "ok"],
  ["symlink other %/link-to-other", "EACCES", "ran"],
  ["exec %/script", "ok", "ok"],
  ["exec %/script-of-other", "EACCES", "ran"],
  ["exec %/script-of-script", "EACCES", "ran"],
  ["exec %/script-of-loader", "EACCES", "ran"],
  ["exec %/unlisted-script", "EACCES", "ok"],
  ["link %/tool %/hard", "EACCES", "ran"],
  ["write %/tool", "EACCES", "ETXTBSY"],
  ["write %/script", "EACCES", "ok"],
  ["rename %/other %/tool", "EACCES", "ok"],
] as const;

for (const setting of settings()) {
  testWith(needs, `a sealed list is held, ${setting.name}`, async () => {
    const told = async (isSealed: boolean) => {
      const place = makePlace(setting);
      const words = attempts.map(([text]) =>
        text.replaceAll("%", `${place.base}/bin`).replaceAll("@", loader),
      );
      const argv = [`${place.base}/bin/tool`, ...words];
      const run = await runBox(setting, rules(place, isSealed), [], { argv });
      return { place, run };
    };
    const sealed = await told(true);
    const open = await told(false);
    const table = attempts.map(([text], index) => [
      text,
      sealed.run.answers[index],
      open.run.answers[index],
    ]);
    expect(table as unknown).toEqual(attempts.map((row) => [...row]));
    const { accesses, planned } = sealed.run;
    const all = [...fixtureRules(), ...rules(sealed.place, true)];
    const decider = prepareDecider({ version: 1, capabilities: all });
    for (const { action, path, allowed } of accesses) {
      if (action !== "ProcessSpawn") continue;
      const resource = { path, host: undefined, port: undefined };
      const { outcome } = decider.decide({ action, agent: "agent", resource });
      expect([path, outcome]).toEqual([path, allowed ? "allow" : "deny"]);
    }
    const denied = accesses
      .filter(({ action, allowed }) => action === "ProcessSpawn" && !allowed)
      .map(({ path, rule }) => [path, planned.sources[rule ?? -1]?.rule]);
    const { base } = sealed.place;
    expect(denied).toContainEqual([`${base}/bin/other`, "flag:--exec"]);
    expect(denied).toContainEqual([`${base}/copy`, "flag:--exec"]);
  });

  testWith(
    needs,
    `a path that changes while it is executed leads to nothing else, ${setting.name}`,
    async () => {
      const place = makePlace(setting);
      const bin = `${place.base}/bin`;
      const seconds = process.env.EXEC_RACE_SECONDS ?? "3";
      const argv = [`${bin}/tool`, `race ${bin}/tool ${loader} ${bin}/other ${seconds}`];
      const run = await runBox(setting, rules(place, true), [], { argv });
      const [answer = ""] = run.answers;
      console.log(`${setting.name}: ${answer}`);
      const count = (name: string) => Number(new RegExp(`${name}=(\\d+)`).exec(answer)?.[1]);
      expect(count("ran")).toBe(0);
      expect(count("ok")).toBeGreaterThan(0);
      expect(count("denied")).toBeGreaterThan(0);
      // The kernel did start the loader now and then, and that was its end.
      const ended = run.accesses.filter(
        ({ path, allowed, action }) =>
          action === "ProcessSpawn" && !allowed && /\/ld-[^/]*$/.test(path),
      );
      expect(ended.length).toBeGreaterThanOrEqual(count("killed"));
    },
  );

  testWith(needs, `rows of programs tell what is in them, ${setting.name}`, async () => {
    const place = makePlace(setting);
    const bin = `${place.base}/bin`;
    const argv = [`${bin}/tool`, `exec ${bin}/other`, `exec ${bin}/script`, `exec ${bin}`];
    const rows = async (hashPrograms: boolean) => {
      const run = await runBox(setting, rules(place, true), [], { argv, hashPrograms });
      const spawned = run.accesses.filter(({ action }) => action === "ProcessSpawn");
      return spawned.map(({ path, allowed, sha256 }) => [path, allowed, sha256]);
    };
    const digest = (name: string) =>
      new Bun.CryptoHasher("sha256").update(readFileSync(`${bin}/${name}`)).digest("hex");
    expect(await rows(true)).toEqual([
      [`${bin}/tool`, true, digest("tool")],
      [`${bin}/other`, false, digest("other")],
      [`${bin}/script`, true, digest("script")],
      [bin, false, undefined],
    ]);
    expect((await rows(false)).map(([, , sha256]) => sha256).filter(Boolean)).toEqual([]);
  });
}
