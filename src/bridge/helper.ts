// Starts the native helper that is part of this program, from memory that nobody else can write;
// never by a name looked up in PATH or the working directory. Frames are handed on in batches, and
// their reader's pace is the box's pace.

import { writeSync } from "node:fs";
import { AegisError } from "../base/errors.ts";
import { type AskAnswer, type AskedAccess, createAskDecoder, encodeAnswer } from "./ask-channel.ts";
import { createFrameDecoder } from "./decode-frames.ts";
import type { ExitedFrame, FailedFrame, Frame } from "./frame.ts";
import { createMemfd, createProgram, type Libc, moveAside, openLibc } from "./libc.ts";

/** The helper ready to be started; it stays so for the life of this process. */
export interface Helper {
  readonly libc: Libc;
  /** `/proc/self/fd/N` of a descriptor held open. */
  readonly path: string;
}

export interface HelperLaunch {
  /** Descriptor the command's standard output goes to; absent: this process's own. */
  readonly stdout?: number;
  /** From `encodePlan`. */
  readonly plan: Uint8Array;
  /**
   * Called for every batch in order; the next one is read when it has returned or its promise is
   * kept.
   */
  readonly onFrames: (frames: readonly Frame[]) => void | Promise<void>;
  /** Kills the box. */
  readonly signal?: AbortSignal;
  /** The box is built at once, the command runs when this is kept; broken, the box is killed. */
  readonly start?: Promise<unknown>;
  /** Asked about accesses; needs `start`, and a plan that asks. */
  readonly onAsked?: AskHandler;
}

/** Must not throw. `signal`: nobody waits for the answer any more. */
export type AskHandler = (access: AskedAccess, signal: AbortSignal) => Promise<AskAnswer>;

export interface HelperExit {
  /** As a shell reports it; 125 when the box could not be built. */
  readonly status: number;
  /** Undefined when the helper died before it could tell. */
  readonly exited: ExitedFrame | undefined;
  /** Why the command never ran, or why nobody knows how it ended. */
  readonly failed: FailedFrame | undefined;
}

export interface RunningHelper {
  readonly pid: number;
  /**
   * Kept after the last frame was handed on. Broken when `onFrames` or a frame was bad; the box is
   * dead then.
   */
  readonly exited: Promise<HelperExit>;
  /** SIGKILL ends the whole box; the others are passed on to the command. */
  kill(signal: NodeJS.Signals): void;
}

/**
 * Puts the helper where it can be executed: sealed memory, else a file in `cacheDirectory` that
 * holds the same bytes.
 * @throws {AegisError} `enforce/helper` when neither can be had, saying why
 */
export async function loadHelper(cacheDirectory: string): Promise<Helper> {
  const libc = openLibc();
  const bytes = await embeddedHelper();
  const fd = createProgram(libc, bytes);
  if (fd !== undefined) return { libc, path: `/proc/self/fd/${moveAside(libc, fd)}` };
  const { openCachedHelper } = await import("./helper-cache.ts");
  const cached = moveAside(libc, openCachedHelper(cacheDirectory, bytes));
  return { libc, path: `/proc/self/fd/${cached}` };
}

/**
 * The conditions are known when the program is built, so that one of the two becomes part of it,
 * and none where the kernel could not run it.
 */
async function embeddedHelper(): Promise<Uint8Array> {
  const file =
    process.platform !== "linux"
      ? undefined
      : process.arch === "x64"
        ? await import("../../build/aegis-helper-x86_64", { with: { type: "file" } })
        : await import("../../build/aegis-helper-aarch64", { with: { type: "file" } });
  if (file === undefined)
    throw new AegisError("enforce/unsupported", "Cannot load the native helper: it is for Linux");
  const bytes = await Bun.file(file.default).bytes();
  const isElf = bytes.length > 4 && bytes[0] === 0x7f && bytes[1] === 0x45;
  if (!isElf)
    throw new AegisError("enforce/helper", "Cannot load the native helper: it is damaged", {
      hint: "reinstall aegis",
    });
  return bytes;
}

/**
 * The program of `aegis setup --attack`, which tries what a box should stop; its source is in
 * native/attack.
 * @throws {AegisError} `enforce/unsupported` where there is none
 */
export async function attackProgram(): Promise<Uint8Array> {
  const file =
    process.platform !== "linux"
      ? undefined
      : process.arch === "x64"
        ? await import("../../build/aegis-attack-x86_64", { with: { type: "file" } })
        : await import("../../build/aegis-attack-aarch64", { with: { type: "file" } });
  if (file === undefined)
    throw new AegisError("enforce/unsupported", "Cannot attack a box: the program is for Linux");
  return Bun.file(file.default).bytes();
}

/** @throws {AegisError} `enforce/helper` when the kernel refuses to start it */
export function spawnHelper(helper: Helper, launch: HelperLaunch): RunningHelper {
  const plan = createMemfd(helper.libc, launch.plan);
  if (plan === undefined) throw cannotStart(noMemoryFile, memoryFileHint);
  const planFd = moveAside(helper.libc, plan);
  const child = startChild(helper, planFd, launch);
  launch.signal?.addEventListener("abort", () => child.kill("SIGKILL"), { once: true });
  launch.start?.then(child.open, () => child.kill("SIGKILL"));
  const { asks } = child;
  if (launch.onAsked !== undefined && asks !== undefined) {
    const line = { asks, kill: () => child.kill("SIGKILL") };
    answerQuestions(line, launch.onAsked).finally(() => helper.libc.close(asks));
  }
  const exited = follow(child, launch).finally(() => {
    child.kill("SIGKILL");
    child.close();
  });
  return { pid: child.pid, exited, kill: (signal) => child.kill(signal) };
}

