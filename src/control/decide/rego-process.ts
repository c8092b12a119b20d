// A tool policy of somebody's own, asked in a process of its own: one question at a time, each with
// a deadline. What takes longer is killed and denied, and a new process takes its place.

import { AegisError } from "../../base/errors.ts";
import { regoDeadlineMs, regoQueueMax, regoWaitMs } from "../../base/limits.ts";
import type { PolicyBundle } from "./bundle.ts";
import type { DecideInput, ToolDecision } from "./decision.ts";
import { failed } from "./rego.ts";
import type { RegoAnswer, RegoLoad, RegoLoaded, RegoQuestion } from "./rego-child.ts";

export interface RegoProcess {
  /** Never rejects: what fails, takes too long or makes no sense is a denial. */
  evaluate(input: DecideInput): Promise<ToolDecision>;
  /** Answers what waits, then ends the process. */
  stop(): Promise<void>;
}

/** How a program that runs `runRegoChild` is started. */
export interface RegoProgram {
  readonly cmd: readonly string[];
  readonly argv0: string;
}

interface Child {
  ask(question: RegoQuestion): void;
  kill(): void;
}

interface Waiting {
  readonly input: DecideInput;
  readonly answer: (decision: ToolDecision) => void;
  /** Runs until it is asked. */
  readonly timer: ReturnType<typeof setTimeout>;
}

/** On a busy machine: elsewhere it takes a fraction of a second. */
const startTimeoutMs = 30_000;
const restartDelayMs = 1000;

/** @throws {AegisError} `policy/invalid` when it is no policy, or answers nothing in time */
export async function startRego(bundle: PolicyBundle, program: RegoProgram): Promise<RegoProcess> {
  const { wasm, data, entry } = bundle;
  const questions = new Questions({ wasm: wasm.toBase64(), data, entry }, program);
  await questions.open();
  await requireAnswer(questions);
  return questions;
}

/** Owns the process that is asked, and those who wait for its answers. */
class Questions implements RegoProcess {
  readonly #load: RegoLoad;
  readonly #program: RegoProgram;
  readonly #queue: Waiting[] = [];
  #child: Child | undefined;
  #asked: { readonly id: number; readonly waiting: Waiting } | undefined;
  #deadline: ReturnType<typeof setTimeout> | undefined;
  #lastId = 0;
  #isStopping = false;

  constructor(load: RegoLoad, program: RegoProgram) {
    this.#load = load;
    this.#program = program;
  }

  /** @throws {AegisError} `policy/invalid` */
  async open(): Promise<void> {
    this.#child = await startChild(
      this.#load,
      this.#program,
      (answer) => this.#answered(answer),
      () => this.#ended(),
    );
    if (this.#isStopping) this.#child.kill();
    else this.#next();
  }

  evaluate(input: DecideInput): Promise<ToolDecision> {
    if (this.#isStopping || this.#queue.length >= regoQueueMax) return Promise.resolve(failed);
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#queue.splice(this.#queue.indexOf(waiting), 1);
        resolve(failed);
      }, regoWaitMs);
      const waiting: Waiting = { input, answer: resolve, timer };
      this.#queue.push(waiting);
      this.#next();
    });
  }

  async stop(): Promise<void> {
    const last = this.#child === undefined ? undefined : this.evaluate(probe);
    this.#isStopping = true;
    await last;
    this.#child?.kill();
  }

  #answered({ id, decision }: RegoAnswer): void {
    if (this.#asked?.id !== id) return;
    clearTimeout(this.#deadline);
    const { waiting } = this.#asked;
    this.#asked = undefined;
    waiting.answer(decision);
    this.#next();
  }

  #ended(): void {
    this.#child = undefined;
    clearTimeout(this.#deadline);
    this.#asked?.waiting.answer(failed);
    this.#asked = undefined;
    if (!this.#isStopping) this.#restart();
    for (const { answer, timer } of this.#isStopping ? this.#queue.splice(0) : []) {
      clearTimeout(timer);
      answer(failed);
    }
  }

  #restart(): void {
    this.open().catch(() => {
      // Those who wait are denied when their time is over.
      if (!this.#isStopping) setTimeout(() => this.#restart(), restartDelayMs).unref();
    });
  }

  #next(): void {
    const child = this.#child;
    if (child === undefined || this.#asked !== undefined) return;
    const waiting = this.#queue.shift();
    if (waiting === undefined) return;
    clearTimeout(waiting.timer);
    this.#lastId += 1;
    this.#asked = { id: this.#lastId, waiting };
    this.#deadline = setTimeout(() => child.kill(), regoDeadlineMs);
    child.ask({ id: this.#lastId, input: waiting.input });
  }
}

const probe: DecideInput = {
  event: { event_type: "TOOL_CALL_PROPOSED", payload: { tool_name: "read_file", args: {} } },
  snapshot: {},
  manifest: {},
};

async function requireAnswer(policy: RegoProcess): Promise<void> {
  const { reason } = await policy.evaluate(probe);
  if (reason !== failed.reason) return;
  await policy.stop();
  const why = "asked about a call it gives no decision in time";
  throw new AegisError("policy/invalid", `Cannot use the tool policy: ${why}`, {
    hint: 'a decision is {"outcome": …, "reason": …, "constraints": {…}}',
  });
}

async function startChild(
  load: RegoLoad,
  { cmd, argv0 }: RegoProgram,
  onAnswer: (answer: RegoAnswer) => void,
  onEnd: () => void,
): Promise<Child> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let isLoaded = false;
  const child = Bun.spawn([...cmd], {
    argv0,
    cwd: "/",
    env: {},
    stdio: ["ignore", "ignore", "ignore"],
    serialization: "json",
    ipc(message: RegoLoaded | RegoAnswer) {
      if ("id" in message) onAnswer(message);
      else if ("error" in message) reject(new AegisError("policy/invalid", message.error));
      else resolve();
    },
    onExit() {
      if (isLoaded) onEnd();
      else
        reject(new AegisError("policy/invalid", "Cannot load the Rego policy: it takes too long"));
    },
  });
  const timer = setTimeout(() => child.kill("SIGKILL"), startTimeoutMs);
  try {
    child.send(load);
    await promise;
    isLoaded = true;
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  } finally {
    clearTimeout(timer);
  }
  return { ask: (question) => child.send(question), kill: () => child.kill("SIGKILL") };
}
