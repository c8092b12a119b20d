// One command from launch to the closed session: launch, record, wait, close. The ledger is written
// before anything is reported; when it cannot be written the box is killed, because an unrecorded
// box is not allowed to run.

import type { Clock } from "../base/clock.ts";
import { AegisError } from "../base/errors.ts";
import type { SessionId } from "../base/ids.ts";
import type {
  AskHandler,
  Backend,
  BoxAccess,
  BoxExit,
  BoxGateway,
  BoxLaunch,
  BoxRefusal,
  PassedSignal,
  PreparedBox,
  RunningBox,
} from "../enforce/backend.ts";
import type { Checkpoint, SessionWriter } from "../ledger/contract.ts";
import type { AccessPayload, EventDraft, LimitPayload, SealedEvent } from "../model/event.ts";
import { defaultSource, type LimitHit, type Limits } from "../model/limits.ts";
import {
  accessesIn,
  createRecorder,
  type RecordedTotals,
  type Recorder,
  type Unstored,
} from "./recorder.ts";
import { leaveStartUp } from "./start-up.ts";

const settledMs = 1000;
/** A command that is still there after this long is no short one. */
const startedMs = 100;

/** Signals sent to aegis alone are passed on; those a terminal sends reach the command directly. */
export interface SignalSource {
  /**
   * Calls `pass` for every signal that the command has not got by itself until the returned
   * function is called; survives ^C and ^\ meanwhile.
   */
  listen(pass: (signal: PassedSignal) => void): () => void;
}

export interface SupervisedRun {
  readonly backend: Backend;
  readonly box: PreparedBox;
  readonly launch: BoxLaunch;
  /** Makes the gateway the box needs; undefined: it needs none. */
  readonly openGateway:
    | ((record: RecordAccesses, onAsked: AskHandler | undefined) => Promise<OpenGateway>)
    | undefined;
  /** Who asked for which, for the record; what holds them is in `launch`. */
  readonly limits: Limits;
  /** Runs while the box is built; the command waits for it. */
  readonly openSession: () => Promise<SessionWriter>;
  readonly clock: Clock;
  readonly signals: SignalSource;
  /** Where nothing is enforced, what the record says of an access; undefined: as it was judged. */
  readonly judge: ((payload: AccessPayload) => AccessPayload) | undefined;
  /** Makes who is asked about what no rule allows; undefined: nobody is. */
  readonly openAsking?: ((note: (draft: EventDraft) => void) => AskHandler) | undefined;
  /** When the box has run for a while, so that starting it is over; must not throw. */
  readonly onSettled?: (() => void) | undefined;
  /** Told of events once they are durable, while the box runs; must not throw. */
  readonly onStored: ((events: readonly SealedEvent[]) => void) | undefined;
  /**
   * When the box is gone: what more the session has to say; must not throw.
   * @param say makes durable what has to be so before anything is done
   */
  readonly onEnded?: ((exit: BoxExit, say: Say) => Promise<readonly EventDraft[]>) | undefined;
}

export type Say = (drafts: readonly EventDraft[]) => Promise<unknown>;

export type RecordAccesses = (accesses: readonly BoxAccess[]) => void | Promise<void>;

/** A gateway that lives as long as the box. */
export interface OpenGateway extends BoxGateway {
  /** `NAME=value`, how programs of the box find it. */
  readonly environment: readonly string[];
  /** Done when the last rows are recorded. */
  close(): Promise<void>;
}

export interface RunOutcome {
  readonly session: SessionId;
  readonly exit: BoxExit;
  readonly totals: RecordedTotals;
  readonly limitHits: readonly LimitHit[];
  readonly checkpoint: Checkpoint;
}

/**
 * @throws {AegisError} `ledger/unavailable` after the box was killed because its accesses could not
 * be recorded
 */
