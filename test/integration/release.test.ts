// Every artefact of a release, built here and looked into: the right machine, the right parts
// inside, nothing that depends on when and where it was built.

import { beforeAll, describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isSignatureValid, signAdHoc } from "../../scripts/binary/macho.ts";
import { fetchPackage, foreignPackage } from "../../scripts/binary/packages.ts";
import { buildDir, lockedPackage, projectVersion } from "../../scripts/binary/project.ts";
import { deadSwitches } from "../../scripts/binary/runtime.ts";
import { hostTarget, type TargetName, targetNames, targets } from "../../scripts/binary/targets.ts";
import { repoRoot } from "../support/harness.ts";
import { testMs } from "../support/patience.ts";
import { tempDir } from "../support/temp.ts";

const version = projectVersion();
const folder = tempDir("release");
const unpacked = tempDir("unpacked");
const built = { output: "" };

function archiveOf(target: TargetName): string {
  return `aegis-${version}-${target}.tar.gz`;
}

function binaryPath(target: TargetName): string {
  return join(unpacked, `aegis-${version}-${target}`, "aegis");
}

function run(argv: readonly string[]): string {
  const result = Bun.spawnSync([...argv], { cwd: repoRoot });
  if (result.exitCode !== 0) throw new Error(`${argv.join(" ")}: ${result.stderr.toString()}`);
  return result.stdout.toString();
}

beforeAll(() => {
  built.output = run([process.execPath, "scripts/release.ts", "--out", folder]);
  for (const target of targetNames)
    run(["tar", "-xzf", join(folder, archiveOf(target)), "-C", unpacked]);
}, testMs);

describe("a release", () => {
  test("holds one archive for each target, checksums and the formula, and nothing else", () => {
    const archives = targetNames.map(archiveOf);
    expect(readdirSync(folder).sort()).toEqual([...archives, "SHA256SUMS", "aegis.rb"].sort());
  });

  test("prints the size of every archive and binary", () => {
    console.log(built.output.trim());
    const lines = built.output.trim().split("\n");
    expect(lines).toHaveLength(targetNames.length);
    for (const [index, target] of targetNames.entries()) {
      const megabytes = `(\\d+\\.\\d) MB`;
      const line = new RegExp(`^${archiveOf(target)}: ${megabytes}, binary ${megabytes}$`);
      const [, packed, plain] = line.exec(lines[index] ?? "") ?? [];
      expect(Number(packed)).toBeWithin(20, 80);
      expect(Number(plain)).toBeWithin(60, 160);
    }
  });

  test("has checksums that sha256sum accepts", () => {
    const result = Bun.spawnSync(["sha256sum", "-c", "SHA256SUMS"], { cwd: folder });
    expect({ status: result.exitCode, said: result.stdout.toString() }).toEqual({
      status: 0,
      said: targetNames.map((target) => `${archiveOf(target)}: OK\n`).join(""),
    });
  });

  test("has a formula with the checksum of every archive", () => {
    const formula = readFileSync(join(folder, "aegis.rb"), "utf8");
    const sums = readFileSync(join(folder, "SHA256SUMS"), "utf8").trim().split("\n");
    for (const line of sums) {
      const [sum, file] = line.split("  ");
      expect(formula).toMatch(new RegExp(`/v${version}/${file}"\\s+sha256 "${sum}"`));
    }
    expect(formula).toContain(`version "${version}"`);
    expect(formula).not.toMatch(/\{\{|\}\}/);
  });

  test.each([...targetNames])("the archive for %s lists the same on every machine", (target) => {
    const name = `aegis-${version}-${target}`;
    const listing = run([
      "tar",
      "--numeric-owner",
      "--utc",
      "-tvzf",
      join(folder, archiveOf(target)),
    ]);
    const entries = listing
      .trim()
      .split("\n")
      .map((line) => line.replace(/ +\d+ /, " "));
    expect(entries).toEqual([
      `-rw-r--r-- 0/0 1970-01-01 00:00 ${name}/LICENSE`,
      `-rw-r--r-- 0/0 1970-01-01 00:00 ${name}/README.md`,
      `-rwxr-xr-x 0/0 1970-01-01 00:00 ${name}/aegis`,
    ]);
  });
});

interface Format {
  readonly magic: string;
  /** Offset, width and value of the machine field, little endian. */
  readonly machine: readonly [number, 2 | 4, number];
}

