// A folder that is mounted at two places, on the real kernel: what a flag forbids under one name is
// forbidden under the other, by whatever holds it.

import { expect } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { settings } from "../support/box.ts";
import { testWith } from "../support/features.ts";
import { aegisBinary, giveToPlainUser } from "../support/harness.ts";
import { tempDir } from "../support/temp.ts";

const needs = ["linux", "landlock", "seccomp", "root"] as const;
const attempts = [
  "cat a/open",
  "cat b/open",
  "cat a/secret/f",
  "cat b/secret/f",
  "echo x > b/secret/new",
  "cat b/x.pem",
  "cat b/secret/back/f",
];

for (const setting of settings())
  testWith(needs, `${setting.name}: a forbid holds by every mount of a folder`, async () => {
    const root = tempDir("mounts");
    const workspace = join(root, "ws");
    for (const folder of ["a/secret/back", "b"])
      mkdirSync(join(workspace, folder), { recursive: true });
    for (const name of ["open", "x.pem", "secret/f", "secret/back/f"])
      writeFileSync(join(workspace, "a", name), "words\n");
    if (setting.isPlain) giveToPlainUser(root);
    const policy = join(root, "policy.cedar");
    const secret = (name: string) => `Aegis::Resource::"${join(workspace, name)}"`;
    writeFileSync(
      policy,
      `permit(principal, action, resource);
forbid(principal, action in [Aegis::Action::"FileRead", Aegis::Action::"FileWrite"], resource)
when { resource in ${secret("a/secret")} } unless { resource in ${secret("a/secret/back")} };`,
    );
    const script = attempts
      .map((each) => `(${each}) 2>/dev/null && echo yes || echo no`)
      .join("\n");
    const argv = [
      ...[aegisBinary(), "run", "--quiet", "--dir", workspace, "--policy", policy],
      ...["--deny", join(workspace, "a/*.pem"), "--", "/bin/sh", "-c", script],
    ];
    const mounted = `mount --bind ${workspace}/a ${workspace}/b && exec "$@"`;
    const child = Bun.spawn(
      [
        ...["unshare", "--mount", "--propagation", "private", "/bin/sh", "-c", mounted, "sh"],
        ...setting.through(argv),
      ],
      {
        cwd: workspace,
        env: { PATH: "/usr/bin:/bin", HOME: root },
        stdio: ["ignore", "pipe", "pipe"],
      },
    );
    const [told, said] = await Promise.all([child.stdout.text(), child.stderr.text()]);
    expect(said).toBe("");
    const answers = told.split("\n").filter((each) => each === "yes" || each === "no");
    expect(answers).toEqual(["yes", "yes", "no", "no", "no", "no", "yes"]);
  });

for (const setting of settings())
  testWith(
    needs,
    `${setting.name}: a plan is kept until a mount shows what is forbidden`,
    async () => {
      const root = tempDir("mounts");
      const workspace = join(root, "ws");
      for (const folder of ["a/secret", "b", "media"])
        mkdirSync(join(workspace, folder), { recursive: true });
      for (const name of ["open", "secret/f"]) writeFileSync(join(workspace, "a", name), "words\n");
      if (setting.isPlain) giveToPlainUser(root);
      const box = [aegisBinary(), "run", "--quiet", "--dir", workspace];
      // The first run makes the ledger, which the next plan is made for.
      const script = "for name in open secret/f; do cat b/$name 2>/dev/null || echo none; done";
      const flags = ["--deny", join(workspace, "a/secret"), "--", "/bin/sh", "-c", script];
      const mounted = `
plan() { stat -c '%i %z' "$plans"/*; }
plans=${root}/.aegis/cache/plans ws=${workspace}
"$@" >/dev/null; "$@"; plan; mount -t tmpfs none $ws/media; "$@"; umount $ws/media; plan
mount --bind $ws/a $ws/b; "$@"; plan`;
      const child = Bun.spawn(
        [
          ...["unshare", "--mount", "--propagation", "private", "/bin/sh", "-c", mounted, "sh"],
          ...setting.through([...box, ...flags]),
        ],
        {
          cwd: workspace,
          env: { PATH: "/usr/bin:/bin", HOME: root },
          stdio: ["ignore", "pipe", "pipe"],
        },
      );
      const [told, said] = await Promise.all([child.stdout.text(), child.stderr.text()]);
      expect(said).toBe("");
      const lines = told.trim().split("\n");
      const [first = "", second, third] = [lines[2], lines[5], lines[8]];
      expect(lines).toEqual([
        ...["none", "none", first],
        ...["none", "none", first],
        ...["words", "none", third ?? ""],
      ]);
      expect(second).toBe(first);
      expect(third).not.toBe(first);
    },
  );

for (const setting of settings().filter(({ name }) => !name.includes("no namespaces")))
  testWith(needs, `${setting.name}: what is mounted while a box runs is not in it`, async () => {
    const root = tempDir("mounts");
    const workspace = join(root, "ws");
    for (const folder of ["a/secret", "b"]) mkdirSync(join(workspace, folder), { recursive: true });
    for (const name of ["a/open", "a/secret/f", "b/before"])
      writeFileSync(join(workspace, name), "words\n");
    if (setting.isPlain) giveToPlainUser(root);
    const box = [aegisBinary(), "run", "--quiet", "--dir", workspace];
    const script = `echo >up; read go <down
for name in before open secret/f; do cat b/$name 2>/dev/null || echo none; done`;
    const flags = ["--deny", join(workspace, "a/secret"), "--", "/bin/sh", "-c", script];
    const mounted = `
ws=${workspace}; mkfifo -m 666 $ws/up $ws/down
"$@" & read up <$ws/up; mount --bind $ws/a $ws/b; cat $ws/b/secret/f; echo >$ws/down; wait`;
    const child = Bun.spawn(
      [
        ...["unshare", "--mount", "--propagation", "shared", "/bin/sh", "-c", mounted, "sh"],
        ...setting.through([...box, ...flags]),
      ],
      {
        cwd: workspace,
        env: { PATH: "/usr/bin:/bin", HOME: root },
        stdio: ["ignore", "pipe", "pipe"],
      },
    );
    const [told, said] = await Promise.all([child.stdout.text(), child.stderr.text()]);
    expect({ told, said }).toEqual({ told: "words\nwords\nnone\nnone\n", said: "" });
  });
