// `aegis learn`

import { launch } from "../../app/launch/launch.ts";
import type { LaunchOptions } from "../../app/launch/options.ts";
import type { LaunchResult } from "../../app/launch/result.ts";
import { type LearnedPolicy, learnFromSession } from "../../app/learn.ts";
import { findKeptSession } from "../../app/ledger/find-session.ts";
import { withExistingLedger } from "../../app/ledger/ledgers.ts";
import { refuseExisting, writeNewFile } from "../../app/write-new-file.ts";
import { AegisError } from "../../base/errors.ts";
import { type AbsPath, resolvePath } from "../../base/paths.ts";
import type { ParsedArgs } from "../args.ts";
import { defineCommand } from "../command.ts";
import type { CliContext } from "../context.ts";
import { writeErr, writeOut } from "../output.ts";
import { policyFlags, policyOptions } from "../policy-options.ts";
import { ledgerFlags, readLedger } from "../read-ledger.ts";
import { jsonText } from "../render/json.ts";
import { learnedView, renderLearned } from "../render/learn.ts";
import { renderRunSummary } from "../render/run.ts";
import { escapeControls } from "../render/text.ts";
import { environmentGrant, limitWish, runSpec } from "./run.ts";

const spec = {
  name: "learn",
  summary: "Record a command and write the smallest policy that allows what it did.",
  flags: {
    output: { kind: "text", value: "FILE", summary: "Write the policy here. Default: stdout." },
    enforce: {
      kind: "switch",
      summary: "Confine the command as `run` does, and learn what was denied too.",
    },
    session: { kind: "text", value: "ID", summary: "Learn from this session; launch nothing." },
    ...policyFlags,
    env: runSpec.flags.env,
    limit: runSpec.flags.limit,
    tag: runSpec.flags.tag,
    ...ledgerFlags,
    json: { kind: "switch", summary: "Print policy, reasons and counts as JSON on stdout." },
  },
  operands: {},
  launches: true,
  isCommandOptional: true,
  examples: [
    "aegis learn --output agent.cedar -- python3 agent.py",
    "aegis learn --enforce --policy workspace -- npm test",
    "aegis learn --session 7f1c2a90",
  ],
  notes: [
    "Without --enforce nothing is confined while the command is recorded: learn from a command you trust, or in a container.",
    "A folder is granted only where exact paths would not do; the policy and stderr say which and why. Credentials and protected names are never granted.",
    "The exit status is the command's own, 125 when aegis failed; with --session 0.",
  ],
} as const;

type Args = ParsedArgs<typeof spec>;

export const command = defineCommand(spec, async (args, context) => {
  const output =
    args.flags.output === undefined ? undefined : resolvePath(context.directory, args.flags.output);
  if (output !== undefined) refuseExisting(output);
  const { status, policy } =
    args.flags.session === undefined
      ? await learnFromRun(args, context)
      : { status: 0, policy: await learnFromRecord(args, args.flags.session, context) };
  deliver(policy, output, args.flags.json);
  return status;
});

function deliver(policy: LearnedPolicy, output: AbsPath | undefined, isJson: boolean): void {
  if (output !== undefined) writeNewFile(output, policy.text);
  if (isJson) writeOut(jsonText(learnedView(policy)));
  else {
    if (output === undefined) writeOut(policy.text);
    writeErr(renderLearned(policy));
  }
}

async function learnFromRecord(
  { flags, command: words }: Args,
  session: string,
  context: CliContext,
): Promise<LearnedPolicy> {
  if (words.length > 0 || flags.enforce)
    throw new AegisError("usage", "Cannot learn from a session and a command at once", {
      hint: "leave out --session, or the command",
    });
  const learned: LearnedPolicy[] = [];
  await readLedger(context, { session, flags }, async (ledger) => {
    learned.push(await learnFromSession(ledger, await findKeptSession(ledger, session), context));
    return 0;
  });
  const [policy] = learned;
  if (policy === undefined) throw new Error("broken invariant: nothing was learned");
  return policy;
}

async function learnFromRun(
  args: Args,
  context: CliContext,
): Promise<{ status: number; policy: LearnedPolicy }> {
  if (args.command.length === 0)
    throw new AegisError("usage", "Cannot learn: neither a command nor a session was given", {
      hint: "run `aegis learn --help` for its usage",
    });
  const tell = (line: string) => writeErr(`aegis: ${escapeControls(line)}\n`);
  const result = await launch({ ...launchOptions(args), tell }, context);
  const { failure, status } = result.exit;
  if (failure !== undefined)
    throw new AegisError("enforce/helper", failure.message, { hint: failure.hint });
  writeErr(summary(result, args.flags.enforce));
  const policy = await withExistingLedger(
    context,
    resolvePath(context.directory, result.ledger),
    async (ledger) =>
      learnFromSession(ledger, await findKeptSession(ledger, result.session), context),
  );
  return { status, policy };
}

function summary(result: LaunchResult, isEnforced: boolean): string {
  const failed = result.exit.status === 0 ? "" : failedNote;
  return `${isEnforced ? renderRunSummary(result) : `aegis: Session: ${result.session}\n`}${failed}`;
}

const failedNote =
  "aegis: the command failed; what it would have done after that is not in the policy\n";

function launchOptions({ flags, command: words }: Args): LaunchOptions {
  const { enforce, output, json } = flags;
  if (!enforce && flags.policy.length > 0)
    throw new AegisError("usage", 'Cannot use "--policy" without "--enforce": nothing is confined');
  return {
    ...policyOptions(flags),
    mode: enforce ? "run" : "learn",
    command: words,
    execHash: false,
    policies: enforce ? flags.policy : ["permit-all"],
    environment: flags.env.map(environmentGrant),
    limits: flags.limit.map(limitWish),
    audit: "full",
    allowWeaker: false,
    ledger: flags.ledger,
    tag: flags.tag,
    quiet: true,
    // Standard output is the policy's.
    json: json || output === undefined,
  };
}
