// install.sh as a person runs it: piped into sh against a release served here, and in a fresh copy
// of the checkout. The release holds a small script in place of the binary; release.test.ts looks
// at real ones.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join, relative } from "node:path";
import { packTarGz } from "../../scripts/binary/tar.ts";
import { hostTarget } from "../../scripts/binary/targets.ts";
import { testWith } from "../support/features.ts";
import { networkSettings, type Outcome, repoRoot } from "../support/harness.ts";
import { ownNetwork } from "../support/own-network.ts";
import { testMs } from "../support/patience.ts";
import { tempDir } from "../support/temp.ts";

const script = readFileSync(join(repoRoot, "install.sh"), "utf8");
const systemPath = "/usr/local/bin:/usr/bin:/bin";
const links = ["aegis-server", "aegisctl", "aegisd"];

/** Every path below `root`, links with their target. */
function tree(root: string): string[] {
  if (!existsSync(root)) return [];
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .map((entry) => {
      const path = join(entry.parentPath, entry.name);
      const name = relative(root, path);
      return entry.isSymbolicLink() ? `${name} -> ${readlinkSync(path)}` : name;
    })
    .sort();
}

const installed = [
  "bin",
  "bin/aegis",
  ...links.map((name) => `bin/${name} -> aegis`),
  "share",
  "share/aegis",
  "share/aegis/installed",
];

async function sh(
  argv: readonly string[],
  options: {
    env?: Record<string, string>;
    input?: string;
    cwd?: string;
    around?: readonly string[];
  } = {},
): Promise<Outcome> {
  const child = Bun.spawn([...(options.around ?? []), "/bin/sh", ...argv], {
    cwd: options.cwd ?? tempDir("cwd"),
    env: { PATH: systemPath, ...options.env },
    stdio: [options.input === undefined ? "ignore" : Buffer.from(options.input), "pipe", "pipe"],
  });
  const [stdout, stderr, exitCode] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
  ]);
  return { stdout, stderr, exitCode };
}

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

describe("in a checkout", () => {
  const left = new Set([".git", "node_modules", "build", "dist"]);
  let checkout = "";

  beforeAll(() => {
    checkout = tempDir("checkout");
    cpSync(repoRoot, checkout, {
      recursive: true,
      filter: (source) => !left.has(relative(repoRoot, source)),
    });
  });

  test(
    "node, npm and a compiler are enough, and nothing outside the prefix is written",
    async () => {
      const prefix = join(tempDir("prefix"), "new");
      const home = tempDir("home");
      const tmp = tempDir("tmp");
      chmodSync(home, 0o500);
      const env = { ...networkSettings(), HOME: home, TMPDIR: tmp };
      const argv = [join(checkout, "install.sh"), "--prefix", prefix];
      const first = await sh(argv, { env });
      expect(first).toMatchObject({ exitCode: 0 });
      expect(tree(prefix)).toEqual(installed);
      expect({ home: tree(home), tmp: tree(tmp) }).toEqual({ home: [], tmp: [] });
      const aegis = Bun.spawnSync([join(prefix, "bin/aegis"), "--version"], { env: {} });
      expect(aegis.stdout.toString()).toMatch(/^aegis \d+\.\d+\.\d+\n$/);

      const second = await sh(argv, { env });
      expect(second).toMatchObject({ exitCode: 0 });
      expect(second.stderr).not.toContain("installing");

      expect(await sh([...argv, "--uninstall"], { env })).toMatchObject({ exitCode: 0 });
      expect(existsSync(prefix)).toBe(false);
    },
    3 * testMs,
  );

  testWith(
    ["landlock", "seccomp", "tool python3", "tool git", "tool gcc"],
    "--demo lets the agent loose and shows a ledger that verifies",
    async () => {
      const home = tempDir("home");
      const env = { ...networkSettings(), HOME: home, TMPDIR: tempDir("tmp") };
      const install = join(checkout, "install.sh");
      // With the network there is, which may be asked for what is locked; the demo itself has none.
      expect(await sh([install], { env })).toMatchObject({ exitCode: 0 });
      const told = await sh([install, "--demo"], { env, around: ownNetwork() });
      expect(told).toMatchObject({ exitCode: 0 });
      for (const line of [
        "$ aegis run -- python3 examples/agent.py",
        "agent: compile a program: built, and it counts 1 2 3",
        "agent: commit the result: 1 commit",
        "agent: done: the job is finished",
        "$ aegis log --last 12",
        "$ aegis log --denied --last 4",
        "$ aegis audit verify",
        "Valid:         YES",
      ])
        expect(`\n${told.stdout}`).toContain(`\n${line}`);
      const denied = told.stdout.slice(told.stdout.indexOf("$ aegis log --denied"));
      expect(denied).toContain(`FileRead ${home}/.ssh`);
      expect(denied).toContain("NetConnect 192.0.2.1:443");
      expect(told.stderr).toContain("aegis: denied NetConnect 192.0.2.1:443: no permit matched");
      expect(told.stderr).toContain(`aegis: denied FileRead ${home}/.ssh: denied by credentials`);
      // Of the variables that the build was given none is the person's.
      expect(told.stderr).not.toContain("kept out of the environment");
      expect(readdirSync(home).sort()).toEqual([".aegis", ".local"]);
    },
    3 * testMs,
  );

  /** A PATH with the tools every system has and the programs given by name and text. */
  function pathWith(programs: Readonly<Record<string, string>>): string {
    const folder = tempDir("path");
    for (const name of [
      "sh",
      "id",
      "uname",
      "dirname",
      "mktemp",
      "rm",
      "cat",
      "tail",
      "cut",
      "cmp",
    ])
      symlinkSync(Bun.which(name) ?? "", join(folder, name));
    for (const [name, text] of Object.entries(programs))
      writeFileSync(join(folder, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
    return folder;
  }

  test("whoever cannot install packages is told which are missing", async () => {
    const argv = [join(checkout, "install.sh"), "--prefix", tempDir("prefix")];
    const { exitCode, stderr } = await sh(argv, { env: { PATH: pathWith({}) } });
    expect({ exitCode, stderr }).toEqual({
      exitCode: 1,
      stderr:
        "error: Node.js with npm is missing\n" +
        "hint: install it (on Debian: apt-get install nodejs npm), then run this again\n",
    });
  });

  testWith(["root"], "root with apt-get has what is missing installed", async () => {
    const log = join(tempDir("log"), "apt");
    const tools = { "apt-get": `printf '%s\\n' "$*" >>${log}`, node: "exit 1" };
    const argv = [join(checkout, "install.sh"), "--prefix", tempDir("prefix")];
    expect((await sh(argv, { env: { PATH: pathWith(tools) } })).exitCode).not.toBe(0);
    expect(readFileSync(log, "utf8")).toBe(
      "update -q\ninstall -q -y --no-install-recommends nodejs npm\n",
    );
    const withOldNpm = pathWith({ ...tools, npm: 'echo "6.0.0"' });
    const { stderr } = await sh(argv, { env: { PATH: withOldNpm } });
    expect(stderr).toContain("npm 6 is too old for the lock file");
  });
});
