// `aegis learn` with real programs: under the policy learned from one run, the same command in a
// fresh copy of its folder does the same and is denied nothing, and what it never touched stays
// shut.

import { afterAll, describe, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { settings } from "../../support/box.ts";
import { makeScene, own, removeScenes, runIn, type Scene } from "../../support/in-setting.ts";
import { testMs } from "../../support/patience.ts";

afterAll(removeScenes);

interface Program {
  readonly name: string;
  readonly files: Readonly<Record<string, string>>;
  readonly command: readonly string[];
  /** A file it makes, relative to the workspace. */
  readonly makes: string;
}

const python = `import json, os, tempfile
with tempfile.NamedTemporaryFile("w", delete=False) as file:
    file.write(open("config.json").read())
with open(file.name) as again:
    value = json.load(again)
os.unlink(file.name)
with open("out.tmp", "w") as out:
    out.write(str(value["a"]))
os.replace("out.tmp", "out.txt")
print(open("out.txt").read())
`;
const node = `import { mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { execFileSync } from "node:child_process";
mkdirSync("build/cache", { recursive: true });
for (const name of readdirSync("src")) writeFileSync("build/cache/" + name, readFileSync("src/" + name, "utf8").toUpperCase());
renameSync("build/cache", "build/out");
rmSync("build/out/b.txt");
console.log(execFileSync("/bin/ls", ["build/out"], { encoding: "utf8" }));
`;
const commit = `git init -q . && git add a.txt && git -c user.name=a -c user.email=a@example.com commit -qm one &&
echo more >> a.txt && git -c user.name=a -c user.email=a@example.com commit -qam two && git log --oneline | wc -l`;

const programs: readonly Program[] = [
  {
    name: "python with temporary files",
    files: { "run.py": python, "config.json": '{"a": 42}' },
    command: ["python3", "run.py"],
    makes: "out.txt",
  },
  {
    name: "git init and two commits",
    files: { "a.txt": "one\n" },
    command: ["sh", "-c", commit],
    makes: ".git/HEAD",
  },
  {
    name: "a build with gcc",
    files: {
      "main.c":
        '#include "part.h"\n#include <stdio.h>\nint main(void) { printf("%d\\n", part()); }\n',
      "part.h": "int part(void);\n",
      "part.c": "int part(void) { return 7; }\n",
    },
    command: ["sh", "-c", "gcc -c part.c && gcc -o main main.c part.o && ./main"],
    makes: "main",
  },
  {
    name: "a build script of node",
    files: { "build.mjs": node, "src/a.txt": "a", "src/b.txt": "b", "src/c.txt": "c" },
    command: ["node", "build.mjs"],
    makes: "build/out/a.txt",
  },
];

/** Only system folders, so that root's own tools are not what is learned. */
const env = { PATH: "/usr/local/bin:/usr/bin:/bin" };

function fill(scene: Scene, { files }: Program): void {
  for (const name of readdirSync(scene.ws)) rmSync(join(scene.ws, name), { recursive: true });
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(scene.ws, name, ".."), { recursive: true });
    writeFileSync(join(scene.ws, name), text);
  }
  own(scene, scene.ws);
}