const formats: Readonly<Record<TargetName, Format>> = {
  "linux-x64": { magic: "7f454c46020101", machine: [18, 2, 62] },
  "linux-arm64": { magic: "7f454c46020101", machine: [18, 2, 183] },
  "darwin-x64": { magic: "cffaedfe", machine: [4, 4, 0x0100_0007] },
  "darwin-arm64": { magic: "cffaedfe", machine: [4, 4, 0x0100_000c] },
};

describe.each([...targetNames])("the binary for %s", (target) => {
  test("is a program for that machine", () => {
    const { magic, machine } = formats[target];
    const bytes = readFileSync(binaryPath(target));
    const [offset, width, value] = machine;
    expect(bytes.subarray(0, magic.length / 2).toString("hex")).toBe(magic);
    expect(bytes.readUIntLE(offset, width)).toBe(value);
  });

  test("carries no switch that turns it into an interpreter", () => {
    const bytes = readFileSync(binaryPath(target));
    expect(deadSwitches.filter((name) => bytes.includes(name))).toEqual([]);
  });

  test("names no place of the machine that built it", () => {
    expect(readFileSync(binaryPath(target)).includes(repoRoot)).toBe(false);
  });

  test("embeds its own native parts and nobody else's", () => {
    const bytes = readFileSync(binaryPath(target));
    const fsevents = readFileSync(join(foreignPackage("fsevents"), "fsevents.node"));
    const helper = (machine: string) => readFileSync(join(buildDir, `aegis-helper-${machine}`));
    expect({
      x86_64: bytes.includes(helper("x86_64")),
      aarch64: bytes.includes(helper("aarch64")),
      fsevents: bytes.includes(fsevents),
    }).toEqual({
      x86_64: target === "linux-x64",
      aarch64: target === "linux-arm64",
      fsevents: targets[target].os === "darwin",
    });
  });
});

describe("what this machine can run", () => {
  const host = hostTarget().name;

  test("says its version", () => {
    expect(run([binaryPath(host), "--version"])).toBe(`aegis ${version}\n`);
  });

  test("is the same when it is built again", () => {
    const again = join(tempDir("again"), "other-name");
    run([process.execPath, "scripts/build.ts", "--out", again]);
    expect(readFileSync(again).equals(readFileSync(binaryPath(host)))).toBe(true);
  });
});

describe("packages for other machines", () => {
  test("are used with the locked bytes and refused with any other", () => {
    const store = tempDir("packages");
    const locked = lockedPackage("fsevents");
    const other = { ...locked, integrity: `sha512-${"A".repeat(86)}==` };
    expect(() => fetchPackage("fsevents", other, store)).toThrow("its integrity is");
    expect(readdirSync(store)).toEqual([]);
    const home = fetchPackage("fsevents", locked, store);
    expect(readdirSync(store)).toEqual([`fsevents@${locked.version}`]);
    expect(readdirSync(home)).toContain("fsevents.node");
  });
});

describe("signatures for macOS", () => {
  const darwin: readonly TargetName[] = ["darwin-x64", "darwin-arm64"];

  test.each([...darwin])("%s has one that covers every page", (target) => {
    const bytes = readFileSync(binaryPath(target));
    expect(isSignatureValid(bytes)).toBe(true);
    const page = Math.floor(bytes.length / 3);
    bytes.writeUInt8(bytes.readUInt8(page) ^ 1, page);
    expect(isSignatureValid(bytes)).toBe(false);
  });

  test("signAdHoc() writes byte for byte what the bundler writes where it signs by itself", () => {
    const signed = readFileSync(binaryPath("darwin-arm64"));
    const again = signAdHoc(signed, bundlerIdentifier(signed));
    expect(signed.equals(again)).toBe(true);
  });

  test("signAdHoc() makes room for a signature that is longer, and everything else stays", () => {
    const signed = readFileSync(binaryPath("darwin-arm64"));
    const longer = signAdHoc(signed, "x".repeat(100_000));
    expect(isSignatureValid(longer)).toBe(true);
    expect(longer.length).toBeGreaterThan(signed.length);
    const again = signAdHoc(longer, bundlerIdentifier(signed));
    const code = signed.length - 2_000_000;
    expect(Buffer.from(again).subarray(8192, code).equals(signed.subarray(8192, code))).toBe(true);
  });

  /** The text after the last code directory header. */
  function bundlerIdentifier(bytes: Buffer): string {
    const directory = bytes.lastIndexOf(Buffer.from("fade0c02", "hex"));
    const start = directory + bytes.readUInt32BE(directory + 20);
    return bytes.toString("latin1", start, bytes.indexOf(0, start));
  }
});
