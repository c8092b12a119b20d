// The default policy of `aegis run`, as a launch puts it together: what works in it and what does
// not, row by row, each denial beside what is allowed close to it.

import { describe, expect, test } from "bun:test";
import { flagsToCapabilities, type PolicyFlags } from "../../../src/policy/flags.ts";
import type { PolicyLayers } from "../../../src/policy/layers.ts";
import { attemptOf, deciderOf, layersOf, testPlaces } from "../../support/policies.ts";

const none: PolicyFlags = {
  read: [],
  write: [],
  deny: [],
  net: [],
  denyNet: [],
  listen: [],
  exec: [],
};

function flagged(flags: Partial<PolicyFlags>): Partial<PolicyLayers> {
  const context = {
    directory: testPlaces.workspace,
    home: testPlaces.home,
    realPath: () => undefined,
    findProgram: () => [],
  };
  const capabilities = flagsToCapabilities({ ...none, ...flags }, context);
  if (!capabilities.ok) throw new Error(JSON.stringify(capabilities.error));
  return { templates: ["workspace"], flags: capabilities.value };
}

/** Attempt, and the sentence of the verdict. */
type Row = readonly [string, string];

function check(layers: Partial<PolicyLayers>, rows: readonly Row[]): void {
  const decider = deciderOf(layersOf(layers));
  for (const [what, reason] of rows) {
    test(`${what}: ${reason}`, async () => {
      expect((await decider).decide(attemptOf(what)).reason).toBe(reason);
    });
  }
}

const nothing = "no permit matched";

describe("workspace", () => {
  check({ templates: ["workspace"] }, [
    ["FileRead /usr/lib/x86_64-linux-gnu/libc.so.6", "allowed by base:libraries"],
    ["FileWrite /usr/lib/x86_64-linux-gnu/libc.so.6", nothing],
    ["ProcessSpawn /usr/bin/git", "allowed by workspace:system"],
    ["FileRead /etc/passwd", "allowed by base:names"],
    ["FileRead /etc/shadow", "denied by credentials:system"],
    ["FileRead /etc/machine-id", nothing],
    ["FileWrite /dev/null", "allowed by base:devices"],
    ["FileRead /dev/sda", nothing],
    ["FileWrite /home/ada/project/src/main.ts", "allowed by workspace:files"],
    ["ProcessSpawn /home/ada/project/node_modules/.bin/tsc", "allowed by workspace:files"],
    ["FileWrite /home/ada/projects/main.ts", nothing],
    ["FileRead /home/ada/notes.txt", nothing],
    ["DirList /home/ada", nothing],
    ["FileWrite /tmp/aegis/x", "allowed by workspace:tmp"],
    ["FileWrite /tmp/x", nothing],
    ["NetConnect example.com:443", nothing],
    ["NetBind 127.0.0.1:8080", nothing],
    ["FileRead /home/ada/.cargo/bin/cargo", "allowed by rust:toolchains"],
    ["FileWrite /home/ada/.cargo/bin/cargo", nothing],
    ["FileRead /home/ada/.gitconfig", "allowed by git:settings"],
    ["FileRead /home/ada/.git-credentials", "denied by credentials:code-hosts"],
    ["FileRead /home/ada/.npmrc", "denied by credentials:registries"],
    ["FileRead /home/ada/.claude/projects/x", nothing],
  ]);
});

describe("names through which a command could act later stay as they are", () => {
  check(
    { templates: ["permit-all"] },
    [
      ["FileRead /home/ada/project/.claude/settings.json", "allowed by base:libraries"],
      ["FileWrite /home/ada/project/.claude/settings.json", "denied by protected:workspace-agents"],
      ["DirCreate /home/ada/project/.claude", "denied by protected:workspace-agents"],
      ["FileDelete /home/ada/project/.vscode", "denied by protected:workspace-editors"],
      ["FileWrite /home/ada/project/.vscodes", "allowed by template:permit-all#1"],
      ["FileWrite /home/ada/project/sub/.vscode/x", "allowed by template:permit-all#1"],
      ["FileWrite /home/ada/project/.envrc", "denied by protected:workspace-shell"],
      ["FileWrite /home/ada/.bashrc", "denied by protected:shell-startup"],
      ["FileRead /home/ada/.bashrc", "allowed by template:permit-all#1"],
      ["FileWrite /home/ada/.config/systemd/user/x.service", "denied by protected:autostart"],
      ["FileWrite /home/ada/.config/app/x", "allowed by template:permit-all#1"],
      ["FileWrite /home/ada/.aegis/ledger.db", "denied by protected:aegis"],
      ["FileRead /home/ada/.aegis/ledger.db", "allowed by template:permit-all#1"],
      ["FileRead /home/ada/.aegis/keys/sign", "denied by protected:aegis-secrets"],
      ["FileDelete /usr/local/bin/aegis", "denied by protected:aegis"],
      ["FileRead /home/ada/.ssh/id_ed25519", "denied by credentials:ssh"],
      ["FileRead /home/ada/.sshd", "allowed by template:permit-all#1"],
    ].map(
      ([what = "", reason = ""]): Row => [
        what,
        reason.replace("base:libraries", "template:permit-all#1"),
      ],
    ),
  );
});

