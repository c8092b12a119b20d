// install.sh as a person pipes it into sh, against a release served here. The release holds a small
// script in place of the binary; release.test.ts looks at real ones.

import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { packTarGz } from "../../scripts/binary/tar.ts";
import { hostTarget } from "../../scripts/binary/targets.ts";
import { type Outcome, repoRoot } from "../support/harness.ts";
import { installed, sh, tree } from "../support/install.ts";
import { tempDir } from "../support/temp.ts";

const script = readFileSync(join(repoRoot, "install.sh"), "utf8");

/** A release folder by file name. */
type Release = Readonly<Record<string, Uint8Array | string>>;

const target = hostTarget().name;
const archiveName = `aegis-9.9.9-${target}.tar.gz`;
const program = new TextEncoder().encode("#!/bin/sh\necho 'aegis 9.9.9'\n");
const goodArchive = packTarGz([
  { name: `aegis-9.9.9-${target}/aegis`, mode: 0o755, content: program },
  { name: "../../escape", mode: 0o644, content: program },
]);

function sum(bytes: Uint8Array): string {
  return new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
}

const good: Release = {
  SHA256SUMS: `${"0".repeat(64)}  aegis-9.9.9-plan9-mips.tar.gz\n${sum(goodArchive)}  ${archiveName}\n`,
  [archiveName]: goodArchive,
};

