// Classes K and L: what would run later outside the box, secrets, and resources.

import { type Left, refusedCall } from "../left.ts";
import { rows } from "../row.ts";

/**
 * Folder and file below the workspace that no command may make or change, and the rule that says
 * so. At the end what is denied first, when it is not the file: its `folder`, which is not there to
 * be made, or the file in the folder a link leads to.
 */
const protectedNames = [
  [".git/hooks", "pre-commit", "git-hooks"],
  [".git/hooks", "post-checkout", "git-hooks"],
  [".git", "config", "git-config"],
  [".git", "config.worktree", "git-config"],
  [".git", "commondir", "git-redirects"],
  [".git/modules/m", "config", "git-config"],
  [".git/modules/m/hooks", "post-merge", "git-hooks"],
  [".git/worktrees/w", "config.worktree", "git-config"],
  [".claude", "settings.json", "workspace-agents", "folder"],
  [".claude/commands", "x.md", "workspace-agents", "folder"],
  [".claude/agents", "x.md", "workspace-agents", "folder"],
  [".claude/skills", "x.md", "workspace-agents", "folder"],
  [".claude/hooks", "x", "workspace-agents", "folder"],
  [".codex", "config.toml", "workspace-agents", "folder"],
  [".cursor", "mcp.json", "workspace-agents", "cursor-target"],
  [".opencode", "config.json", "workspace-agents", "folder"],
  [".gemini", "settings.json", "workspace-agents", ".gemini-target"],
  [".vscode", "tasks.json", "workspace-editors", "folder"],
  [".vscode", "settings.json", "workspace-editors", "folder"],
  [".idea", "workspace.xml", "workspace-editors", "folder"],
  [".devcontainer", "devcontainer.json", "workspace-editors", "folder"],
  [".husky", "pre-commit", "workspace-tools", "folder"],
  [".zed", "tasks.json", "workspace-editors", "folder"],
  [".cargo", "config.toml", "workspace-tools"],
  [".direnv", "x", "workspace-shell", "folder"],
  [".github", "copilot-instructions.md", "workspace-agents"],
  ["", ".mcp.json", "workspace-agents"],
  ["", ".envrc", "workspace-shell"],
  ["", ".bashrc", "workspace-shell"],
  ["", ".zshrc", "workspace-shell"],
  ["", ".profile", "workspace-shell"],
  ["", ".gitmodules", "workspace-tools"],
  ["", ".npmrc", "workspace-tools"],
  ["", ".yarnrc.yml", "workspace-tools"],
  ["", ".cursorrules", "workspace-agents"],
  ["", ".exrc", "workspace-editors"],
  ["", ".gdbinit", "workspace-editors"],
  ["", ".devcontainer.json", "workspace-editors"],
] as const;
const ofHome = [
  [".bashrc", "protected:shell-startup"],
  [".zshenv", "protected:shell-startup"],
  [".profile", "protected:shell-startup"],
  [".gitconfig", "protected:tool-settings"],
  [".config/git/config", "protected:tool-settings"],
  [".config/fish/config.fish", "protected:shell-startup"],
  [".ssh/authorized_keys", "protected:tool-settings"],
  [".ssh/config", "protected:tool-settings"],
  [".local/bin/ls", ""],
  [".vimrc", "protected:tool-settings"],
  [".claude/settings.json", "protected:agent-home"],
  [".codex/config.toml", "protected:agent-home"],
  [".config/Code/User/settings.json", "protected:editor-home"],
  [".config/systemd/user/x.service", "protected:autostart"],
  [".config/autostart/x.desktop", "protected:autostart"],
  [".npmrc", "protected:tool-settings"],
  [".cargo/config.toml", "protected:tool-settings"],
] as const;
const ofAegis = ["ledger.db", "keys/x", "cache/helper/x", "configs/x.toml", "config.toml"] as const;
const secrets = [
  [".ssh/id_ed25519", "ssh"],
  [".ssh/config", "ssh"],
  [".aws/credentials", "cloud"],
  [".azure/accessTokens.json", "cloud"],
  [".config/gcloud/credentials.db", "cloud"],
  [".kube/config", "cloud"],
  [".gnupg/private-keys-v1.d/key", "ssh"],
  [".netrc", "code-hosts"],
  [".npmrc", "registries"],
  [".pypirc", "registries"],
  [".docker/config.json", "registries"],
  [".git-credentials", "code-hosts"],
  [".config/gh/hosts.yml", "code-hosts"],
  [".cargo/credentials.toml", "registries"],
  [".pgpass", "databases"],
  [".my.cnf", "databases"],
  [".local/share/keyrings/login.keyring", "keyrings"],
  [".password-store/x.gpg", "keyrings"],
  [".mozilla/firefox/x/logins.json", "browsers"],
  [".config/google-chrome/Default/Cookies", "browsers"],
  [".bash_history", "history"],
  [".zsh_history", "history"],
  [".vault-token", "cloud"],
  [".terraform.d/credentials.tfrc.json", "cloud"],
  [".config/op/config", "keyrings"],
  [".bitcoin/wallet.dat", "wallets"],
] as const;
const secretVariables = [
  "GITHUB_TOKEN",
  "AWS_SECRET_ACCESS_KEY",
  "OPENAI_API_KEY",
  "ANTHROPIC_API_KEY",
  "NPM_TOKEN",
  "DATABASE_URL",
  "MY_PASSWORD",
  "PLAIN_LOOKING",
] as const;