export async function superviseRun(run: SupervisedRun): Promise<RunOutcome> {
  const opened = Promise.withResolvers<Recorder>();
  // Whoever awaits it is told; here it is only kept from counting as nobody's.
  opened.promise.catch(() => undefined);
  const limitHits: LimitHit[] = [];
  const { starting, gateway } = await startBox(run, opened.promise, limitHits);
  let writer: SessionWriter;
  try {
    writer = await run.openSession();
  } catch (error) {
    opened.reject(error);
    await gateway?.close();
    throw error;
  }
  if ("failure" in starting) {
    const recorder = createRecorder(writer, () => undefined);
    opened.resolve(recorder);
    await gateway?.close();
    return closeSession({ run, writer, recorder, exit: starting, limitHits: [] });
  }
  const recorder = createRecorder(writer, () => starting.kill("SIGKILL"), run.onStored);
  const stopListening = run.signals.listen((signal) => starting.kill(signal));
  opened.resolve(recorder);
  prepareWhileItRuns(writer);
  const lasting = setTimeout(leaveStartUp, startedMs);
  const settling = setTimeout(() => run.onSettled?.(), settledMs);
  const exit = await starting.exited.catch(failedLaunch).finally(stopListening);
  for (const timer of [lasting, settling]) clearTimeout(timer);
  // Its last rows come when its connections end, which they do now.
  await gateway?.close();
  return closeSession({ run, writer, recorder, exit, limitHits });
}

/** After the command was let go. */
function prepareWhileItRuns(writer: SessionWriter): void {
  setImmediate(() => {
    writer.prepareClose().catch(() => {
      // ignored: closing meets the same and reports it
    });
  });
}

interface Start {
  readonly starting: RunningBox | BoxExit;
  /** To be closed whatever became of the box. */
  readonly gateway: OpenGateway | undefined;
}

/** The box is being built; its command waits for the recorder. */
async function startBox(
  run: SupervisedRun,
  opened: Promise<Recorder>,
  limitHits: LimitHit[],
): Promise<Start> {
  const onLimit = (hit: LimitHit) => {
    // The broker and the supervisor may have seen the same.
    if (limitHits.some(({ limit, effect }) => limit === hit.limit && effect === hit.effect)) return;
    limitHits.push(hit);
    // Whoever awaits the session is told why there is none.
    opened.then((recorder) => recorder.add(limitDraft(hit, run.limits))).catch(() => undefined);
  };
  const record = async (accesses: readonly BoxAccess[]) =>
    (await opened).record(judged(accesses, run.judge));
  let gateway: OpenGateway | undefined;
  try {
    const onAsked = run.openAsking?.((draft) => {
      // As above.
      opened.then((recorder) => recorder.add(draft)).catch(() => undefined);
    });
    gateway = await run.openGateway?.(record, onAsked);
    const onRefused = async (refusals: readonly BoxRefusal[]) => (await opened).refuse(refusals);
    const asked = { ...run.launch, onLimit, onRefused, ...(onAsked && { onAsked }) };
    const launch = gateway === undefined ? asked : throughGateway(asked, gateway);
    return { starting: await run.backend.launch(run.box, launch, record, opened), gateway };
  } catch (error) {
    return { starting: failedLaunch(error), gateway };
  }
}

/** A proxy that aegis itself was told to use is no way out of the box, so ours takes its place. */
function throughGateway(launch: BoxLaunch, gateway: OpenGateway): BoxLaunch {
  const named = new Set(gateway.environment.map(nameOfVariable));
  const others = launch.environment.filter((entry) => !named.has(nameOfVariable(entry)));
  return { ...launch, environment: [...others, ...gateway.environment], gateway };
}

function nameOfVariable(entry: string): string {
  return entry.slice(0, entry.indexOf("="));
}

function failedLaunch(error: unknown): BoxExit {
  const hint = error instanceof AegisError ? error.hint : undefined;
  const failure = { step: "launch", message: messageOf(error), hint };
  return { status: 125, signal: undefined, failure };
}