describe("no grant makes a protected name writable", () => {
  check(flagged({ write: ["/home/ada", ".claude", "~/.aegis"] }), [
    ["FileWrite /home/ada/notes.txt", "allowed by flag:--write"],
    ["FileWrite /home/ada/project/.claude/x", "denied by protected:workspace-agents"],
    ["FileWrite /home/ada/.bashrc", "denied by protected:shell-startup"],
    ["FileWrite /home/ada/.aegis/x", "denied by protected:aegis"],
  ]);
});

describe("a credential is lifted by its own name and by nothing wider", () => {
  check(flagged({ read: ["~", "~/.ssh/known_hosts", "~/.aws"] }), [
    ["FileRead /home/ada/.ssh/known_hosts", "allowed by flag:--read"],
    ["FileRead /home/ada/.ssh/id_ed25519", "denied by credentials:ssh"],
    ["DirList /home/ada/.ssh", "denied by credentials:ssh"],
    ["FileWrite /home/ada/.ssh/known_hosts", "denied by protected:tool-settings"],
    ["FileRead /home/ada/.aws/config", "allowed by flag:--read"],
    ["FileWrite /home/ada/.aws/config", "denied by credentials:cloud"],
    ["FileRead /home/ada/.gnupg/x", "denied by credentials:ssh"],
    ["FileRead /home/ada/notes.txt", "allowed by flag:--read"],
  ]);
  check(flagged({ write: ["~/.docker/config.json"] }), [
    ["FileWrite /home/ada/.docker/config.json", "allowed by flag:--write"],
    ["FileRead /home/ada/.docker/config.json", "allowed by flag:--write"],
    ["FileRead /home/ada/.docker/other", "denied by credentials:registries"],
  ]);
});

describe("flags beside the policy", () => {
  check(flagged({ deny: ["src/private", "*.pem"], net: ["db.example:5432"], listen: ["8080"] }), [
    ["FileRead /home/ada/project/src/private/x", "denied by flag:--deny"],
    ["FileRead /home/ada/project/src/privately", "allowed by workspace:files"],
    ["FileRead /home/ada/project/deep/down/k.pem", "denied by flag:--deny 2"],
    ["FileRead /home/ada/project/k.pem.d/x", "allowed by workspace:files"],
    ["NetConnect db.example:5432", "allowed by flag:--net"],
    ["NetConnect db.example:5433", nothing],
    ["NetBind 0.0.0.0:8080", "allowed by flag:--listen"],
    ["NetBind 0.0.0.0:8081", nothing],
  ]);
  check({ ...flagged({ net: ["none"] }), templates: ["workspace-net"] }, [
    ["NetConnect example.com:443", "denied by flag:--net"],
  ]);
  check({ templates: ["workspace-net"] }, [
    ["NetConnect example.com:443", "allowed by workspace-net:connect"],
    ["NetRequest https://example.com/", "allowed by workspace-net:connect"],
    ["NetBind 127.0.0.1:8080", nothing],
  ]);
});

describe("an agent keeps its state and not its rules", () => {
  check({ templates: ["workspace-net"], profiles: ["claude", "codex", "gemini"] }, [
    ["FileWrite /home/ada/.claude/projects/x.jsonl", "allowed by claude:state"],
    ["FileWrite /home/ada/.claude.json", "allowed by claude:state"],
    ["FileWrite /home/ada/.claude/settings.json", "denied by protected:agent-home"],
    ["FileWrite /home/ada/.claude/hooks/x", "denied by protected:agent-home"],
    ["FileWrite /home/ada/.codex/sessions/x", "allowed by codex:state"],
    ["FileWrite /home/ada/.codex/config.toml", "denied by protected:agent-home"],
    ["FileWrite /home/ada/.claude.json.tmp.7.0c5e", "allowed by claude:state"],
    ["FileWrite /home/ada/.claude.jsonl", nothing],
    ["FileWrite /home/ada/.gemini/tmp/x", "allowed by gemini:state"],
    ["FileWrite /home/ada/.gemini/settings.json", "denied by protected:agent-home"],
  ]);
});

describe("ci", () => {
  check({ templates: ["ci"] }, [
    ["FileRead /srv/x", "allowed by ci:read"],
    ["FileRead /home/ada/.aws/credentials", "denied by credentials:cloud"],
    ["FileWrite /home/ada/.cache/x", "allowed by ci:write"],
    ["FileWrite /home/ada/.npmrc", "denied by protected:tool-settings"],
    ["FileWrite /srv/x", nothing],
    ["NetBind 0.0.0.0:80", "allowed by ci:network"],
  ]);
});
