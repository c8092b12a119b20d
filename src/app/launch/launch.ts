// `run` and `wrap` from options to the closed session. Nothing heavy is imported at the top: with a
// cached plan this is all that a launch loads.

import { AegisError } from "../../base/errors.ts";
import { resolvePath } from "../../base/paths.ts";
import { aegisPaths, privateDirectory } from "../../config/location.ts";
import type { BoxLaunch, PreparedBox, ShownFile } from "../../enforce/backend.ts";
import { platformName, selectBackend } from "../../enforce/select.ts";
import type { JoinedSession, SessionWriter } from "../../ledger/contract.ts";
import type { Coverage, CoverageRow } from "../../model/coverage.ts";
import type { Limits } from "../../model/limits.ts";
import type { PolicySnapshot } from "../../model/policy-snapshot.ts";
import { cacheEnvironment } from "../../policy/profiles.ts";
import {
  type BoxEnvironment,
  boxEnvironment,
  observedEnvironment,
  searchPath,
} from "../../supervise/environment.ts";
import { findProgram } from "../../supervise/find-program.ts";
import type { RecordedTotals } from "../../supervise/recorder.ts";
import { type SupervisedRun, superviseRun } from "../../supervise/supervisor.ts";
import { ownTemporaryFolder, temporaryFolder } from "../../supervise/temporary-folder.ts";
import type { DryRun } from "../dry-run/dry-run.ts";
import { openForWriting, seenThroughKeys } from "../ledger/ledgers.ts";
import type { Surroundings } from "../surroundings.ts";
import { accessSources } from "./access-sources.ts";
import type { LaunchCredentials } from "./credentials.ts";
import { adviseOn } from "./denial-advice.ts";
import { createDeniedLog, type DeniedLog, deniedLogVariable } from "./denied-log.ts";
import { adviseOnLimits } from "./limit-advice.ts";
import { launchLimits } from "./limits.ts";
import type { Judge } from "./observed-judge.ts";
import type { LaunchOptions } from "./options.ts";
import { type BoxSubject, ownPaths, prepareBox, runFolder } from "./prepare-box.ts";
import type { LaunchResult } from "./result.ts";
import { requireListed } from "./sealed-programs.ts";
import { processSignals } from "./signals.ts";
import { type LaunchSubject, launchSubject, ownBinary, placesOf } from "./subject.ts";
import type { TraceVariables } from "./trace-variables.ts";

/**
 * Launches the command and waits for it; the session is closed and durable when this resolves.
 * @throws {AegisError} for everything that kept the command from being launched
 */
export async function launch(given: LaunchOptions, around: Surroundings): Promise<LaunchResult> {
  privateDirectory(aegisPaths(around.environment).home);
  try {
    const first = await launchWith("kept", given, around);
    if (!first.isUnfit) return first.result;
    return (await launchWith("anew", given, around)).result;
  } finally {
    given.prompt?.close();
  }
}

interface Launched {
  readonly result: LaunchResult;
  /** The box of a kept plan could not be built: the session says so, the command did not run. */
  readonly isUnfit: boolean;
}

