// What the native helper reports, as data. decode-frames.ts reads the bytes; the layout is in
// native/README.md.

import type { PathAction, Protocol } from "../model/capability.ts";
import type { LimitHit } from "../model/limits.ts";
import type { AskAnswer } from "./ask-channel.ts";

export type Frame =
  | StartedFrame
  | AccessFrame
  | LimitFrame
  | RefusedFrame
  | ExitedFrame
  | FailedFrame;

/** The box runs: every layer of the plan is applied and the program is about to be executed. */
export interface StartedFrame {
  readonly kind: "started";
  /** Pid of the command as seen from outside. */
  readonly pid: number;
  readonly landlockAbi: number;
}

/** Stands for a rule in a denial that follows from a file's having several names. */
export const severalNamesRule = 0xfffffffe;

/** The same for a socket of a kind that no policy grants. */
export const noSocketRule = 0xfffffffd;

/** The same for a ping by name where sockets are made by the helper. */
export const noPingRule = 0xfffffffc;

/** The same for a file that would give whoever runs it the rights of its owner. */
export const setIdRule = 0xfffffffb;

/** One notified call, after it was judged. */
export interface AccessFrame {
  readonly kind: "access";
  readonly tsUnixMs: number;
  /** Thread id of the caller as seen by the helper. */
  readonly pid: number;
  readonly action: PathAction | "NetConnect" | "NetBind";
  readonly allowed: boolean;
  /** Index into `NativePlan.rules`, or one of the numbers above; undefined when none matched. */
  readonly rule: number | undefined;
  /** A person decided, not a rule. */
  readonly asked?: AskAnswer;
  /** Linux call number (of the box's architecture) and its flags argument, 0 when it has none. */
  readonly syscall: number;
  readonly flags: number;
  /**
   * Resolved path; for sockets the address text (`127.0.0.1`, `::1`, `/run/x.sock`, `@abstract`).
   */
  readonly path: string;
  /** As the caller gave it, when different from `path`. */
  readonly requested: string | undefined;
  readonly exe: string;
  readonly port: number | undefined;
  /** Of an internet socket, where it could be looked at. */
  readonly protocol?: Protocol;
  /** Hex; of the program to be run, when asked for and to be had. */
  readonly sha256?: string;
}

/** The box came to one of its limits. */
export interface LimitFrame extends LimitHit {
  readonly kind: "limit";
}

/** A call the filter does not let any box make. */
export interface RefusedFrame {
  readonly kind: "refused";
  readonly tsUnixMs: number;
  /** Thread id of the caller as seen by the helper. */
  readonly pid: number;
  readonly exe: string;
  /** Linux call number of the box's architecture. */
  readonly syscall: number;
  readonly arguments: readonly [first: bigint, second: bigint];
}

export interface ExitedFrame {
  readonly kind: "exited";
  /** As a shell reports it: exit status, or 128 + signal. */
  readonly status: number;
  readonly signal: number | undefined;
  readonly userMs: number;
  readonly systemMs: number;
  readonly maxRssBytes: number;
}

/**
 * The box never ran: the step that failed, errno and a sentence. The helper has already exited
 * non-zero.
 */
export interface FailedFrame {
  readonly kind: "failed";
  /** Name of the step, e.g. "namespaces", "mount", "landlock", "seccomp", "exec". */
  readonly step: string;
  readonly errno: number;
  readonly message: string;
}