const here = settings().filter(({ name }) => name === "root" || name === "plain user");
for (const setting of here) {
  describe(setting.name, () => {
    test.each(programs.map((program) => [program.name, program] as const))(
      "%s",
      async (_, program) => {
        const scene = makeScene(setting);
        const policy = `${scene.home}/learned.cedar`;
        const untouched = `${scene.home}/untouched`;
        writeFileSync(untouched, "secret");
        own(scene, untouched);
        fill(scene, program);
        const words = ["learn", "--output", policy, "--", ...program.command];
        const learned = await runIn(scene, words, { env });
        expect([learned.exitCode, learned.stderr]).toEqual([
          0,
          expect.stringContaining("granted:"),
        ]);
        const valid = await runIn(scene, ["policy", "validate", policy], { env });
        expect([valid.exitCode, valid.stdout]).toEqual([0, expect.stringMatching(/^VALID/)]);

        fill(scene, program);
        const under = ["run", "--json", "--policy", policy, "--name", program.command[0] ?? ""];
        const again = await runIn(scene, [...under, "--", ...program.command], { env });
        const report = JSON.parse(again.stdout);
        expect([report.status, report.denials], again.stderr).toEqual([0, []]);
        expect(existsSync(join(scene.ws, program.makes))).toBe(true);
        expect(again.stderr).toContain(learned.stdout);

        const reach = ["run", "--quiet", "--policy", policy, "--", ...program.command.slice(0, 1)];
        const reader = program.command[0] === "sh" ? ["-c", `read x < ${untouched}`] : undefined;
        if (reader !== undefined) {
          const refused = await runIn(scene, [...reach, ...reader], { env });
          expect([refused.exitCode === 0, refused.stderr]).toEqual([
            false,
            expect.stringContaining("Permission denied"),
          ]);
        }
        const asked = ["policy", "explain", "--policy", policy, "FileRead", untouched];
        expect((await runIn(scene, asked, { env })).stdout).toStartWith("Deny: ");
        expect(readFileSync(policy, "utf8")).not.toContain(untouched);
      },
      testMs,
    );
  });
}

