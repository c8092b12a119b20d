// The tour of README.md is run as printed, and what it shows has to be what happens.

import { afterAll, beforeAll, describe, expect } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { testWith } from "../support/features.ts";
import { type Outcome, repoRoot, spawnAegis } from "../support/harness.ts";
import { ownNetwork } from "../support/own-network.ts";
import { removeTree } from "../support/temp.ts";

const readme = readFileSync(`${repoRoot}/README.md`, "utf8");
const fences = [...readme.matchAll(/^```\n([\s\S]*?)^```$/gm)].map((match) => match[1] ?? "");
// Not under /tmp, which a box may write to: what the tour shows is a home folder.
const home = mkdtempSync("/var/tmp/aegis-readme-");
const project = `${home}/project`;

/** The block that begins with a command, its paths made this test's own. */
function block(start: string): string {
  const found = fences.find((fence) => fence.startsWith(start));
  if (found === undefined) throw new Error(`README.md has no block that starts with ${start}`);
  return found.replaceAll("/home/me", home);
}

const env = { HOME: home, AEGIS_HOME: `${home}/.aegis`, GH_TOKEN: "ghp_0123456789abcdef" };

function aegis(...argv: readonly string[]): Promise<Outcome> {
  return spawnAegis(argv, { cwd: project, env });
}

beforeAll(() => {
  mkdirSync(`${home}/.ssh`, { mode: 0o700 });
  writeFileSync(`${home}/.ssh/id_ed25519`, "secret\n", { mode: 0o600 });
  mkdirSync(project);
  Bun.spawnSync(["git", "init", "-q", "-b", "main", project]);
});

afterAll(() => removeTree(home));

describe("the tour of README.md", () => {
  testWith(
    ["landlock", "userns", "tool curl"],
    "refuses what it says, and does the rest",
    async () => {
      const tour = block("$ aegis run -- sh -c '");
      const script = /-- sh -c '([\s\S]*?)'\n/.exec(tour)?.[1] ?? "";
      const argv = ["run", "--", "sh", "-c", script];
      const around = ownNetwork();
      const { stdout, stderr } = await spawnAegis(argv, { cwd: project, env, around });
      expect(stdout).toBe("42\n");
      const shown = tour
        .split("\n")
        .filter((line) => /denied (FileRead|FileWrite|DirCreate|NetConnect)/.test(line));
      const tried = [`${home}/.ssh`, project, "192.0.2.1"];
      const lasting = shown.filter((line) => tried.some((name) => line.includes(name)));
      expect(lasting).toHaveLength(4);
      for (const line of lasting) expect(stderr).toContain(line);
      expect(stderr).toContain("kept out of the environment: GH_TOKEN");
    },
  );

  testWith(["landlock", "userns", "tool curl"], "leaves a ledger that verifies", async () => {
    const { stdout, exitCode } = await aegis("audit", "verify");
    expect(exitCode).toBe(0);
    expect(stdout).toContain("Valid:         YES");
    const { stdout: log } = await aegis("log", "--denied");
    expect(log).toContain(`DirCreate ${project}/.claude`);
    expect(log).toContain("NetConnect 192.0.2.1:80");
  });

  testWith(["landlock", "userns"], "explains a denial in the words printed", async () => {
    const shown = block("$ aegis policy explain");
    const argv = ["policy", "explain", "FileRead", `${home}/.ssh/id_ed25519`];
    expect((await aegis(...argv)).stdout).toBe(shown.slice(shown.indexOf("\n") + 1));
  });

  testWith(["landlock", "userns"], "shows what this machine holds", async () => {
    const shown = block("$ aegis setup");
    const rows = (text: string) => text.replaceAll(/ +/g, " ").split("\n");
    const { stdout } = await aegis("setup");
    const names = (text: string) =>
      rows(text.slice(text.indexOf("FEATURE"), text.indexOf("Setup complete"))).map((row) =>
        row.replace(/ (yes|no|enforced|weaker|absent|not-asked) ?.*/, ""),
      );
    expect(names(shown)).toEqual(names(stdout));
    // What these say depends on the folder that is tried, and on whose the standard streams are.
    const varying = /^(deny-inside-allow|protected-names|exec-inside-allow|filesystem-metadata) /;
    const real = [...rows(stdout), ...rows(shown).filter((row) => varying.test(row))];
    expect(
      rows(shown.slice(shown.indexOf("FEATURE"))).filter((row) => !real.includes(row)),
    ).toEqual([]);
  });
});