function judged(
  accesses: readonly BoxAccess[],
  judge: SupervisedRun["judge"],
): readonly BoxAccess[] {
  if (judge === undefined) return accesses;
  return accesses.map((access) => ({ ...access, payload: judge(access.payload) }));
}

interface Ending {
  readonly run: SupervisedRun;
  readonly writer: SessionWriter;
  readonly recorder: Recorder;
  readonly exit: BoxExit;
  readonly limitHits: readonly LimitHit[];
}

async function closeSession({
  run,
  writer,
  recorder,
  exit,
  limitHits,
}: Ending): Promise<RunOutcome> {
  const { totals, last, unstored } = await recorder.finish();
  if (unstored !== undefined) throw await lost(run, writer, unstored);
  const more = (await run.onEnded?.(exit, (drafts) => writer.append(drafts))) ?? [];
  const tsUnixMs = run.clock.nowUnixMs();
  let isStored = false;
  const closing = writer.close({
    last: [...last, exitDraft(run.launch, exit, tsUnixMs), ...more],
    tsUnixMs,
    exitStatus: exit.status,
    summary: { allowed: totals.allowed, denied: totals.denied },
    onStored() {
      isStored = true;
    },
  });
  const checkpoint = await closing.catch(async (cause: unknown) => {
    throw isStored ? cause : await lost(run, writer, { accesses: accessesIn(last), cause });
  });
  return { session: writer.id, exit, totals, limitHits, checkpoint };
}

/** Tells the ledger of it, where that can be written again, and makes the error that says so. */
async function lost(
  { clock }: SupervisedRun,
  writer: SessionWriter,
  { accesses, cause }: Unstored,
): Promise<AegisError> {
  const reason = messageOf(cause);
  const isTold = await tellLoss(writer, { tsUnixMs: clock.nowUnixMs(), accesses, reason });
  const where = isTold ? "which the ledger says" : "and the ledger could not be told";
  const fix = cause instanceof AegisError && cause.hint !== undefined ? `${cause.hint}; ` : "";
  return new AegisError(
    "ledger/unavailable",
    `Cannot record what the box did, so it was ended: ${reason}; ` +
      `at least ${accesses} accesses of session ${writer.id} are not stored, ${where}`,
    { hint: `${fix}the session has no end: \`aegis audit verify\` names it`, cause },
  );
}

/** How often, and how long apart: the kernel gives back the disk of a killed box bit by bit. */
const lossTriesMax = 10;
const lossTryEveryMs = 100;

async function tellLoss(
  writer: SessionWriter,
  loss: Parameters<SessionWriter["lose"]>[0],
): Promise<boolean> {
  for (let tries = 1; ; tries++) {
    try {
      await writer.lose(loss);
      return true;
    } catch {
      // ignored: what kept the events out keeps this out as well; the session has no end either way
      if (tries === lossTriesMax) return false;
    }
    await Bun.sleep(lossTryEveryMs);
  }
}

function limitDraft(hit: LimitHit, limits: Limits): EventDraft {
  const { limit, effect, value, seen, pid = 0, exe, tsUnixMs } = hit;
  const source = limits.find(({ name }) => name === limit)?.source ?? defaultSource;
  return {
    type: "LIMIT_HIT",
    tsUnixMs,
    payload: { limit, effect, value, seen, source, pid, exe } satisfies LimitPayload,
  };
}

function exitDraft({ argv, program }: BoxLaunch, exit: BoxExit, tsUnixMs: number): EventDraft {
  const { failure, status, signal } = exit;
  return {
    type: "PROCESS_EXIT",
    tsUnixMs,
    payload: {
      action: "ProcessExit",
      path: argv[0] ?? program,
      // What never ran has not ended either.
      decision: failure === undefined ? "allow" : "deny",
      rule: "",
      reason: failure === undefined ? "" : `${failure.step}: ${failure.message}`,
      exit_code: status,
      signal: signal ?? 0,
    },
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
