// `aegis run` and `aegis wrap`: parse, launch, render the summary. On the fast path: nothing heavy
// is imported here.

import { flagSource } from "../../app/launch/limit-advice.ts";
import type { LaunchOptions } from "../../app/launch/options.ts";
import { AegisError } from "../../base/errors.ts";
import {
  isLimitName,
  type LimitWish,
  limitExamples,
  limitNames,
  parseLimit,
} from "../../model/limits.ts";
import type { EnvironmentGrant } from "../../supervise/environment.ts";
import { type CommandSpec, type ParsedArgs, parseArgs } from "../args.ts";
import { askFlags, promptFor } from "../ask-flags.ts";
import { createContext } from "../context.ts";
import { renderHelp } from "../help.ts";
import { launchTrust, launchTrustFlags } from "../manifest-flags.ts";
import { writeErr, writeOut } from "../output.ts";
import { renderDryRun } from "../render/dry-run.ts";
import { renderRunSummary, runReport } from "../render/run.ts";
import { escapeControls } from "../render/text.ts";

const directoryFlag = {
  kind: "text",
  value: "DIR",
  summary: "The workspace: working folder of the command. Default: the current folder.",
} as const;
const nameFlag = {
  kind: "text",
  value: "NAME",
  summary: "Name of the agent, the Cedar principal. Default: the command's base name.",
} as const;
const envFlag = {
  kind: "list",
  value: "NAME[=VALUE]",
  summary: "Pass this variable on although it looks like a secret, or set it.",
} as const;
const tagFlag = { kind: "text", value: "TEXT", summary: "Tag the session." } as const;
const quietFlag = { kind: "switch", summary: "No summary at the end." } as const;
const jsonFlag = {
  kind: "switch",
  summary: "Print the summary as JSON on stdout; the command's own stdout goes to stderr.",
} as const;

export const runSpec = {
  name: "run",
  summary: "Run a command under a policy the kernel enforces, and record what it tries.",
  flags: {
    config: { kind: "text", value: "NAME", summary: "Use a configuration made by `aegis init`." },
    policy: {
      kind: "list",
      value: "TEMPLATE|FILE|DIR",
      summary: "What the command may do. Default: workspace.",
    },
    manifest: {
      kind: "text",
      value: "FILE",
      summary: "Also grant what a capability manifest declares.",
    },
    ...launchTrustFlags,
    profile: { kind: "list", value: "NAME", summary: "Also grant what a tool needs, e.g. node." },
    dir: directoryFlag,
    name: nameFlag,
    read: { kind: "list", value: "PATH", summary: "Also allow reading a file or folder." },
    write: {
      kind: "list",
      value: "PATH",
      summary: "Also allow reading and changing a file or folder, there or not.",
    },
    deny: {
      kind: "list",
      value: "PATH|GLOB",
      summary: "Forbid a path whatever else is granted, also when it is made later.",
    },
    net: {
      kind: "list",
      value: "none|all|[HOST][:PORT]",
      summary: "Network: nothing, everything, or hosts and ports: see docs/policy.md.",
    },
    "deny-net": {
      kind: "list",
      value: "all|[HOST][:PORT]",
      summary: "Forbid connections whatever else is granted.",
    },
    listen: {
      kind: "list",
      value: "[ADDRESS:]PORT",
      summary: "Allow a server on this port.",
    },
    exec: {
      kind: "list",
      value: "PROGRAM",
      summary: "Run nothing but this program and others so named, by name or path.",
    },
    env: envFlag,
    credential: {
      kind: "list",
      value: "NAME[=SOURCE]@HOST",
      summary:
        "Put a secret into requests to HOST; the box has a placeholder in NAME: see docs/network.md.",
    },
    limit: {
      kind: "list",
      value: "NAME=VALUE",
      summary:
        "Limit memory, processes, cpu, time, files, file-size or output, e.g. memory=2G; none lifts a default.",
    },
    audit: {
      kind: "choice",
      choices: ["full", "writes", "off"],
      default: "full",
      summary:
        "What is recorded: every access; changes, programs and network; only what aegis itself denies. Reads that the kernel denies are recorded with full.",
    },
    "exec-hash": {
      kind: "switch",
      summary: "Record the SHA-256 of each program that is run.",
    },
    "allow-weaker": {
      kind: "switch",
      summary: "Run although this kernel lacks a protection; the ledger records which.",
    },
    ...askFlags,
    "dry-run": {
      kind: "switch",
      summary:
        "Keep changes to files apart; at the end list them and ask: commit, discard or keep. See docs/use.md.",
    },
    commit: { kind: "switch", summary: "With --dry-run: commit the changes without asking." },
    discard: { kind: "switch", summary: "With --dry-run: discard the changes without asking." },
    keep: {
      kind: "text",
      value: "DIR",
      summary: "With --dry-run: move the changes and a list of them to a new folder.",
    },
    ledger: { kind: "text", value: "PATH", summary: "Ledger to write." },
    tag: tagFlag,
    session: {
      kind: "text",
      value: "TENANT/ID",
      summary: "Record into a session of the control plane; takes a token of it.",
    },
    "session-token": {
      kind: "text",
      value: "FILE",
      summary: "File with the token. Default: the variable AEGIS_SESSION_TOKEN.",
    },
    quiet: quietFlag,
    json: jsonFlag,
  },
  operands: {},
  launches: true,
  examples: [
    "aegis run -- python3 agent.py",
    "aegis run --limit memory=4G --limit time=30m -- npm test",
    "aegis run --policy workspace-net --profile claude --read ~/data -- claude",
    "aegis run --dry-run -- make format",
    "aegis run --config my-agent -- python3 agent.py",
  ],
  notes: [
    "The exit status is the command's own, 128 + N when signal N ended it, 125 when aegis failed, 126 when the launch was refused, 127 when there is no such command. A box that is ended for a limit has 137.",
    "With --dry-run, 125 also says that something could not be committed. Without a terminal and without --commit, --discard or --keep the changes are listed and discarded.",
  ],
} as const satisfies CommandSpec;