interface Child {
  readonly pid: number;
  readonly exited: Promise<number>;
  readonly frames: number;
  /** Where questions come and answers go; undefined: nobody is asked. */
  readonly asks: number | undefined;
  /** Lets the command go. */
  open(): void;
  /** Gives back the descriptors of the pipes, which nothing else closes. */
  close(): void;
  kill(signal: NodeJS.Signals): void;
}

/**
 * Descriptors of `native/README.md`. The environment of the command is in the plan; the helper
 * itself has none.
 */
function startChild(
  helper: Helper,
  planFd: number,
  { stdout, start, onAsked }: HelperLaunch,
): Child {
  try {
    const child = Bun.spawn([helper.path], {
      argv0: "aegis-helper",
      env: {},
      stdio: [
        "inherit",
        stdout ?? "inherit",
        "inherit",
        planFd,
        "pipe",
        ...(start === undefined ? [] : ["pipe" as const]),
        ...(onAsked === undefined ? [] : ["pipe" as const]),
      ],
    });
    const frames = child.stdio[4];
    const gate = child.stdio[5];
    const line = child.stdio[6];
    const asks = typeof line === "number" ? line : undefined;
    if (typeof frames !== "number") throw new Error("there is no pipe for its frames");
    let isOpen = true;
    const open = () => {
      if (typeof gate !== "number" || !isOpen) return;
      try {
        writeSync(gate, "1");
      } catch (error) {
        // ignored: a helper that gave up reads no more, and its last frame says why
        if (!(error instanceof Error && "code" in error && error.code === "EPIPE")) throw error;
      }
    };
    const close = () => {
      isOpen = false;
      helper.libc.close(frames);
      if (typeof gate === "number") helper.libc.close(gate);
    };
    const { pid, exited } = child;
    return { pid, exited, frames, asks, open, close, kill: (signal) => child.kill(signal) };
  } catch (error) {
    throw cannotStart(error instanceof Error ? error.message : String(error));
  } finally {
    helper.libc.close(planFd);
  }
}

/** A line that breaks says no to everything: the helper denies what it gets no answer to. */
async function answerQuestions(
  { asks, kill }: { readonly asks: number; readonly kill: () => void },
  onAsked: AskHandler,
): Promise<void> {
  const decoder = createAskDecoder();
  const waiting = new Map<number, AbortController>();
  const take = async (access: AskedAccess): Promise<void> => {
    const controller = new AbortController();
    waiting.set(access.id, controller);
    const answer = await onAsked(access, controller.signal);
    // Withdrawn, or the box has ended and the number of the line may be another file's.
    if (waiting.delete(access.id)) writeAnswer(asks, encodeAnswer(access.id, answer));
  };
  const drop = (id: number): void => {
    const controller = waiting.get(id);
    waiting.delete(id);
    controller?.abort();
  };
  try {
    for await (const bytes of Bun.file(asks).stream()) {
      for (const message of decoder.push(bytes)) {
        if (message.kind === "withdrawn") drop(message.id);
        else take(message.access).catch(kill);
      }
    }
  } catch {
    // ignored: a helper that cannot be understood is not to be trusted with a box
    kill();
  } finally {
    for (const id of [...waiting.keys()]) drop(id);
  }
}

function writeAnswer(fd: number, bytes: Uint8Array): void {
  try {
    writeSync(fd, bytes);
  } catch (error) {
    // ignored: nobody is left to hear it, and the end of the line says so
    if (!(error instanceof Error && "code" in error && error.code === "EPIPE")) throw error;
  }
}

const noMemoryFile = "the kernel makes no memory file (memfd_create) for its plan";
const memoryFileHint =
  "allow memfd_create in the outer sandbox or container, or free memory and descriptors";

function cannotStart(why: string, hint?: string): AegisError {
  const more = hint === undefined ? {} : { hint };
  return new AegisError("enforce/helper", `Cannot start the native helper: ${why}`, more);
}

async function follow(child: Child, { onFrames }: HelperLaunch): Promise<HelperExit> {
  const decoder = createFrameDecoder();
  let exited: ExitedFrame | undefined;
  let failed: FailedFrame | undefined;
  for await (const bytes of Bun.file(child.frames).stream()) {
    const frames = decoder.push(bytes);
    for (const frame of frames) {
      if (frame.kind === "exited") exited = frame;
      else if (frame.kind === "failed") failed ??= frame;
    }
    if (frames.length > 0) await onFrames(frames);
  }
  decoder.end();
  const status = await child.exited;
  if (exited === undefined && failed === undefined) failed = diedSilently(status);
  return {
    status: exited === undefined && failed?.step === "helper" ? 125 : status,
    exited,
    failed,
  };
}

function diedSilently(status: number): FailedFrame {
  const message =
    status > 128 ? `The helper was killed by signal ${status - 128}` : `The helper gave up`;
  return { kind: "failed", step: "helper", errno: 0, message };
}
