// Who attacks and where: as root, as a plain user, where no namespace can be made, and in what a
// container of default settings allows.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { containerFilter, noNamespacesFilter } from "../support/container-calls.ts";
import { asPlainUser, isRoot, repoRoot } from "../support/harness.ts";
import { tempDir } from "../support/temp.ts";

export interface Setting {
  readonly name: "root" | "root in a container" | "plain user" | "no namespaces" | "container";
  readonly isPlain: boolean;
  readonly hasNamespaces: boolean;
  /** What a command is started through. */
  readonly through: (argv: readonly string[]) => string[];
}

const containerCapabilities = [
  "chown",
  "dac_override",
  "fowner",
  "fsetid",
  "kill",
  "setgid",
  "setuid",
  "setpcap",
  "net_bind_service",
  "net_raw",
  "sys_chroot",
  "mknod",
  "audit_write",
  "setfcap",
];

/** Those only root can set up, or those of a plain user, which root stands in for. */
export function settingsOf(whom: "root" | "plain user"): readonly Setting[] {
  const { withFilter, container, noNamespaces } = tools();
  const filtered = (filter: string) => (argv: readonly string[]) => [withFilter, filter, ...argv];
  const list = containerCapabilities.map((name) => `+${name}`).join(",");
  const bounded = (argv: readonly string[]) => [
    "setpriv",
    `--bounding-set=-all,${list}`,
    "--inh-caps=-all",
    "--",
    ...argv,
  ];
  if (whom === "root")
    return [
      { name: "root", isPlain: false, hasNamespaces: true, through: (argv) => [...argv] },
      {
        name: "root in a container",
        isPlain: false,
        hasNamespaces: false,
        through: (argv) => bounded(filtered(container)(argv)),
      },
    ];
  return [
    { name: "plain user", isPlain: true, hasNamespaces: true, through: asPlainUser },
    {
      name: "no namespaces",
      isPlain: true,
      hasNamespaces: false,
      through: (argv) => asPlainUser(filtered(noNamespaces)(argv)),
    },
    {
      name: "container",
      isPlain: true,
      hasNamespaces: false,
      through: (argv) => asPlainUser(filtered(container)(argv)),
    },
  ];
}

/** What this pass of the tests is about: the plain user's settings have a pass of their own. */
export function settingsHere(): readonly Setting[] {
  return settingsOf(isRoot() ? "root" : "plain user");
}

interface Tools {
  readonly attack: string;
  readonly withFilter: string;
  readonly outside: string;
  readonly landlockOnly: string;
  readonly container: string;
  readonly noNamespaces: string;
}

const built: { tools?: Tools } = {};

/** The programs of the suite, made once, where every account can run them. */
export function tools(): Tools {
  built.tools ??= make();
  return built.tools;
}

function make(): Tools {
  const folder = tempDir("escape-tools");
  Bun.spawnSync(["chmod", "755", folder]);
  const write = (name: string, bytes: Uint8Array) => {
    writeFileSync(join(folder, name), bytes, { mode: 0o644 });
    return join(folder, name);
  };
  const compile = (name: string, sources = "test/escape/attacks") => {
    const source = join(repoRoot, sources, `${name}.c`);
    execute(["cc", "-O1", "-static", "-o", join(folder, name), source]);
    return join(folder, name);
  };
  return {
    attack: attackBinary(),
    withFilter: compile("with-filter", "test/fixtures"),
    outside: compile("outside"),
    landlockOnly: compile("landlock-only"),
    container: write("container", containerFilter()),
    noNamespaces: write("no-namespaces", noNamespacesFilter()),
  };
}

function attackBinary(): string {
  const path = join(repoRoot, "build/aegis-attack-x86_64");
  if (isRoot()) execute(["make", "-s", "-C", join(repoRoot, "native"), "all"]);
  return path;
}

export function execute(argv: readonly string[]): void {
  const { exitCode, stderr } = Bun.spawnSync([...argv], { stdio: ["ignore", "ignore", "pipe"] });
  if (exitCode !== 0) throw new Error(`Cannot run ${argv.join(" ")}: ${stderr}`);
}