export const wrapSpec = {
  name: "wrap",
  summary: "Run a command and record what it does, without confining it.",
  flags: {
    dir: directoryFlag,
    name: nameFlag,
    policy: {
      kind: "text",
      value: "TEMPLATE",
      summary: "Policy the accesses are judged by for the record. Default: permit-all.",
    },
    env: envFlag,
    tag: tagFlag,
    quiet: quietFlag,
    json: jsonFlag,
  },
  operands: {},
  launches: true,
  examples: ["aegis wrap -- claude", "aegis wrap --dir ~/my-project -- python3 agent.py"],
} as const satisfies CommandSpec;

/** @returns the exit status: the command's own, or 125, 126, 127 */
export async function runCommand(argv: readonly string[], mode: "run" | "wrap"): Promise<number> {
  const spec = mode === "run" ? runSpec : wrapSpec;
  const args = mode === "run" ? parseArgs(runSpec, argv) : undefined;
  const options = mode === "run" ? await runOptions(args) : wrapOptions(parseArgs(wrapSpec, argv));
  if (options === undefined) {
    writeOut(renderHelp(spec));
    return 0;
  }
  const { launch } = await import("../../app/launch/launch.ts");
  const context = createContext();
  const prompt = args === undefined ? {} : await promptFor(args.flags, options, context);
  const trust = args === undefined ? {} : launchTrust(args.flags, context.directory);
  const tell = (line: string) => writeErr(`aegis: ${escapeControls(line)}\n`);
  const result = await launch({ ...options, ...prompt, ...trust, tell }, context);
  if (options.json) writeOut(`${JSON.stringify(runReport(result))}\n`);
  else if (!options.quiet) writeErr(renderRunSummary(result));
  else if (result.dryRun !== undefined) writeErr(renderDryRun(result.dryRun));
  const failure = result.exit.failure;
  if (failure !== undefined) {
    throw new AegisError(
      failure.step === "exec" ? "launch/refused" : "enforce/helper",
      failure.message,
      {
        hint: failure.hint,
      },
    );
  }
  if (result.dryRun !== undefined && result.dryRun.left.length > 0) {
    throw new AegisError(
      "launch/incomplete",
      `Cannot commit ${result.dryRun.left.length} of ${result.dryRun.changes.length} changes`,
      { hint: `what is left was kept in "${result.dryRun.kept ?? ""}"` },
    );
  }
  const { endProcess } = await import("../../app/launch/end-process.ts");
  await endProcess(result.exit.status);
  return result.exit.status;
}

