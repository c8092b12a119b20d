// The tree of commands: names, order in help, and a lazy thunk for each, dispatched by citty.
// citty's own parser lets unknown flags pass and drops what stands before a subcommand, so branches
// refuse both here and leaves parse strictly.

import { type CommandDef, runCommand, type SubCommandsDef } from "citty";
import { AegisError } from "../base/errors.ts";
import { nearest } from "../base/nearest.ts";
import { aegisVersion } from "../base/version.ts";
import type { CommandSpec } from "./args.ts";
import type { Command } from "./command.ts";
import { exitStatus } from "./exit.ts";
import { renderTerms } from "./help.ts";
import { writeOut } from "./output.ts";

type LoadCommand = () => Promise<Command>;

interface Branch {
  readonly summary: string;
  readonly commands: Readonly<Record<string, LoadCommand>>;
}

interface Section {
  readonly title: string;
  readonly entries: Readonly<Record<string, LoadCommand | Branch>>;
}

const policy: Branch = {
  summary: "Check, list, write, compile and explain policies.",
  commands: {
    validate: async () => (await import("./command/policy/validate.ts")).command,
    list: async () => (await import("./command/policy/list.ts")).command,
    generate: async () => (await import("./command/policy/generate.ts")).command,
    import: async () => (await import("./command/policy/import.ts")).command,
    compile: async () => (await import("./command/policy/compile.ts")).command,
    explain: async () => (await import("./command/policy/explain.ts")).command,
    test: async () => (await import("./command/policy/test.ts")).command,
  },
};

const audit: Branch = {
  summary: "Query, prove and export the ledger.",
  commands: {
    query: async () => (await import("./command/audit/query.ts")).command,
    verify: async () => (await import("./command/audit/verify.ts")).command,
    sessions: async () => (await import("./command/audit/sessions.ts")).command,
    session: async () => (await import("./command/audit/session.ts")).command,
    "policy-history": async () => (await import("./command/audit/policy-history.ts")).command,
    export: async () => (await import("./command/audit/export.ts")).command,
    checkpoint: async () => (await import("./command/audit/checkpoint.ts")).command,
    prove: async () => (await import("./command/audit/prove.ts")).command,
    tag: async () => (await import("./command/audit/tag.ts")).command,
    purge: async () => (await import("./command/audit/purge.ts")).command,
    watch: async () => (await import("./command/audit/watch.ts")).command,
  },
};

const manifest: Branch = {
  summary: "Check, show, draft and sign capability manifests.",
  commands: {
    validate: async () => (await import("./command/manifest/validate.ts")).command,
    install: async () => (await import("./command/manifest/install.ts")).command,
    verify: async () => (await import("./command/manifest/verify.ts")).command,
    show: async () => (await import("./command/manifest/show.ts")).command,
    generate: async () => (await import("./command/manifest/generate.ts")).command,
    keygen: async () => (await import("./command/manifest/keygen.ts")).command,
    sign: async () => (await import("./command/manifest/sign.ts")).command,
  },
};

const config: Branch = {
  summary: "Show, find and edit configurations.",
  commands: {
    show: async () => (await import("./command/config/show.ts")).command,
    path: async () => (await import("./command/config/path.ts")).command,
    edit: async () => (await import("./command/config/edit.ts")).command,
  },
};

const conformance: Branch = {
  summary: "Test control planes against what they must answer.",
  commands: {
    run: async () => (await import("./command/conformance/run.ts")).command,
  },
};

const sections: readonly Section[] = [
  {
    title: "Run",
    entries: {
      run: async () => launching("run", (await import("./command/run.ts")).runSpec),
      wrap: async () => launching("wrap", (await import("./command/run.ts")).wrapSpec),
      learn: async () => (await import("./command/learn.ts")).command,
    },
  },
  {
    title: "Look",
    entries: {
      log: async () => (await import("./command/log.ts")).command,
      report: async () => (await import("./command/report.ts")).command,
      diff: async () => (await import("./command/diff.ts")).command,
      replay: async () => (await import("./command/replay.ts")).command,
      status: async () => (await import("./command/status.ts")).command,
      audit,
    },
  },
  {
    title: "Serve",
    entries: {
      serve: async () => (await import("./command/serve.ts")).command,
      mcp: async () => (await import("./command/mcp.ts")).command,
      approve: async () => (await import("./command/approve.ts")).command,
      manifest,
      conformance,
      backup: async () => (await import("./command/backup.ts")).command,
      restore: async () => (await import("./command/restore.ts")).command,
    },
  },
  {
    title: "Set up",
    entries: {
      setup: async () => (await import("./command/setup.ts")).command,
      init: async () => (await import("./command/init.ts")).command,
      list: async () => (await import("./command/list.ts")).command,
      use: async () => (await import("./command/use.ts")).command,
      config,
      policy,
      completions: async () => (await import("./command/completions.ts")).command,
    },
  },
];

/** Second names of commands. */
const aliases: Readonly<Record<string, string>> = { doctor: "setup" };

/** Every specification in the order of help. */
export async function allSpecs(): Promise<readonly CommandSpec[]> {
  const loads: LoadCommand[] = [];
  for (const { entries } of sections) {
    for (const entry of Object.values(entries)) {
      if (typeof entry === "function") loads.push(entry);
      else loads.push(...Object.values(entry.commands));
    }
  }
  return (await Promise.all(loads.map((load) => load()))).map(({ spec }) => spec);
}

