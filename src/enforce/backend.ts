// What every platform's enforcement offers. app/ picks one through select.ts and never asks which
// it got.

import type { AbsPath } from "../base/paths.ts";
import type { AskedDeed } from "../bridge/ask-channel.ts";
import type { Action, Capabilities, PathAction, Protocol } from "../model/capability.ts";
import type { Coverage, CoverageRow } from "../model/coverage.ts";
import type { AccessPayload, RefusedPayload } from "../model/event.ts";
import type { LimitHit, LimitPlan, Limits } from "../model/limits.ts";
import type { MountSight } from "../policy/mount-sight.ts";

/** What a box may do; everything a plan depends on apart from the disk itself. */
export interface BoxRequest {
  readonly capabilities: Capabilities;
  /** Cedar principal. */
  readonly agent: string;
  /** Canonical directories the policy was compiled against. */
  readonly workspace: string;
  readonly home: string;
  readonly audit: AuditLevel;
  /** Paths no policy can open for writing: aegis' own state and binary. */
  readonly ownPaths: readonly string[];
  /** Go on with less protection than the policy asks for; coverage then says what was lost. */
  readonly allowWeaker: boolean;
  /** `wrap`: record everything, confine nothing. */
  readonly observeOnly: boolean;
  /** While nothing is confined: record also what fails by itself. Absent: no. */
  readonly recordFailed?: boolean;
  /** Rows of programs have the SHA-256 of the file. Absent: no. */
  readonly hashPrograms?: boolean;
  /** A standard stream is something whose modes and attributes the user may change. Absent: no. */
  readonly inheritsFiles?: boolean;
  /** Where the files lie that launches in this box show to it; absent: none does. */
  readonly shownFolder?: string;
  /** Launches will ask about opens that no rule is about; absent: they are denied. */
  readonly asks?: boolean;
  /**
   * What the capabilities take for the folder for temporary files. A backend that gives boxes a
   * private one moves them there. Absent: they speak of none.
   */
  readonly temporary?: OwnFolder;
}

/** A folder that no other user can reach. */
export interface OwnFolder {
  /** Canonical; need not exist. */
  readonly path: AbsPath;
  /** Makes it, or makes sure of it. @throws {AegisError} when it is not this user's alone */
  make(): void;
}

/** One command to run in a prepared box; already resolved by the caller. */
export interface BoxLaunch {
  /** Absolute path, found in the box's PATH. */
  readonly program: string;
  readonly argv: readonly string[];
  /** The whole environment, `NAME=value`. */
  readonly environment: readonly string[];
  readonly directory: string;
  /**
   * The command's standard output goes where its standard error goes: `--json` owns standard
   * output.
   */
  readonly stdoutToStderr: boolean;
  /** From the same backend's `holdLimits`; absent: none. */
  readonly limits?: HeldLimits;
  /** Called when the box comes to a limit, once for each. */
  readonly onLimit?: (hit: LimitHit) => void;
  /** The promise it may return is back-pressure, as for accesses. */
  readonly onRefused?: (refusals: readonly BoxRefusal[]) => void | Promise<void>;
  /** Absent: nothing is shown. */
  readonly shown?: ShownFile;
  /** Absent where the box needs none. */
  readonly gateway?: BoxGateway;
  /** Who is asked, in a box that was prepared to ask. */
  readonly onAsked?: AskHandler;
  /** One for each of the backend's `overlayPlaces`; absent: what is changed is changed. */
  readonly overlays?: readonly BoxOverlay[];
}

/** Where one launch keeps what its box changes in a place of the host. */
export interface BoxOverlay {
  readonly place: string;
  /** Two empty folders of this launch alone, in the same file system. */
  readonly upper: string;
  readonly work: string;
}

/** What a dry run keeps apart. */
export interface OverlayPlaces {
  /** Every folder of the host the box may change something in. */
  readonly places: readonly string[];
  /** Paths in them that the box may not change. */
  readonly covers: readonly string[];
}

/** An access that no rule is about. */
export interface Question {
  /** Of files, or NetConnect. Not empty. */
  readonly actions: readonly (PathAction | Extract<Action, "NetConnect">)[];
  /** Links resolved; of a connection what it is to, as flags name it. */
  readonly path: string;
  /** Absent: it is about a file. */
  readonly connection?: AskedPeer;
  /** What is done to a file; absent: something is connected to. */
  readonly deed?: AskedDeed;
  /** The other path of a move or link, or what a symbolic link says; "" for other deeds. */
  readonly other?: string;
  /** The path has bytes that are no text: another path could look the same. */
  readonly isGarbled: boolean;
  /** Process id as seen inside the box. */
  readonly pid: number;
  readonly exe: string;
}

export interface AskedPeer {
  /** A name, or the canonical text of an address. */
  readonly host: string;
  /** 0 for what knows no ports. */
  readonly port: number;
  readonly protocol: Protocol;
  /** Of the address: the name it was found for. */
  readonly name: string | undefined;
  /** Of an address that is not public: what it is, in words. */
  readonly kind: string | undefined;
}

/** `unasked`: no, without asking; `folder`: yes, for the session and everything in the folder. */
export type Answer = "no" | "once" | "session" | "always" | "folder" | "unasked";

/** Must not throw. `signal`: nobody waits for the answer any more. */
export type AskHandler = (question: Question, signal: AbortSignal) => Promise<Answer>;

/** Where the connections of a box go that are judged by name. */
export interface BoxGateway {
  /** TCP port of this machine's loopback. */
  readonly port: number;
  /** UDP port of this machine's loopback, for names. */
  readonly resolverPort: number;
  /** What the box's own part proves itself by; 32 bytes. */
  readonly token: Uint8Array;
}