async function runOptions(
  args: ParsedArgs<typeof runSpec> | undefined,
): Promise<LaunchOptions | undefined> {
  if (args === undefined) return undefined;
  const { flags } = args;
  return {
    mode: "run",
    command: args.command,
    config: flags.config,
    policies: flags.policy,
    manifest: flags.manifest,
    profiles: flags.profile,
    directory: flags.dir,
    name: flags.name,
    read: flags.read,
    write: flags.write,
    deny: flags.deny,
    net: flags.net,
    denyNet: flags["deny-net"],
    listen: flags.listen,
    exec: flags.exec,
    execHash: flags["exec-hash"],
    environment: flags.env.map(environmentGrant),
    credentials: flags.credential,
    limits: flags.limit.map(limitWish),
    audit: flags.audit ?? "full",
    allowWeaker: flags["allow-weaker"],
    ledger: flags.ledger,
    tag: flags.tag,
    ...joinsOf(flags.session, flags["session-token"]),
    quiet: flags.quiet,
    json: flags.json,
    dryRun: await dryRun(flags),
  };
}

async function dryRun(
  flags: ParsedArgs<typeof runSpec>["flags"],
): Promise<LaunchOptions["dryRun"]> {
  const { commit, discard, keep } = flags;
  if (!flags["dry-run"] && !commit && !discard && keep === undefined) return undefined;
  const { dryRunChoice } = await import("../dry-run-question.ts");
  if (flags.ask) {
    throw new AegisError("usage", "Cannot ask in a dry run: a yes would open the file itself", {
      hint: "leave out --ask or --dry-run",
    });
  }
  const given = { dryRun: flags["dry-run"], commit, discard, keep };
  return dryRunChoice(given, createContext().directory);
}

function wrapOptions(args: ParsedArgs<typeof wrapSpec> | undefined): LaunchOptions | undefined {
  if (args === undefined) return undefined;
  const { flags } = args;
  return {
    mode: "wrap",
    command: args.command,
    config: undefined,
    policies: flags.policy === undefined ? [] : [flags.policy],
    manifest: undefined,
    profiles: [],
    directory: flags.dir,
    name: flags.name,
    read: [],
    write: [],
    deny: [],
    net: [],
    denyNet: [],
    listen: [],
    exec: [],
    execHash: false,
    environment: flags.env.map(environmentGrant),
    limits: [],
    audit: "full",
    allowWeaker: false,
    ledger: undefined,
    tag: flags.tag,
    quiet: flags.quiet,
    json: flags.json,
  };
}

function joinsOf(
  session: string | undefined,
  tokenFile: string | undefined,
): Pick<LaunchOptions, "joins"> {
  if (session !== undefined) return { joins: { session, tokenFile } };
  if (tokenFile === undefined) return {};
  throw new AegisError("usage", "Cannot use --session-token: nothing says which session it is of", {
    hint: "add --session TENANT/ID",
  });
}

export function limitWish(text: string): LimitWish {
  const equals = text.indexOf("=");
  const name = equals < 0 ? text : text.slice(0, equals);
  const written = equals < 0 ? "" : text.slice(equals + 1);
  if (!isLimitName(name)) {
    throw new AegisError("usage", `Cannot limit "${name}": there is no such limit`, {
      hint: `there are ${limitNames.join(", ")}`,
    });
  }
  const value = parseLimit(name, written);
  if (value === undefined && written !== "none") {
    throw new AegisError("usage", `Cannot limit ${name} to "${written}": it is no such value`, {
      hint: `write --limit ${name}=VALUE with a value like ${limitExamples(name)}, or none`,
    });
  }
  return { name, value, source: flagSource };
}

export function environmentGrant(text: string): EnvironmentGrant {
  const equals = text.indexOf("=");
  const name = equals < 0 ? text : text.slice(0, equals);
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
    throw new AegisError("usage", `Cannot pass "${name}" on: it is no variable name`, {
      hint: "write --env NAME or --env NAME=VALUE",
    });
  }
  return { name, value: equals < 0 ? undefined : text.slice(equals + 1) };
}
