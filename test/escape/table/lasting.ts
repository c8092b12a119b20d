// Classes K and L: what would run later outside the box, secrets, and resources.

import { rows } from "../row.ts";

/** Folder and file below the workspace that no command may make or change. */
const protectedNames = [
  [".git/hooks", "pre-commit"],
  [".git/hooks", "post-checkout"],
  [".git", "config"],
  [".git", "config.worktree"],
  [".git", "commondir"],
  [".git/modules/m", "config"],
  [".git/modules/m/hooks", "post-merge"],
  [".git/worktrees/w", "config.worktree"],
  [".claude", "settings.json"],
  [".claude/commands", "x.md"],
  [".claude/agents", "x.md"],
  [".claude/skills", "x.md"],
  [".claude/hooks", "x"],
  [".codex", "config.toml"],
  [".cursor", "mcp.json"],
  [".opencode", "config.json"],
  [".gemini", "settings.json"],
  [".vscode", "tasks.json"],
  [".vscode", "settings.json"],
  [".idea", "workspace.xml"],
  [".devcontainer", "devcontainer.json"],
  [".husky", "pre-commit"],
  [".zed", "tasks.json"],
  [".cargo", "config.toml"],
  [".direnv", "x"],
  [".github", "copilot-instructions.md"],
  ["", ".mcp.json"],
  ["", ".envrc"],
  ["", ".bashrc"],
  ["", ".zshrc"],
  ["", ".profile"],
  ["", ".gitmodules"],
  ["", ".npmrc"],
  ["", ".yarnrc.yml"],
  ["", ".cursorrules"],
  ["", ".exrc"],
  ["", ".gdbinit"],
  ["", ".devcontainer.json"],
] as const;
const ofHome = [
  ".bashrc",
  ".zshenv",
  ".profile",
  ".gitconfig",
  ".config/git/config",
  ".config/fish/config.fish",
  ".ssh/authorized_keys",
  ".ssh/config",
  ".local/bin/ls",
  ".vimrc",
  ".claude/settings.json",
  ".codex/config.toml",
  ".config/Code/User/settings.json",
  ".config/systemd/user/x.service",
  ".config/autostart/x.desktop",
  ".npmrc",
  ".cargo/config.toml",
] as const;
const ofAegis = ["ledger.db", "keys/x", "cache/helper/x", "configs/x.toml", "config.toml"] as const;
const secrets = [
  ".ssh/id_ed25519",
  ".ssh/config",
  ".aws/credentials",
  ".azure/accessTokens.json",
  ".config/gcloud/credentials.db",
  ".kube/config",
  ".gnupg/private-keys-v1.d/key",
  ".netrc",
  ".npmrc",
  ".pypirc",
  ".docker/config.json",
  ".git-credentials",
  ".config/gh/hosts.yml",
  ".cargo/credentials.toml",
  ".pgpass",
  ".my.cnf",
  ".local/share/keyrings/login.keyring",
  ".password-store/x.gpg",
  ".mozilla/firefox/x/logins.json",
  ".config/google-chrome/Default/Cookies",
  ".bash_history",
  ".zsh_history",
  ".vault-token",
  ".terraform.d/credentials.tfrc.json",
  ".config/op/config",
  ".bitcoin/wallet.dat",
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

export const persistence = rows("K", [
  ...protectedNames.map(([folder, file]) => {
    const path = folder === "" ? file : `${folder}/${file}`;
    return {
      name: `protected-${idOf(path)}`,
      technique: `make or change ${path} in the workspace`,
      words: folder === "" ? ["creat", `{ws}/${file}`] : ["plant", `{ws}/${folder}`, file],
      twin: folder === "" ? ["creat", `{s}/plain`] : ["plant", `{s}/d`, file],
      untouched: [`{ws}/${path}`],
    };
  }),
  ...[".claude", ".vscode", ".idea", ".codex"].map((folder) => ({
    name: `moved-in-${idOf(folder)}`,
    technique: `make a folder elsewhere and move it to ${folder}`,
    words: ["move-folder-in", "{s}/draft", `{ws}/${folder}`, "settings.json"],
    twin: ["move-folder-in", "{s}/draft", "{s}/done", "settings.json"],
    untouched: [`{ws}/${folder}`],
  })),
  ...["move-in", "link-in"].map((name) => ({
    name: `${name}-mcp`,
    technique: `make a file elsewhere and ${name === "move-in" ? "move" : "link"} it to .mcp.json`,
    words: [name, "{s}/draft", "{ws}/.mcp.json"],
    twin: [name, "{s}/draft", "{s}/done"],
    untouched: ["{ws}/.mcp.json"],
  })),
  {
    name: "link-to-mcp",
    technique: "make .mcp.json a link to a file of the workspace",
    words: ["symlink", "{s}/own", "{ws}/.mcp.json"],
    twin: ["symlink", "{s}/own", "{s}/l"],
    untouched: ["{ws}/.mcp.json"],
  },
  {
    name: "link-to-claude",
    technique: "make .claude a link to a folder of the workspace",
    words: ["symlink", "{s}", "{ws}/.claude"],
    twin: ["symlink", "{s}", "{s}/l"],
    untouched: ["{ws}/.claude"],
  },
  {
    name: "replace-hooks",
    technique: "move .git/hooks away and put another folder there",
    words: ["replace-folder", "{ws}/.git/hooks", "{s}/hooks", "pre-push"],
    twin: ["replace-folder", "{ws}/in/replace-hooks/d", "{s}/d", "x"],
    untouched: ["{ws}/.git/hooks"],
  },
  {
    name: "git-as-file",
    technique: "replace .git by a file that leads elsewhere",
    words: ["rename", "{s}/own", "{ws}/.git"],
    twin: ["rename", "{s}/own", "{s}/other"],
    untouched: ["{ws}/.git/HEAD"],
  },
  ...ofHome.map((path) => ({
    name: `home-${idOf(path)}`,
    technique: `change ~/${path}`,
    words: ["creat", `{home}/${path}`],
    twin: ["creat", "{s}/plain"],
    untouched: [`{home}/${path}`],
  })),
  ...ofAegis.map((path) => ({
    name: `own-${idOf(path)}`,
    technique: `change ~/.aegis/${path}`,
    words: ["creat", `{home}/.aegis/${path}`],
    twin: ["creat", "{s}/plain"],
  })),
  {
    name: "own-binary",
    technique: "change the program of aegis",
    words: ["write", "{aegis}"],
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
  ...secrets.map((path) => ({
    name: `secret-${idOf(path)}`,
    technique: `read ~/${path}`,
    words: ["read", `{home}/${path}`],
    twin: ["read", "{ws}/in/replace-hooks/f"],
    ledger: ["FileRead", `{home}/${path}`] as const,
  })),
  ...secretVariables.map((name) => ({
    name: `variable-${idOf(name)}`,
    technique: `a secret in the variable ${name}`,
    words: ["variable", name],
    twin: ["variable", "PATH"],
  })),
  {
    name: "own-ledger",
    technique: "read the ledger",
    words: ["read", "{home}/.aegis/ledger.db"],
    twin: ["read", "{ws}/in/replace-hooks/f"],
  },
  {
    name: "own-keys",
    technique: "list the signing keys",
    words: ["list", "{home}/.aegis/keys"],
    twin: ["list", "{ws}/in/replace-hooks"],
  },
  {
    name: "shadow",
    technique: "read /etc/shadow",
    words: ["read", "/etc/shadow"],
    twin: ["read", "/etc/passwd"],
    ledger: ["FileRead", "/etc/shadow"],
  },
  {
    name: "processes-bounded",
    technique: "no bound on processes",
    words: ["unlimited", RLIMIT_NPROC],
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
    twin: ["descriptors", "200"],
  },
  {
    name: "raise-processes",
    technique: "lift the bound on processes",
    words: ["raise-limit", RLIMIT_NPROC],
    twin: ["prlimit", "0"],
  },
  {
    name: "core-file",
    technique: "a core file",
    words: ["unlimited", "4"],
    twin: ["prlimit", "0"],
  },
]);