async function launchWith(
  plans: "kept" | "anew",
  given: LaunchOptions,
  around: Surroundings,
): Promise<Launched> {
  const credentials = await credentialsFor(given, around);
  const options = { ...given, deny: [...given.deny, ...(credentials?.files ?? [])] };
  const { boxSubject, command, environment } = await subjectOf(options, around, credentials);
  const { subject, backend } = boxSubject;
  if (!subject.observeOnly) requireListed(boxSubject, command.program);
  const joined = await joinedSession(boxSubject);
  const { box, isKept, snapshot } = await prepareBox(boxSubject, plans);
  credentials?.requireReach(box.network, subject.agent);
  const dry = await dryRunFor(boxSubject, box);
  const judge = subject.observeOnly ? await judgeFor(boxSubject, snapshot) : undefined;
  const denied = subject.observeOnly ? undefined : deniedLogFor(boxSubject);
  const openAsking = await askingFor(boxSubject);
  const limits = limitsFor(boxSubject, snapshot);
  const held = backend.holdLimits(box, limits);
  const coverage = withRow(withEnvironment(box.coverage, environment, subject), held.row);
  const { session, exit, totals, limitHits, checkpoint } = await superviseRun({
    backend,
    box,
    launch: {
      ...inFolder(command, box.temporary, boxSubject),
      limits: held,
      ...(denied && { shown: denied.shown }),
      ...dry?.launch,
    },
    openGateway: gatewayFor(boxSubject, box, credentials),
    limits,
    openSession: () => openSession(boxSubject, snapshot, coverage, joined),
    clock: around.clock,
    signals: processSignals,
    judge,
    openAsking,
    onStored: denied?.log.add,
    onSettled: giveMemoryBack,
    onEnded: dry && ((_, say) => dry.decide(say)),
  }).finally(() => {
    for (const each of [denied?.log, dry]) each?.close();
    held.release();
  });
  const result = {
    session,
    ledger: subject.ledger,
    name: subject.agent,
    command: options.command,
    isEnforced: !subject.observeOnly,
    exit,
    ...told(totals, subject.agent),
    audit: options.audit,
    coverage,
    environmentRemoved: environment.removed,
    limitHits: adviseOnLimits(limitHits, limits),
    checkpoint,
    dryRun: dry?.result(),
  };
  return { result, isUnfit: isKept && unfitSteps.has(exit.failure?.step ?? "") };
}

/** What was recorded, for the summary. */
function told(
  { allowed, denied, denials, refusedCalls }: RecordedTotals,
  agent: string,
): Pick<LaunchResult, "totals" | "denials" | "refusedCalls"> {
  return { totals: { allowed, denied }, denials: adviseOn(denials, agent), refusedCalls };
}

/** Of building a box, before there is a command: what the plan was made for is gone. */
const unfitSteps: ReadonlySet<string> = new Set(["namespaces", "mount", "landlock", "seccomp"]);

interface Subject {
  readonly boxSubject: BoxSubject;
  readonly command: BoxLaunch;
  readonly environment: BoxEnvironment;
}

async function subjectOf(
  options: LaunchOptions,
  around: Surroundings,
  credentials: LaunchCredentials | undefined,
): Promise<Subject> {
  const subject = await judgedSubject(options, around);
  const temporary = ownTemporaryFolder(subject.workspace, around.clock);
  const places = placesOf(subject, temporary, around);
  const whole = await launchEnvironment(options, around, subject);
  const environment = credentials?.censor(whole) ?? whole;
  const command = boxLaunch(options, subject, environment);
  const helpers = resolvePath(aegisPaths(around.environment).home, "cache/helper");
  const backend = await selectBackend(helpers, () => accessSources(around.clock));
  const about = { options, subject, around, backend, places, temporary };
  const rest = { path: searchPath(environment), binary: ownBinary(subject) };
  return { boxSubject: { ...about, ...rest, platform: platformName }, command, environment };
}

/** Not loaded by a command that ends soon. */
function giveMemoryBack(): void {
  import("../../bridge/trim-memory.ts").then(
    ({ trimMemory }) => trimMemory(),
    () => undefined,
  );
}

/** A manifest that is not trusted ends the launch before anything was done for it. */
async function judgedSubject(options: LaunchOptions, around: Surroundings): Promise<LaunchSubject> {
  const subject = launchSubject(options, around);
  for (const { name, text } of subject.texts.manifests) {
    await options.judgeManifest?.(resolvePath(around.directory, name), text);
  }
  return subject;
}