/** Reached through `aegis help run` only: root.ts launches without this tree. */
function launching(mode: "run" | "wrap", spec: CommandSpec): Command {
  return { spec, start: async (argv) => (await import("./command/run.ts")).runCommand(argv, mode) };
}

/** @returns the exit status */
export async function runTree(argv: readonly string[]): Promise<number> {
  const words = argv[0] === "help" ? [...argv.slice(1), "--help"] : argv;
  const [first, second] = words;
  if (first === undefined || isHelp(first)) return printHelp(await rootHelp());
  const branch = branches()[first];
  if (branch !== undefined && isHelp(second)) return printHelp(await branchHelp(first, branch));
  let status: number = exitStatus.usage;
  const finished = (result: number) => {
    status = result;
  };
  await runCommand(rootDefinition(finished), { rawArgs: [...words] });
  return status;
}

/** citty drops the results of subcommands, so each leaf hands its status to `finished`. */
function rootDefinition(finished: (status: number) => void): CommandDef {
  const subCommands: SubCommandsDef = {};
  for (const { entries } of sections) {
    for (const [name, entry] of Object.entries(entries)) {
      subCommands[name] =
        typeof entry === "function"
          ? leaf(entry, finished)
          : branchDefinition(`aegis ${name}`, leaves(entry, finished));
    }
  }
  for (const [alias, name] of Object.entries(aliases)) {
    const target = subCommands[name];
    if (target !== undefined) subCommands[alias] = target;
  }
  return branchDefinition("aegis", subCommands);
}

function leaves(branch: Branch, finished: (status: number) => void): SubCommandsDef {
  const entries = Object.entries(branch.commands);
  return Object.fromEntries(entries.map(([name, load]) => [name, leaf(load, finished)]));
}

function leaf(load: LoadCommand, finished: (status: number) => void): () => Promise<CommandDef> {
  return async () => {
    const command = await load();
    return {
      meta: { name: command.spec.name, description: command.spec.summary },
      run: async ({ rawArgs }) => finished(await command.start(rawArgs)),
    };
  };
}

function branchDefinition(typed: string, subCommands: SubCommandsDef): CommandDef {
  return {
    meta: { name: typed },
    subCommands,
    setup: ({ rawArgs }) => requireSubCommand(typed, rawArgs[0], Object.keys(subCommands)),
  };
}

function requireSubCommand(
  typed: string,
  word: string | undefined,
  known: readonly string[],
): void {
  if (word !== undefined && known.includes(word)) return;
  const help = `run \`${typed} --help\` for its commands`;
  if (word === undefined)
    throw new AegisError("usage", `Cannot run "${typed}": a command is missing`, { hint: help });
  const kind = word.startsWith("-") ? "flag" : "command";
  const close = kind === "flag" ? undefined : nearest(word, known);
  throw new AegisError("usage", `Cannot run "${typed}": unknown ${kind} "${word}"`, {
    hint: close === undefined ? help : `did you mean "${typed} ${close}"?`,
  });
}

function branches(): Readonly<Record<string, Branch>> {
  const found: Record<string, Branch> = Object.create(null);
  for (const { entries } of sections) {
    for (const [name, entry] of Object.entries(entries)) {
      if (typeof entry !== "function") found[name] = entry;
    }
  }
  return found;
}

function isHelp(word: string | undefined): boolean {
  return word === "--help" || word === "-h";
}

function printHelp(text: string): number {
  writeOut(text);
  return exitStatus.ok;
}

async function rootHelp(): Promise<string> {
  const parts = [
    `aegis ${aegisVersion}: run AI agents under a policy the kernel enforces.\n`,
    "Usage:\n  aegis COMMAND [ARGUMENTS]\n",
  ];
  for (const { title, entries } of sections) {
    const terms = await Promise.all(
      Object.entries(entries).map(async ([name, entry]): Promise<readonly [string, string]> => {
        const summary = typeof entry === "function" ? (await entry()).spec.summary : entry.summary;
        return [withAliases(name), summary];
      }),
    );
    parts.push(`${title}:\n${renderTerms(terms)}`);
  }
  const flags = [
    ["-h, --help", "Show help; also after any command"],
    ["-V, --version", "Show the version"],
  ] as const;
  parts.push(`Flags:\n${renderTerms(flags)}`, "Example:\n  aegis run -- python3 agent.py\n");
  return parts.join("\n");
}

async function branchHelp(name: string, branch: Branch): Promise<string> {
  const terms = await Promise.all(
    Object.entries(branch.commands).map(
      async ([word, load]): Promise<readonly [string, string]> => [
        word,
        (await load()).spec.summary,
      ],
    ),
  );
  return [
    `${branch.summary}\n`,
    `Usage:\n  aegis ${name} COMMAND [ARGUMENTS]\n`,
    `Commands:\n${renderTerms(terms)}`,
    `Run \`aegis ${name} COMMAND --help\` for one command.\n`,
  ].join("\n");
}

function withAliases(name: string): string {
  const others = Object.entries(aliases).filter(([, target]) => target === name);
  return [name, ...others.map(([alias]) => alias)].join(", ");
}
