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
