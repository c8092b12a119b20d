// Workspaces on a file system that takes names in any case, as virtual machines and containers show
// those of other systems: what the policy forbids by a name would be open by another spelling, so
// the box is refused, until somebody says that less will do. The file system is the test's own.

import { expect } from "bun:test";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { settings } from "../support/box.ts";
import { testWith } from "../support/features.ts";
import { aegisBinary, cleanEnvironment, giveToPlainUser, repoRoot } from "../support/harness.ts";
import { tempDir } from "../support/temp.ts";

const needs = ["linux", "landlock", "seccomp", "root", "tool cc"] as const;
const server: { path?: string } = {};

function fileSystem(): string {
  if (server.path !== undefined) return server.path;
  const path = join(tempDir("folded"), "folded");
  const source = join(repoRoot, "test/fixtures/folded.c");
  const { exitCode, stderr } = Bun.spawnSync(["cc", "-O1", "-o", path, source]);
  if (exitCode !== 0) throw new Error(`Cannot build folded: ${stderr}`);
  server.path = path;
  return path;
}

/** `then` runs with the file system at `$2`; `before` without it. */
const around = (before: string, then: string) => `
f=$1 ws=$2 back=$3 at=$4; shift 4; cd /
(cd "$ws"; ${before}) || exit
mkfifo "$at/to" "$at/from"; "$f" "$back" "$ws" <"$at/to" >"$at/from" &
exec 3>"$at/to"; read ready <"$at/from"
(cd "$ws"; ${then}); code=$?; exec 3>&-; wait; exit $code`;

const script = `cat secret.pem || echo refused; echo made >.Mcp.json; echo '[x]' >>.git/CONFIG; echo done`;

for (const setting of settings()) {
  const run = async (flags: readonly string[], before: string, then: string) => {
    const at = tempDir("folded");
    const [workspace, back] = [join(at, "ws"), join(at, "back")];
    for (const folder of [workspace, back]) {
      mkdirSync(join(folder, ".git"), { recursive: true });
      for (const name of ["SECRET.pem", ".git/HEAD", ".git/config"])
        writeFileSync(join(folder, name), "words\n");
    }
    if (setting.isPlain) giveToPlainUser(at);
    chmodSync(at, 0o755);
    const box = [aegisBinary(), "run", "--dir", workspace, "--deny", join(workspace, "SECRET.pem")];
    const command = setting.through([...box, ...flags, "--", "/bin/sh", "-c", script]);
    const places = [fileSystem(), workspace, back, at];
    const child = Bun.spawn(
      [
        ...["unshare", "--mount", "--propagation", "private", "/bin/sh", "-c"],
        ...[around(before, then), "sh", ...places, ...command],
      ],
      {
        env: cleanEnvironment({ HOME: at, PATH: "/usr/bin:/bin" }),
        stdio: ["ignore", "pipe", "pipe"],
      },
    );
    const [told, said, code] = await Promise.all([
      child.stdout.text(),
      child.stderr.text(),
      child.exited,
    ]);
    return { told, said, code, config: readFileSync(join(back, ".git/config"), "utf8") };
  };

  testWith(needs, `${setting.name}: names in any case are no names to hold rules by`, async () => {
    const { told, said, code, config } = await run([], "true", '"$@"');
    expect(said).toContain("deny-inside-allow would be weaker: ");
    expect(said).toContain("protected-names would be weaker: ");
    expect(said).toMatch(/"[^"]*\/ws" takes names that differ in case alone for the same/);
    expect({ told, code, config }).toEqual({ told: "", code: 125, config: "words\n" });
  });

  testWith(
    needs,
    `${setting.name}: with less accepted it runs, and another name is open`,
    async () => {
      const { told, said, code, config } = await run(["--allow-weaker"], "true", '"$@"');
      expect(said).toContain("protected-names");
      expect({ told, code, config }).toEqual({
        told: "words\ndone\n",
        code: 0,
        config: "words\n[x]\n",
      });
    },
  );

  testWith(needs, `${setting.name}: a plan made for another file system is not used`, async () => {
    const { told, code } = await run([], '"$@"; "$@"', '"$@"');
    const bare = "refused\ndone\n";
    expect({ told, code }).toEqual({ told: `${bare}${bare}`, code: 125 });
  });
}
