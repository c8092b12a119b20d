// A container of default settings: no namespaces, and no descriptor can be taken out of another
// process. Files, programs and sockets are held there all the same, and real programs run.

import { afterAll, expect } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { has } from "../../src/enforce/linux/features.ts";
import { containers, probe, runBox, testFolder } from "../support/box.ts";
import { testWith } from "../support/features.ts";
import { giveToPlainUser } from "../support/harness.ts";
import { permit, port, under } from "../support/ir.ts";
import { type Outside, standOutside } from "../support/outside.ts";

const needs = ["linux", "landlock", "seccomp"] as const;
const outside: Outside = await standOutside();
afterAll(() => outside[Symbol.asyncDispose]());

const system = [
  permit("read ProcessSpawn", under("/usr")),
  permit("read ProcessSpawn", under("/lib")),
  permit("read ProcessSpawn", under("/lib64")),
  permit("read ProcessSpawn", under("/bin")),
  permit("read", under("/etc")),
  permit("read change", under("/dev")),
];
const python = "/usr/bin/python3";

for (const setting of containers()) {
  testWith(needs, `${setting.name}: nothing but namespaces and descriptors is missing`, () => {
    const host = probe(setting);
    expect(has(host, "notify")).toBe(true);
    expect(host.lacks.descriptors).toMatch(/^pidfd_getfd failed with EPERM; .* made by aegis/);
    expect(host.lacks["mount namespace"]).not.toBe("");
  });

  testWith(
    needs,
    `${setting.name}: files follow the policy, by path, folder and descriptor`,
    async () => {
      const folder = testFolder(setting);
      for (const name of ["in", "out"]) {
        mkdirSync(`${folder}/${name}`);
        writeFileSync(`${folder}/${name}/file`, "text");
      }
      if (setting.isPlain) giveToPlainUser(folder);
      const script = `
import os
def tell(f):
    try: f(); print("ok")
    except OSError as e: print(e.errno)
for name in ("in", "out"):
    at = os.open("${folder}/" + name, os.O_PATH)
    tell(lambda: os.open("file", os.O_RDONLY, dir_fd=at))
    tell(lambda: os.open("new", os.O_WRONLY | os.O_CREAT, dir_fd=at))
    tell(lambda: os.chdir(at))
    tell(lambda: open("file").read())
    tell(lambda: open("second", "w"))
    tell(lambda: os.rename("file", "moved"))`;
      const grants = [...system, permit("read change", under(`${folder}/in`))];
      const { stdout } = await runBox(setting, grants, [], { argv: [python, "-c", script] });
      const answers = stdout.trim().split("\n");
      expect(answers.slice(0, 6)).toEqual(["ok", "ok", "ok", "ok", "ok", "ok"]);
      expect(answers.slice(6)).toEqual(["13", "13", "ok", "13", "13", "13"]);
    },
  );

  testWith(needs, `${setting.name}: sockets reach what is granted and nothing else`, async () => {
    const attempts = [
      `tcp 127.0.0.1 ${outside.tcp}`,
      `unix ${outside.folder}/stream`,
      `unix-packets ${outside.folder}/packets`,
    ];
    const denied = await runBox(setting, [permit("NetConnect", port(1))], attempts);
    expect(denied.answers).toEqual(["EACCES", "EACCES", "EACCES"]);
    const granted = await runBox(
      setting,
      [permit("NetConnect", port(outside.tcp)), permit("read change", under(outside.folder))],
      attempts,
    );
    expect(granted.answers).toEqual(["ok", "ok", "ok"]);
    await outside.arrivals();
  });

  testWith(needs, `${setting.name}: a connection ends when the box closes it`, async () => {
    const folder = testFolder(setting);
    const script = `
import os, socket
def pair(make, address):
    server = make(); server.bind(address); server.listen(1); server.listen(8)
    client = make(); client.connect(server.getsockname())
    other = server.accept()[0]
    client.sendall(b"x"); client.close()
    return other.recv(2), other.recv(2)
print(pair(lambda: socket.socket(socket.AF_UNIX), "${folder}/own"))
print(pair(socket.socket, ("127.0.0.1", 0)))
first = socket.socket(); first.bind(("127.0.0.1", 0)); address = first.getsockname()
twin = first.dup(); first.close()
if os.fork() == 0: twin.listen(1); os._exit(0)
print(os.wait()[1]); twin.close()
again = socket.socket(); again.bind(address); print("free")
slow = socket.socket(); slow.setblocking(False)
server = socket.socket(); server.bind(("127.0.0.1", 0)); server.listen(1)
print(slow.connect_ex(server.getsockname()) in (0, 115)); server.accept()
again.close()
taken = [socket.socket() for _ in range(600)]
print(taken[-1].connect_ex(server.getsockname()))`;
    const grants = [...system, permit("read change", under(folder)), permit("NetConnect NetBind")];
    const { stdout, stderr } = await runBox(setting, grants, [], { argv: [python, "-c", script] });
    expect(stderr).toBe("");
    expect(stdout.trim().split("\n")).toEqual([
      "(b'x', b'')",
      "(b'x', b'')",
      "0",
      "free",
      "True",
      "0",
    ]);
  });

  testWith(needs, `${setting.name}: a program runs where it may be run`, async () => {
    const run = (argv: readonly string[]) => runBox(setting, system, [], { argv });
    expect((await run(["/bin/sh", "-c", "/usr/bin/env true && echo ran"])).stdout).toBe("ran\n");
    const folder = testFolder(setting);
    Bun.spawnSync(["cp", "/bin/true", `${folder}/true`]);
    const denied = await run(["/bin/sh", "-c", `${folder}/true; echo $?`]);
    expect(denied.stdout).toBe("126\n");
  });

  testWith(needs, `${setting.name}: a compiler and version control work`, async () => {
    const folder = testFolder(setting);
    const script = `
set -e
export HOME=${folder} TMPDIR=${folder}
printf 'int main(void) { return 7; }' > p.c
gcc -o p p.c
./p || echo $?
git init -q . && git add p.c
git -c user.name=n -c user.email=e commit -qm first && git log --format=%s
python3 -c 'print(1 + 1)'`;
    const grants = [...system, permit("read change ProcessSpawn", under(folder))];
    const { stdout, stderr } = await runBox(setting, grants, [], {
      argv: ["/bin/sh", "-c", script],
      directory: folder,
    });
    expect(stderr).toBe("");
    expect(stdout).toBe("7\nfirst\n2\n");
  });
}
