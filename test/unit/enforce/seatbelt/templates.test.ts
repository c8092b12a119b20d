// The policies that come with the program, as macOS would get them: all can be said, none comes
// near the limits.

import { describe, expect, test } from "bun:test";
import { sbplProfileMaxBytes } from "../../../../src/base/limits.ts";
import { compileSeatbelt } from "../../../../src/enforce/seatbelt/plan.ts";
import { renderProfile } from "../../../../src/enforce/seatbelt/sbpl.ts";
import type { Capability } from "../../../../src/model/capability.ts";
import { compilePolicy } from "../../../../src/policy/compile.ts";
import { noControlSockets } from "../../../../src/policy/control-sockets.ts";
import { policySources } from "../../../../src/policy/layers.ts";
import { templates } from "../../../../src/policy/templates.ts";
import { testCedar } from "../../../support/cedar.ts";
import { type SbplAccess, SbplProfile } from "../../../support/sbpl-evaluator.ts";

const home = "/Users/me";
const workspace = `${home}/ws`;

async function capabilitiesOf(template: string): Promise<readonly Capability[]> {
  const sources = policySources({
    platform: "macos",
    templates: [template],
    files: [],
    profiles: [],
    manifests: [],
    flags: { version: 1, capabilities: [] },
    protections: {
      ownPaths: [`${home}/.aegis`],
      ownSecrets: [`${home}/.aegis/keys`],
      repository: {
        gitDirs: [`${workspace}/.git`],
        worktreeDirs: [],
        redirects: [],
        linked: [],
      },
      names: true,
      credentials: template !== "permit-all",
      sockets: noControlSockets,
    },
  });
  const places = { workspace, home, tmp: "/private/tmp/run" };
  const compiled = await compilePolicy({ cedar: async () => testCedar(), sources, places });
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.error));
  return compiled.value.capabilities.capabilities;
}

async function profileText(template: string): Promise<string> {
  const capabilities = await capabilitiesOf(template);
  const wide = { settled: [home, workspace, `${workspace}/.git`] };
  const plan = compileSeatbelt({ capabilities, agent: "agent", wide, tellsIoctls: true });
  if (!plan.ok) throw new Error(JSON.stringify(plan.error));
  return renderProfile(plan.value.profile, "TAG");
}

describe("every template is a profile well below the limits", () => {
  for (const { name } of templates) {
    test(name, async () => {
      const text = await profileText(name);
      expect(new SbplProfile(text).ruleCount).toBeGreaterThan(20);
      expect(Buffer.byteLength(text)).toBeLessThan(sbplProfileMaxBytes * 0.75);
    });
  }
});

describe("the usual policy", async () => {
  const profile = new SbplProfile(await profileText("workspace"));
  const file = (operation: string, path: string): SbplAccess => {
    return { operation, path, vnode: "REGULAR-FILE" };
  };
  const directory = (operation: string, path: string): SbplAccess => {
    return { operation, path, vnode: "DIRECTORY" };
  };
  const rows: readonly (readonly [string, SbplAccess, boolean])[] = [
    ["runs a shell", file("process-exec*", "/bin/sh"), true],
    ["maps the system's libraries", file("file-map-executable", "/usr/lib/libSystem.dylib"), true],
    ["writes the workspace", file("file-write-create", `${workspace}/src/a.ts`), true],
    ["removes a folder of it", directory("file-write-unlink", `${workspace}/node_modules`), true],
    ["renames a folder of it", directory("file-write-create", `${workspace}/lib/new`), true],
    ["writes its temporary folder", file("file-write-data", "/private/tmp/run/x"), true],
    ["writes /dev/null", file("file-write-data", "/dev/null"), true],
    ["not the folder itself", directory("file-write-unlink", workspace), false],
    ["writes no hook", file("file-write-create", `${workspace}/.git/hooks/pre-commit`), false],
    ["in no spelling", file("file-write-create", `${workspace}/.git/HOOKS/pre-commit`), false],
    ["makes no agent settings", file("file-write-create", `${workspace}/.claude/x`), false],
    ["in no spelling", file("file-write-create", `${workspace}/.Claude/x`), false],
    ["commits", file("file-write-create", `${workspace}/.git/index.lock`), true],
    ["moves no .git away", directory("file-write-unlink", `${workspace}/.git`), false],
    ["reads no keys", file("file-read-data", `${home}/.ssh/id_ed25519`), false],
    ["writes no start-up file", file("file-write-data", `${home}/.zshrc`), false],
    ["writes nothing of its own state", file("file-write-data", `${home}/.aegis/ledger.db`), false],
    [
      "connects nowhere",
      {
        operation: "network-outbound",
        endpoint: { side: "remote", host: "localhost", port: 80 },
      },
      false,
    ],
  ];
  for (const [name, access, allowed] of rows) {
    test(`${name} (${access.path ?? "network"})`, () => {
      expect(profile.decide(access).allowed).toBe(allowed);
    });
  }
});