const idOf = (path: string) =>
  path
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "");

interface ProtectedName {
  readonly folder: string;
  readonly file: string;
  readonly path: string;
  readonly seen: string | undefined;
}

function leavesProtected({ folder, file, path, seen }: ProtectedName, rule: string): Left {
  if (seen === "folder") return ["DirCreate", `{ws}/${folder}`, `protected:${rule}`];
  const object = seen === undefined ? path : `${seen}/${file}`;
  return ["FileWrite", `{ws}/${object}`, `protected:${rule}`];
}

const ofAgents = "protected:workspace-agents";

export const persistence = rows("K", [
  ...protectedNames.map(([folder, file, rule, seen]) => {
    const path = folder === "" ? file : `${folder}/${file}`;
    return {
      name: `protected-${idOf(path)}`,
      technique: `make or change ${path} in the workspace`,
      words: folder === "" ? ["creat", `{ws}/${file}`] : ["plant", `{ws}/${folder}`, file],
      twin: folder === "" ? ["creat", `{s}/plain`] : ["plant", `{s}/d`, file],
      leaves: leavesProtected({ folder, path, file, seen }, rule),
      untouched: [`{ws}/${path}`],
    };
  }),
  ...(
    [
      [".claude", ofAgents],
      [".vscode", "protected:workspace-editors"],
      [".idea", "protected:workspace-editors"],
      [".codex", ofAgents],
    ] as const
  ).map(([folder, rule]) => ({
    name: `moved-in-${idOf(folder)}`,
    technique: `make a folder elsewhere and move it to ${folder}`,
    words: ["move-folder-in", "{s}/draft", `{ws}/${folder}`, "settings.json"],
    leaves: ["FileWrite", `{ws}/${folder}`, rule] as const,
    twin: ["move-folder-in", "{s}/draft", "{s}/done", "settings.json"],
    untouched: [`{ws}/${folder}`],
  })),
  ...["move-in", "link-in"].map((name) => ({
    name: `${name}-mcp`,
    technique: `make a file elsewhere and ${name === "move-in" ? "move" : "link"} it to .mcp.json`,
    words: [name, "{s}/draft", "{ws}/.mcp.json"],
    leaves: ["FileWrite", "{ws}/.mcp.json", ofAgents] as const,
    twin: [name, "{s}/draft", "{s}/done"],
    untouched: ["{ws}/.mcp.json"],
  })),
  {
    name: "link-to-mcp",
    technique: "make .mcp.json a link to a file of the workspace",
    words: ["symlink", "{s}/own", "{ws}/.mcp.json"],
    leaves: ["FileWrite", "{ws}/.mcp.json", ofAgents],
    twin: ["symlink", "{s}/own", "{s}/l"],
    untouched: ["{ws}/.mcp.json"],
  },
  {
    name: "link-to-claude",
    technique: "make .claude a link to a folder of the workspace",
    words: ["symlink", "{s}", "{ws}/.claude"],
    leaves: ["FileWrite", "{ws}/.claude", ofAgents],
    twin: ["symlink", "{s}", "{s}/l"],
    untouched: ["{ws}/.claude"],
  },
  {
    name: "replace-hooks",
    technique: "move .git/hooks away and put another folder there",
    words: ["replace-folder", "{ws}/.git/hooks", "{s}/hooks", "pre-push"],
    leaves: ["FileDelete", "{ws}/.git/hooks", "protected:git-hooks"],
    twin: ["replace-folder", "{ws}/in/replace-hooks/d", "{s}/d", "x"],
    untouched: ["{ws}/.git/hooks"],
  },
  {
    name: "git-as-file",
    technique: "replace .git by a file that leads elsewhere",
    words: ["rename", "{s}/own", "{ws}/.git"],
    leaves: "kernel",
    twin: ["rename", "{s}/own", "{s}/other"],
    untouched: ["{ws}/.git/HEAD"],
  },
  ...ofHome.map(([path, rule]) => ({
    name: `home-${idOf(path)}`,
    technique: `change ~/${path}`,
    words: ["creat", `{home}/${path}`],
    leaves: ["FileWrite", `{home}/${path}`, rule] as const,
    twin: ["creat", "{s}/plain"],
    untouched: [`{home}/${path}`],
  })),
  ...ofAegis.map((path) => ({
    name: `own-${idOf(path)}`,
    technique: `change ~/.aegis/${path}`,
    words: ["creat", `{home}/.aegis/${path}`],
    leaves: ["FileWrite", `{home}/.aegis/${path}`, "protected:aegis"] as const,
    twin: ["creat", "{s}/plain"],
  })),
  {
    name: "own-binary",
    technique: "change the program of aegis",
    words: ["write", "{aegis}"],
    leaves: ["FileWrite", "{aegis}", "protected:aegis"],
    twin: ["write", "{ws}/in/replace-hooks/f"],
  },
  {
    name: "makefile",
    technique: "change a file of the workspace that somebody runs later",
    words: ["creat", "{ws}/Makefile"],
    wanted: "what the workspace holds belongs to whoever may write it",
  },
]);