test("what was in /tmp is learned by its path, what is made there as the box's own", async () => {
  const [setting] = here;
  if (setting === undefined) throw new Error("there is no setting to run in");
  const scene = makeScene(setting);
  const folder = mkdtempSync("/tmp/aegis-learn-");
  try {
    writeFileSync(`${folder}/input`, "in");
    own(scene, folder);
    const policy = `${scene.home}/p.cedar`;
    const script = `f=$(mktemp) && cat ${folder}/input > $f && cat $f; read x < /tmp/aegis-absent; true`;
    await runIn(scene, ["learn", "--output", policy, "--", "sh", "-c", script], { env });
    const text = readFileSync(policy, "utf8");
    expect(text.match(/"(?:\/tmp|\$tmp)[^"]*"/g)?.sort()).toEqual(['"$tmp"', `"${folder}/input"`]);
    const run = ["run", "--json", "--policy", policy, "--", "sh", "-c", script];
    const report = JSON.parse((await runIn(scene, run, { env })).stdout);
    expect([report.status, report.denials, report.weaker]).toEqual([0, [], []]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("what is forbidden for good is listed and not granted; what fails is looked for again", async () => {
  const [setting] = here;
  if (setting === undefined) throw new Error("there is no setting to run in");
  const scene = makeScene(setting);
  mkdirSync(`${scene.home}/.ssh`);
  writeFileSync(`${scene.home}/.ssh/id_ed25519`, "key");
  own(scene, scene.home);
  const script = `cat ~/.ssh/id_ed25519 ~/optional.conf; mkdir .claude; true`;
  const learned = await runIn(
    scene,
    ["learn", "--json", "--output", `${scene.home}/p.cedar`, "--", "sh", "-c", script],
    { env },
  );
  const report = JSON.parse(learned.stdout);
  const left = report.not_granted.map(
    ({ action, resource }: Record<string, string>) => `${action} ${resource}`,
  );
  expect(left).toContain(`FileRead ${scene.home}/.ssh/id_ed25519`);
  expect(left).toContain(`DirCreate ${scene.ws}/.claude`);
  expect(report.granted.exact).toContainEqual({
    action: "FileRead",
    path: `${scene.home}/optional.conf`,
  });
  rmSync(`${scene.ws}/.claude`, { recursive: true });
  const again = await runIn(
    scene,
    ["run", "--json", "--policy", `${scene.home}/p.cedar`, "--", "sh", "-c", script],
    { env },
  );
  const denied = JSON.parse(again.stdout).denials.map(
    ({ resource }: Record<string, string>) => resource,
  );
  expect(denied.sort()).toEqual([`${scene.home}/.ssh/id_ed25519`, `${scene.ws}/.claude`].sort());
});

test("a socket that acts outside is not granted, and the flag that opens it is told", async () => {
  const [setting] = here;
  if (setting === undefined) throw new Error("there is no setting to run in");
  const scene = makeScene(setting);
  mkdirSync(`${scene.home}/.1password`);
  const socket = `${scene.home}/.1password/agent.sock`;
  const server = createServer((peer) => peer.end("signed"));
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  try {
    own(scene, scene.home);
    own(scene, socket);
    const connect = `import socket; s = socket.socket(socket.AF_UNIX); s.connect("${socket}"); print(s.recv(9))`;
    const command = ["--", "/usr/bin/python3", "-ISc", connect];
    const policy = `${scene.home}/p.cedar`;
    const learned = await runIn(scene, ["learn", "--output", policy, ...command], { env });
    const told = `FileWrite ${socket}: forbidden by sockets:agents, which --net unix:${socket} lifts`;
    expect(learned.stderr).toContain(told);
    const run = ["run", "--policy", policy];
    const { stderr } = await runIn(scene, [...run, ...command], { env });
    expect(stderr).toContain(`allow it with --net unix:${socket}`);
    const opened = await runIn(scene, [...run, "--net", `unix:${socket}`, ...command], { env });
    expect(opened.stdout).toBe("b'signed'\n");
  } finally {
    server.close();
  }
});

test("a connection is learned with its protocol, and by address where names were not seen", async () => {
  const [setting] = here;
  if (setting === undefined) throw new Error("there is no setting to run in");
  const scene = makeScene(setting);
  const server = await Bun.udpSocket({
    hostname: "127.0.0.1",
    socket: { data: (socket, data, port, address) => void socket.send(data, port, address) },
  });
  try {
    const talk = `import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.sendto(b"said", ("127.0.0.1", ${server.port})); print(s.recv(4))
t = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); t.connect(("127.0.0.1", 53))`;
    const command = ["--", "/usr/bin/python3", "-ISc", talk];
    const policy = `${scene.home}/p.cedar`;
    await runIn(scene, ["learn", "--output", policy, ...command], { env });
    expect(readFileSync(policy, "utf8")).toContain("It asked for names");
    const run = ["run", "--json", "--policy", policy, ...command];
    const again = await runIn(scene, run, { env });
    const { status, denials, session } = JSON.parse(again.stdout);
    expect([status, denials, again.stderr]).toEqual([0, [], "b'said'\n"]);
    const under = ["replay", session, "--policy", policy, "--strict-exit"];
    expect((await runIn(scene, under, { env })).exitCode).toBe(0);
    const explain = ["policy", "explain", "--policy", policy, "NetConnect"];
    const verdicts = [];
    for (const protocol of ["udp:", ""]) {
      const words = [...explain, `${protocol}127.0.0.1:${server.port}`];
      verdicts.push((await runIn(scene, words, { env })).stdout.split(":")[0]);
    }
    expect(verdicts).toEqual(["Allow", "Deny"]);
  } finally {
    server.close();
  }
});

test("an enforced run teaches what was denied; a session teaches again; nothing is overwritten", async () => {
  const [setting] = here;
  if (setting === undefined) throw new Error("there is no setting to run in");
  const scene = makeScene(setting);
  const data = `${scene.home}/data.txt`;
  writeFileSync(data, "content");
  own(scene, data);
  const enforced = ["learn", "--enforce", "--json", "--policy", "workspace", "--", "cat", data];
  const first = await runIn(scene, enforced, { env });
  const report = JSON.parse(first.stdout);
  expect(first.exitCode).toBe(1);
  expect(report.granted.exact).toContainEqual({ action: "FileRead", path: data });
  const again = await runIn(scene, ["learn", "--session", report.session], { env });
  expect([again.exitCode, again.stdout]).toEqual([0, report.policy]);
  const onto = await runIn(scene, ["learn", "--session", report.session, "--output", data], {
    env,
  });
  expect([onto.exitCode, onto.stderr]).toEqual([125, expect.stringContaining("it exists")]);
  expect(readFileSync(data, "utf8")).toBe("content");
});