describe("piped into sh", () => {
  const releases = new Map<string, Release>();
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch(request) {
      const [, name = "", file = ""] = new URL(request.url).pathname.split("/");
      const content = releases.get(name)?.[file];
      return content === undefined ? new Response("", { status: 404 }) : new Response(content);
    },
  });
  afterAll(() => server.stop(true));

  function serve(release: Release): string {
    const name = `r${releases.size}`;
    releases.set(name, release);
    return `http://127.0.0.1:${server.port}/${name}`;
  }

  function pipe(args: readonly string[], env: Record<string, string>): Promise<Outcome> {
    return sh(["-s", "--", ...args], { input: script, env });
  }

  test("a release is downloaded, checked and installed below HOME, and removed again", async () => {
    const home = tempDir("home");
    const env = { HOME: home, AEGIS_RELEASE_URL: serve(good) };
    const first = await pipe([], env);
    expect(first).toMatchObject({ exitCode: 0, stdout: "" });
    expect(first.stderr).toContain(`export PATH="${home}/.local/bin:$PATH"`);
    expect(tree(join(home, ".local"))).toEqual(installed);
    expect(tree(home).filter((path) => !path.startsWith(".local"))).toEqual([]);
    expect(await pipe([], env)).toMatchObject({ exitCode: 0 });
    expect(tree(join(home, ".local"))).toEqual(installed);
    expect(await pipe(["--uninstall"], env)).toMatchObject({ exitCode: 0 });
    expect(tree(home)).toEqual([]);
  });

  test("--uninstall leaves what others put beside it", async () => {
    const prefix = join(tempDir("prefix"), "with space");
    mkdirSync(join(prefix, "bin"), { recursive: true });
    writeFileSync(join(prefix, "bin/other"), "");
    const env = { AEGIS_RELEASE_URL: serve(good) };
    expect(await pipe(["--prefix", prefix], env)).toMatchObject({ exitCode: 0 });
    writeFileSync(join(prefix, "share/theirs"), "");
    expect(await pipe([`--prefix=${prefix}/`, "--uninstall"], env)).toMatchObject({ exitCode: 0 });
    expect(tree(prefix)).toEqual(["bin", "bin/other", "share", "share/theirs"]);
  });

  const member = `aegis-9.9.9-${target}/aegis`;
  const withoutMember = packTarGz([{ name: "else", mode: 0o755, content: program }]);
  const broken = packTarGz([
    { name: member, mode: 0o755, content: Buffer.from("#!/bin/sh\nexit 1\n") },
  ]);
  const refused: readonly [string, Release, string][] = [
    [
      "an archive whose checksum differs",
      { ...good, [archiveName]: Buffer.concat([goodArchive, Buffer.from("x")]) },
      "the checksum of",
    ],
    ["a release without an archive for this machine", { SHA256SUMS: "" }, "has no archive for"],
    [
      "a release with two archives for this machine",
      {
        ...good,
        SHA256SUMS: `${good.SHA256SUMS}${sum(goodArchive)}  aegis-9.9.8-${target}.tar.gz\n`,
      },
      "has several archives for",
    ],
    ["a release that is not there", {}, "cannot download"],
    [
      "an archive without the binary",
      { SHA256SUMS: `${sum(withoutMember)}  ${archiveName}\n`, [archiveName]: withoutMember },
      "does not hold",
    ],
    [
      "a binary that does not run",
      { SHA256SUMS: `${sum(broken)}  ${archiveName}\n`, [archiveName]: broken },
      "does not run",
    ],
  ];
  test.each(refused)("%s is refused and nothing is left", async (_, release, message) => {
    const prefix = tempDir("prefix");
    const tmp = tempDir("tmp");
    const env = { AEGIS_RELEASE_URL: serve(release), TMPDIR: tmp };
    const { exitCode, stderr } = await pipe(["--prefix", prefix], env);
    expect(stderr).toContain(`error: `);
    expect(stderr).toContain(message);
    expect(exitCode).toBe(1);
    expect(tree(prefix)).toEqual([]);
    expect(tree(tmp)).toEqual([]);
  });

  /** Its binary ends the script that tries it, as a terminal that is closed does, or the power. */
  function ending(signal: string): Release {
    const content = Buffer.from(`#!/bin/sh\nkill -${signal} $PPID\n`);
    const archive = packTarGz([{ name: member, mode: 0o755, content }]);
    return { SHA256SUMS: `${sum(archive)}  ${archiveName}\n`, [archiveName]: archive };
  }

  test.each([
    ["HUP", 129],
    ["INT", 130],
    ["TERM", 143],
  ])("nothing is left where SIG%s ends it", async (signal, status) => {
    const prefix = tempDir("prefix");
    const tmp = tempDir("tmp");
    const env = { AEGIS_RELEASE_URL: serve(ending(signal)), TMPDIR: tmp };
    const { exitCode } = await pipe(["--prefix", prefix], env);
    expect([exitCode, tree(prefix), tree(tmp)]).toEqual([status, [], []]);
  });

  test("what is left where SIGKILL ends it is removed by the next one, or by --uninstall", async () => {
    const prefix = tempDir("prefix");
    const env = { AEGIS_RELEASE_URL: serve(ending("KILL")) };
    const args = ["--prefix", prefix];
    expect(await pipe(args, env)).toMatchObject({ exitCode: 137 });
    expect(tree(prefix)).toContainEqual(expect.stringMatching(/^bin\/\.aegis\.\d+$/));
    const whole = { AEGIS_RELEASE_URL: serve(good) };
    expect(await pipe(args, whole)).toMatchObject({ exitCode: 0 });
    expect(tree(prefix)).toEqual(installed);
    expect(await pipe(args, env)).toMatchObject({ exitCode: 137 });
    expect(await pipe([...args, "--uninstall"], env)).toMatchObject({ exitCode: 0 });
    expect(tree(prefix)).toEqual([]);
    expect(await pipe(args, env)).toMatchObject({ exitCode: 137 });
    expect(await pipe([...args, "--uninstall"], env)).toMatchObject({ exitCode: 0 });
    expect(tree(prefix)).toEqual([]);
  });

  test.each(["http://example.invalid/r", "http://127.0.0.1:1@example.invalid/r", "ftp://h/r"])(
    "%s is no place to download from",
    async (url) => {
      const prefix = tempDir("prefix");
      const env = { AEGIS_RELEASE_URL: url };
      expect(await pipe(["--prefix", prefix], env)).toMatchObject({ exitCode: 1 });
      expect(tree(prefix)).toEqual([]);
    },
  );

  test("a script cut short anywhere runs nothing", async () => {
    const url = serve(good);
    const lastLine = script.lastIndexOf("main");
    const cuts = Array.from({ length: 40 }, (_, index) => Math.floor((index * lastLine) / 39));
    const outcomes = await Promise.all(
      cuts.map(async (cut) => {
        const prefix = tempDir("cut");
        const env = { AEGIS_RELEASE_URL: url, HOME: prefix };
        const { stdout } = await sh(["-s"], { input: script.slice(0, cut), env });
        return { cut, stdout, tree: tree(prefix) };
      }),
    );
    expect(outcomes).toEqual(cuts.map((cut) => ({ cut, stdout: "", tree: [] })));
  });

  const usage: readonly [string, readonly string[], Record<string, string>, string][] = [
    ["an unknown flag", ["--frce"], {}, 'unknown argument "--frce"'],
    ["an operand", ["here"], {}, 'unknown argument "here"'],
    ["two modes", ["--demo", "--test"], {}, "exclude each other"],
    ["--prefix without a directory", ["--prefix"], {}, "needs a directory"],
    ["an empty --prefix", ["--prefix", ""], { HOME: "/nonexistent" }, "needs a directory"],
    ["an empty --prefix=", ["--prefix="], { HOME: "/nonexistent" }, "needs a directory"],
    ["no HOME and no --prefix", [], {}, "HOME is not set"],
    ["--demo without a checkout", ["--demo"], { HOME: "/nonexistent" }, "needs a checkout"],
    ["--test without a checkout", ["--test"], { HOME: "/nonexistent" }, "needs a checkout"],
    ["--uninstall of nothing", ["--uninstall"], { HOME: "/nonexistent" }, "nothing was installed"],
    ["a prefix with a line break", ["--prefix", "/a\n/b"], {}, "holds a line break"],
  ];
  test.each(usage)("%s is refused", async (_, args, env, message) => {
    const { exitCode, stderr } = await pipe(args, env);
    expect(stderr).toContain(message);
    expect(exitCode).toBe(1);
  });

  test("a program of the same name that is not ours is never overwritten", async () => {
    const prefix = tempDir("prefix");
    mkdirSync(join(prefix, "bin"));
    writeFileSync(join(prefix, "bin/aegisd"), "theirs");
    const env = { AEGIS_RELEASE_URL: serve(good) };
    const { exitCode, stderr } = await pipe(["--prefix", prefix], env);
    expect(stderr).toContain(`${prefix}/bin/aegisd exists and was not installed by this script`);
    expect(exitCode).toBe(1);
    expect(tree(prefix)).toEqual(["bin", "bin/aegisd"]);
  });

  test("another aegis-server stays, and what serves here is installed beside it", async () => {
    const prefix = tempDir("prefix");
    const theirs = join(prefix, "bin/aegis-server");
    mkdirSync(join(prefix, "bin"));
    writeFileSync(theirs, "theirs");
    const env = { AEGIS_RELEASE_URL: serve(good) };
    for (const again of [false, true]) {
      const { exitCode, stderr } = await pipe(["--prefix", prefix], env);
      expect({ again, exitCode }).toEqual({ again, exitCode: 0 });
      expect(stderr).toContain(`left alone: ${theirs}, which was not installed by this script`);
      expect(stderr).toMatch(/, linked as aegisd aegisctl$/m);
      expect(readFileSync(theirs, "utf8")).toBe("theirs");
      expect(readlinkSync(join(prefix, "bin/aegisctl"))).toBe("aegis");
    }
    expect(await pipe(["--prefix", prefix, "--uninstall"], env)).toMatchObject({ exitCode: 0 });
    expect(tree(prefix)).toEqual(["bin", "bin/aegis-server"]);
  });

  test("--help says what it does and does nothing", async () => {
    const { exitCode, stdout } = await pipe(["--help"], {});
    expect(exitCode).toBe(0);
    expect(stdout).toStartWith("usage: install.sh");
  });
});
