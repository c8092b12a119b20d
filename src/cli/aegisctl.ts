// `aegisctl`: the commands of somebody who works with a control plane, by the names they are
// documented under.

import { AegisError } from "../base/errors.ts";
import { nearest } from "../base/nearest.ts";
import { aegisVersion } from "../base/version.ts";
import type { CommandSpec } from "./args.ts";
import type { Command } from "./command.ts";
import { exitStatus } from "./exit.ts";
import { renderTerms } from "./help.ts";
import { writeOut } from "./output.ts";

type LoadCommand = () => Promise<Command>;

/** By one word or two. */
const commands: Readonly<Record<string, LoadCommand>> = {
  verify: async () => (await import("./command/control/verify.ts")).command,
  export: async () => (await import("./command/control/export.ts")).command,
  replay: async () => (await import("./command/control/replay.ts")).command,
  approve: async () => (await import("./command/approve.ts")).command,
  "manifest validate": async () => (await import("./command/manifest/validate.ts")).command,
  "manifest install": async () => (await import("./command/manifest/install.ts")).command,
  "manifest verify": async () => (await import("./command/manifest/verify.ts")).command,
  "manifest show": async () => (await import("./command/manifest/show.ts")).command,
  "manifest generate": async () => (await import("./command/manifest/generate.ts")).command,
  "manifest keygen": async () => (await import("./command/manifest/keygen.ts")).command,
  "manifest sign": async () => (await import("./command/manifest/sign.ts")).command,
};

/** Those that have no name in the tree of `aegis`. */
export async function ownSpecs(): Promise<readonly CommandSpec[]> {
  const loaded = await Promise.all(Object.values(commands).map((load) => load()));
  return loaded.map(({ spec }) => spec).filter(({ program }) => program === "aegisctl");
}

/** @returns the exit status */
export async function runAegisctl(argv: readonly string[]): Promise<number> {
  const words = argv[0] === "help" ? [...argv.slice(1), "--help"] : argv;
  const [first, second] = words;
  if (first === "--version" || first === "-V") {
    writeOut(`aegisctl ${aegisVersion}\n`);
    return exitStatus.ok;
  }
  if (first === undefined || isHelp(first)) return printHelp("");
  if (first === "manifest" && (second === undefined || isHelp(second))) return printHelp(first);
  const size = first === "manifest" ? 2 : 1;
  const name = words.slice(0, size).join(" ");
  const load = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (load !== undefined) return (await load()).start(words.slice(size), "aegisctl");
  const close = nearest(name, Object.keys(commands));
  throw new AegisError("usage", `Cannot run "aegisctl": unknown command "${name}"`, {
    hint: close === undefined ? "run `aegisctl --help`" : `did you mean "aegisctl ${close}"?`,
  });
}

async function printHelp(branch: string): Promise<number> {
  const names = Object.entries(commands).filter(([name]) => name.startsWith(branch));
  const terms = await Promise.all(
    names.map(async ([name, load]) => [name, (await load()).spec.summary] as const),
  );
  const usage = `aegisctl ${branch === "" ? "" : `${branch} `}COMMAND [ARGUMENTS]`;
  writeOut(
    [
      "Work with a control plane and with capability manifests.\n",
      `Usage:\n  ${usage}\n`,
      `Commands:\n${renderTerms(terms)}`,
      "Run `aegisctl COMMAND --help` for one command.\n",
    ].join("\n"),
  );
  return exitStatus.ok;
}

function isHelp(word: string): boolean {
  return word === "--help" || word === "-h";
}
