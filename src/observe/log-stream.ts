// Denials of one launch from the unified log, while it runs: `/usr/bin/log stream` filtered on the
// tag of the launch. macOS folds repeated reports and reports only denials, so this is a record of
// refusals, not of accesses.

import type { Clock } from "../base/clock.ts";
import { AegisError } from "../base/errors.ts";
import type { ObservedAccess, RecordObserved } from "./access.ts";
import { type DenialReason, denialAccess, parseDenial } from "./denial.ts";

export interface LogStreamMachine {
  /** Absolute: `/usr/bin/log`. */
  readonly logProgram: string;
  readonly clock: Clock;
}

export interface LaunchTag {
  /** Letters and digits. */
  readonly tag: string;
  readonly denials: readonly DenialReason[];
}

export interface OpenLogStream {
  /**
   * Resolves when what the log had until now was recorded.
   * @throws {AegisError} `enforce/unsupported` when the log ended before: denials may be missing
   */
  close(): Promise<void>;
}

/** How long the log may take to say that it listens; it says so in its first line. */
const startMaxMs = 2_000;
/**
 * The kernel hands reports to the log a little late: the log counts as read after this long without
 * a line.
 */
const quietMs = 100;
const quietMaxMs = 1_000;
const banner = "Filtering the log data";
/** An unfinished line longer than this is no report. */
const pendingMaxChars = 1 << 18;

/** For the backend's list of sources. */
export function logStreamSource(machine: LogStreamMachine) {
  return {
    open: (watch: LaunchTag, record: RecordObserved) => openLogStream(machine, watch, record),
  };
}

/** @throws {AegisError} `enforce/unsupported` when the log cannot be followed */
export async function openLogStream(
  machine: LogStreamMachine,
  { tag, denials }: LaunchTag,
  record: RecordObserved,
): Promise<OpenLogStream> {
  const child = startLog(machine.logProgram, tag);
  const activity = new Activity(machine.clock);
  const lines = new Lines();
  const deliver = async (text: string): Promise<void> => {
    activity.touch();
    const accesses: ObservedAccess[] = [];
    for (const line of lines.push(text)) {
      if (line.startsWith(banner)) activity.listening();
      const denial = parseDenial(line, tag);
      const access = denial && denialAccess(denial, denials);
      if (access !== undefined) accesses.push(access);
    }
    if (accesses.length > 0) await record(accesses);
  };
  const reading = readAll(child.stdout, deliver);
  const talk = readAll(child.stderr, async (text) => {
    if (text.includes(banner)) activity.listening();
  });
  reading.catch(() => {
    // ignored: close() awaits the same promise and throws; without a reader the log has no use
    child.kill("SIGTERM");
  });
  await Promise.race([activity.isListening, child.exited, Bun.sleep(startMaxMs)]);
  if (child.exitCode !== null) throw endedEarly(`it ended with status ${child.exitCode}`);
  return {
    async close() {
      await activity.isQuiet();
      const endedBefore = child.exitCode !== null || child.signalCode !== null;
      child.kill("SIGTERM");
      await Promise.all([reading, talk, child.exited]);
      if (endedBefore) throw endedEarly("it ended before the command, so denials may be missing");
    },
  };
}

function startLog(logProgram: string, tag: string) {
  if (!/^[A-Za-z0-9]+$/.test(tag)) throw new Error(`broken invariant: tag ${tag}`);
  // The kernel extension writes the reports, sandboxd some of them on older releases: nobody else
  // may imitate one.
  const sender =
    '((processID == 0 AND senderImagePath CONTAINS "/Sandbox") OR process == "sandboxd" ' +
    'OR subsystem == "com.apple.sandbox.reporting")';
  const predicate = `${sender} AND eventMessage CONTAINS ".${tag}"`;
  try {
    return Bun.spawn([logProgram, "stream", "--style", "ndjson", "--predicate", predicate], {
      cwd: "/",
      env: {},
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
  } catch (cause) {
    throw new AegisError("enforce/unsupported", `Cannot start "${logProgram}": it does not run`, {
      hint: "run with --audit off to go without a record of denials",
      cause,
    });
  }
}

function endedEarly(why: string): AegisError {
  return new AegisError("enforce/unsupported", `Cannot follow the system's log: ${why}`, {
    hint: "run with --audit off to go without a record of denials",
  });
}

/**
 * Waits for each piece to be taken before the next is read: a slow ledger slows the log down,
 * nothing is lost.
 */
async function readAll(
  stream: ReadableStream<Uint8Array>,
  take: (text: string) => Promise<void>,
): Promise<void> {
  const decoder = new TextDecoder();
  for await (const chunk of stream) await take(decoder.decode(chunk, { stream: true }));
}

class Lines {
  #pending = "";

  /** The lines that `text` completes. */
  push(text: string): string[] {
    const lines = (this.#pending + text).split("\n");
    const rest = lines.pop() ?? "";
    this.#pending = rest.length > pendingMaxChars ? "" : rest;
    return lines;
  }
}

class Activity {
  readonly #clock: Clock;
  #lastMs: number;
  readonly #listening = Promise.withResolvers<void>();

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#lastMs = clock.monotonicMs();
  }

  touch(): void {
    this.#lastMs = this.#clock.monotonicMs();
  }

  listening(): void {
    this.#listening.resolve();
  }

  get isListening(): Promise<void> {
    return this.#listening.promise;
  }

  /** Resolves after a while without a line, at the latest after `quietMaxMs`. */
  async isQuiet(): Promise<void> {
    const startMs = this.#clock.monotonicMs();
    for (;;) {
      const nowMs = this.#clock.monotonicMs();
      // The command has just ended: its last reports may not even be on their way yet.
      const quietUntilMs = Math.max(this.#lastMs, startMs) + quietMs;
      if (nowMs >= quietUntilMs || nowMs - startMs >= quietMaxMs) return;
      await Bun.sleep(quietUntilMs - nowMs);
    }
  }
}