async function openSession(
  { options, subject, around }: BoxSubject,
  snapshot: PolicySnapshot,
  coverage: Coverage,
  joined: JoinedSession | undefined,
): Promise<SessionWriter> {
  // Never closed: that would fold the log into the database, which a later command does when it has
  // grown, and the process ends soon after the session.
  const wrapped = joined === undefined ? undefined : await seenThroughKeys(around);
  const ledger = await openForWriting(around, subject.ledger, wrapped);
  const opening = {
    name: subject.agent,
    mode: options.dryRun === undefined ? options.mode : "dry-run",
    command: options.command,
    directory: subject.workspace,
    policyHash: snapshot.hash,
    tag: options.tag,
    coverage,
  };
  const nowMs = around.clock.nowUnixMs();
  const what = `waiting for the ledger "${subject.ledger}", which another process has locked`;
  const patience = { onLongWait: () => options.tell?.(`${what}; the command waits too`) };
  if (joined !== undefined) return ledger.joinSession(joined, opening, snapshot, nowMs, patience);
  return ledger.openSession(opening, snapshot, nowMs, patience);
}

/** Not loaded where the session is its own. */
async function joinedSession({ options, around }: BoxSubject): Promise<JoinedSession | undefined> {
  if (options.joins === undefined) return undefined;
  const { sessionToJoin } = await import("./join-session.ts");
  return sessionToJoin(options.joins, around);
}

function limitsFor({ options, subject }: BoxSubject, { sources }: PolicySnapshot): Limits {
  return launchLimits({
    flags: options.limits,
    configured: subject.limits,
    policies: sources,
    observeOnly: subject.observeOnly,
  });
}

async function judgeFor(subject: BoxSubject, snapshot: PolicySnapshot): Promise<Judge | undefined> {
  const { observedJudge } = await import("./observed-judge.ts");
  return observedJudge(subject, snapshot);
}

/** @throws {AegisError} `enforce/insufficient` where something would be changed for real */
async function dryRunFor(
  { options, subject, around, backend }: BoxSubject,
  box: PreparedBox,
): Promise<DryRun | undefined> {
  if (options.dryRun === undefined) return undefined;
  if (subject.observeOnly) {
    const hint = "use a configuration whose isolation is the kernel, or none";
    throw new AegisError("usage", "Cannot run dry: this configuration only records", { hint });
  }
  if (options.prompt !== undefined)
    throw new AegisError("usage", "Cannot ask in a dry run: a yes would open the file itself");
  const { openDryRun } = await import("../dry-run/dry-run.ts");
  const folder = runFolder(around);
  return openDryRun({
    choice: options.dryRun,
    wanted: backend.overlayPlaces(box),
    folder,
    clock: around.clock,
  });
}

/** Not loaded where the policy needs none. */
function gatewayFor(
  { subject, around, backend }: BoxSubject,
  { network }: PreparedBox,
  secrets: LaunchCredentials | undefined,
): SupervisedRun["openGateway"] {
  if (network === undefined) return undefined;
  return async (record, onAsked) => {
    const ask = onAsked && (await import("../ask/connection.ts")).askConnection(onAsked);
    const { openGateway } = await import("../../gateway/gateway.ts");
    const { agent } = subject;
    const { credentials = [], authorities = [] } = secrets ?? {};
    const { clock } = around;
    const base = { capabilities: network, agent, clock, record, credentials, authorities };
    const { startMove } = backend;
    return openGateway({ ...base, ...(ask && { ask }), ...(startMove && { startMove }) });
  };
}

/** Not loaded where there are none. */
async function credentialsFor(
  { credentials = [], environment }: LaunchOptions,
  around: Surroundings,
): Promise<LaunchCredentials | undefined> {
  if (credentials.length === 0) return undefined;
  const { launchCredentials } = await import("./credentials.ts");
  return launchCredentials(credentials, environment, around.environment);
}