/**
 * A file, below the request's `shownFolder`, that this one launch may read and never change. Where
 * the platform cannot show it, or a rule forbids reading it, the command is not told of it.
 */
export interface ShownFile {
  /** Canonical; exists. */
  readonly path: string;
  /** Environment variable that holds the path. */
  readonly variable: string;
}

/** Limits and what will hold them; to be released when the box has ended. */
export interface HeldLimits {
  readonly row: CoverageRow;
  readonly plan: LimitPlan;
  /** Gives back what was made to hold them. */
  release(): void;
}

/**
 * `full`: every access; `writes`: denials, changes, exec and network; `off`: only what the
 * supervisor has to judge anyway.
 */
export type AuditLevel = "full" | "writes" | "off";

/**
 * What the disk looked like while a plan was made. A cached plan is stale as soon as one fact
 * differs.
 */
export interface PathFact {
  readonly path: string;
  readonly kind: "absent" | "file" | "directory" | "other";
  /** Links resolved; equal to `path` for most, "" when absent. */
  readonly realPath: string;
  /** Of a file: whether it has other names. Absent: that does not matter. */
  readonly names?: "one" | "several";
  /** Of a directory: all it holds, by name and kind. Absent: that does not matter. */
  readonly entries?: readonly string[];
}

/** A plan without the command, ready to be launched many times or kept in the plan cache. */
export interface PreparedBox {
  readonly coverage: Coverage;
  /**
   * Self-contained serialised form; the backend that made it accepts it in `launch`, also in a
   * later process.
   */
  readonly bytes: Uint8Array;
  readonly facts: readonly PathFact[];
  /**
   * Where programs are to keep temporary files, as they see it; the request's own folder has to be
   * there. Undefined: nowhere in particular.
   */
  readonly temporary: string | undefined;
  /** What the machine lacked when the box was prepared; absent: nothing a plan could use. */
  readonly lacking?: string;
  /**
   * What a gateway judges this box's connections by; a launch then has to name one. Undefined: the
   * box needs none.
   */
  readonly network: Capabilities | undefined;
  /** What it depends on of the table of mounts; whoever keeps it says. */
  readonly mounts?: MountSight | undefined;
}

export interface BoxExit {
  /** As a shell reports it; 125 when the box could not be built, then `failure` says why. */
  readonly status: number;
  readonly signal: number | undefined;
  readonly failure: BoxFailure | undefined;
}

/** Why the command never ran. */
export interface BoxFailure {
  /** Step of the launch that failed, e.g. "namespaces", "landlock", "seccomp", "exec". */
  readonly step: string;
  readonly message: string;
  readonly hint: string | undefined;
}

/** One judged access in the order it happened; `tsUnixMs` is when. */
export interface BoxAccess {
  readonly tsUnixMs: number;
  readonly payload: AccessPayload;
}

/** A system call that no box may make. */
export interface BoxRefusal {
  readonly tsUnixMs: number;
  readonly refused: RefusedPayload;
}

/** What somebody may tell a command through aegis. */
export type PassedSignal = "SIGTERM" | "SIGHUP" | "SIGINT" | "SIGQUIT" | "SIGUSR1" | "SIGUSR2";

export interface RunningBox {
  readonly exited: Promise<BoxExit>;
  /** Passes a signal on to the command. */
  kill(signal: PassedSignal | "SIGKILL"): void;
}

/** Bytes that the kernel moves from one socket to another. */
export interface RunningMove {
  /**
   * Never broken. `source`, `sink`: that one failed with `errno`; `lost`: nobody knows how far it
   * got.
   */
  readonly ended: Promise<{
    readonly end: "end" | "stopped" | "source" | "sink" | "lost";
    readonly bytes: number;
    readonly errno: number;
  }>;
  stop(): void;
}

export interface Backend {
  /**
   * Moves what one descriptor receives into another until its end; undefined when it cannot.
   * Absent: the platform has nothing for it.
   */
  startMove?(source: number, sink: number): RunningMove | undefined;
  /**
   * Chooses and makes what will hold the limits of one launch of `box`.
   * @throws {AegisError} `enforce/insufficient` when one that was asked for cannot be held at all
   */
  holdLimits(box: PreparedBox, limits: Limits): HeldLimits;
  /**
   * What a launch of `box` with `overlays` has to keep apart.
   * @throws {AegisError} `enforce/insufficient` when something could be changed for real all the
   * same
   */
  overlayPlaces(box: PreparedBox): OverlayPlaces;
  /**
   * False when `box` was prepared without something that can be had here and now: another launch
   * of the same machine may have been allowed less, in a container for instance.
   */
  isCurrent(box: PreparedBox): Promise<boolean>;
  /**
   * Compiles capabilities for this kernel. While a request is still being made, the machine is
   * asked what it offers.
   * @throws {AegisError} `policy/inexpressible` naming every clause the kernel cannot hold,
   * `enforce/insufficient` when the kernel lacks a protection the policy needs and `allowWeaker` is
   * false, or when it cannot ask and was asked to.
   */
  prepare(request: BoxRequest | Promise<BoxRequest>): Promise<PreparedBox>;
  /**
   * Builds the box at once and runs the command when `start` is kept; when that is broken, nothing
   * runs. `record` gets every access in batches, before `exited` resolves; while a promise it
   * returned is pending no further batch is delivered, and the box slows down instead of losing
   * events.
   */
  launch(
    box: PreparedBox,
    launch: BoxLaunch,
    record: (accesses: readonly BoxAccess[]) => void | Promise<void>,
    start?: Promise<unknown>,
  ): Promise<RunningBox>;
}