const RLIMIT_NPROC = "6";

export const secretsAndResources = rows("L", [
  ...secrets.map(([path, rule]) => ({
    name: `secret-${idOf(path)}`,
    technique: `read ~/${path}`,
    words: ["read", `{home}/${path}`],
    twin: ["read", "{ws}/in/replace-hooks/f"],
    leaves: ["FileRead", `{home}/${path}`, `credentials:${rule}`] as const,
  })),
  ...secretVariables.map((name) => ({
    name: `variable-${idOf(name)}`,
    technique: `a secret in the variable ${name}`,
    words: ["variable", name],
    leaves: "absent" as const,
    twin: ["variable", "PATH"],
  })),
  {
    name: "own-ledger",
    technique: "read the ledger",
    words: ["read", "{home}/.aegis/ledger.db"],
    leaves: ["FileRead", "{home}/.aegis/ledger.db", "protected:aegis-secrets"],
    twin: ["read", "{ws}/in/replace-hooks/f"],
  },
  {
    name: "own-keys",
    technique: "list the signing keys",
    words: ["list", "{home}/.aegis/keys"],
    leaves: ["DirList", "{home}/.aegis/keys", "protected:aegis-secrets"],
    twin: ["list", "{ws}/in/replace-hooks"],
  },
  {
    name: "shadow",
    technique: "read /etc/shadow",
    words: ["read", "/etc/shadow"],
    twin: ["read", "/etc/passwd"],
    leaves: ["FileRead", "/etc/shadow", "credentials:system"],
  },
  {
    name: "processes-bounded",
    technique: "no bound on processes",
    words: ["unlimited", RLIMIT_NPROC],
    leaves: "limit",
    twin: ["forks", "20"],
  },
  {
    name: "forks",
    technique: "3,000 processes at once",
    words: ["forks", "3000"],
    twin: ["forks", "100"],
    seconds: 30,
    wanted:
      "a box may have 4,096 processes unless --limit asks for fewer; test/kernel/limits.test.ts",
  },
  {
    name: "descriptors",
    technique: "2,000,000 descriptors",
    words: ["descriptors", "2000000"],
    leaves: "limit",
    twin: ["descriptors", "200"],
  },
  {
    name: "raise-processes",
    technique: "lift the bound on processes",
    words: ["raise-limit", RLIMIT_NPROC],
    leaves: "kernel",
    twin: ["prlimit", "0"],
  },
  {
    name: "lease",
    technique: "a lease on a file that may only be read: whoever opens it waits",
    words: ["lease", "{r}"],
    leaves: refusedCall("fcntl", "0x400"),
    twin: ["read", "{r}"],
  },
  {
    name: "core-file",
    technique: "a core file",
    words: ["unlimited", "4"],
    leaves: "limit",
    twin: ["prlimit", "0"],
  },
]);