/** Not loaded where nobody is asked. */
async function askingFor(boxSubject: BoxSubject): Promise<SupervisedRun["openAsking"]> {
  const { options, subject, around } = boxSubject;
  const { prompt } = options;
  if (prompt === undefined) return undefined;
  if (subject.observeOnly)
    throw new AegisError("usage", "Cannot ask about denials: this configuration denies nothing", {
      hint: "run without --ask",
    });
  const { createAsking } = await import("../../supervise/asking.ts");
  const { alwaysFile } = await import("../ask/always-file.ts");
  const always = alwaysFile(subject.texts, subject.agent);
  const own = ownPaths(boxSubject);
  return (note) => createAsking({ prompt, always, ownPaths: own, clock: around.clock, note });
}

function deniedLogFor({ around, subject }: BoxSubject): { log: DeniedLog; shown: ShownFile } {
  const folder = runFolder(around);
  const log = createDeniedLog(folder, subject.agent, around.clock.nowUnixMs());
  return { log, shown: { path: log.path, variable: deniedLogVariable } };
}

async function launchEnvironment(
  options: LaunchOptions,
  around: Surroundings,
  subject: LaunchSubject,
): Promise<BoxEnvironment> {
  if (subject.observeOnly && options.mode !== "learn")
    return observedEnvironment(around.environment, options.environment);
  const trace = await traceFor(options, around.environment);
  const made = boxEnvironment(trace?.parent ?? around.environment, options.environment, {
    PWD: subject.workspace,
    ...temporaryEnvironment(temporaryFolder),
    ...trace?.own,
  });
  return { ...made, removed: [...made.removed, ...(trace?.removed ?? [])].sort() };
}

/** Where the box's temporary files are is only known when there is a plan for it. */
function inFolder(
  command: BoxLaunch,
  folder = temporaryFolder,
  { options, subject }: BoxSubject,
): BoxLaunch {
  if (folder === temporaryFolder || subject.observeOnly) return command;
  const granted = new Set(options.environment.map(({ name }) => name));
  const told = Object.entries(temporaryEnvironment(folder)).filter(([name]) => !granted.has(name));
  const names = new Set(told.map(([name]) => name));
  const others = command.environment.filter(
    (entry) => !names.has(entry.slice(0, entry.indexOf("="))),
  );
  const variables = told.map(([name, value]) => `${name}=${value}`);
  return { ...command, environment: [...others, ...variables].sort() };
}

function temporaryEnvironment(folder: string): Readonly<Record<string, string>> {
  return { TMPDIR: folder, ...cacheEnvironment(folder) };
}

/** Not loaded where there is no trace and nobody to send one to. */
async function traceFor(
  { environment: grants, joins }: LaunchOptions,
  given: Surroundings["environment"],
): Promise<TraceVariables | undefined> {
  const isAbout = /^(?:TRACEPARENT|TRACESTATE|BAGGAGE|OTEL_EXPORTER_OTLP_(?:TRACES_)?ENDPOINT)$/;
  if (!Object.keys(given).some((name) => isAbout.test(name))) return undefined;
  const { traceVariables } = await import("./trace-variables.ts");
  return traceVariables(given, grants, joins?.session);
}

function boxLaunch(
  options: LaunchOptions,
  subject: LaunchSubject,
  environment: BoxEnvironment,
): BoxLaunch {
  const [command] = options.command;
  if (command === undefined) throw new AegisError("usage", "Cannot launch: no command was given");
  return {
    program: findProgram(command, searchPath(environment), subject.workspace),
    argv: options.command,
    environment: environment.variables,
    directory: subject.workspace,
    stdoutToStderr: options.json,
  };
}

function withEnvironment(
  coverage: Coverage,
  environment: BoxEnvironment,
  subject: LaunchSubject,
): Coverage {
  if (subject.observeOnly) return coverage;
  const names = environment.removed.join(" ");
  const by = names === "" ? "nothing looked like a secret" : `kept out: ${names}`;
  return withRow(coverage, { protection: "environment", level: "enforced", by, why: "" });
}

/** What is only known at the launch takes the place of what the plan said. */
function withRow(coverage: Coverage, row: CoverageRow): Coverage {
  return [...coverage.filter(({ protection }) => protection !== row.protection), row];
}
