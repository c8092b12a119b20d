// The plan one launch of the native helper executes, as data. All meaning is decided here in
// TypeScript; the helper only carries it out. encode-plan.ts writes it, native/common/plan.c is the
// only reader; both follow native/README.md.

import type { Atom, PathAction } from "../model/capability.ts";
import type { LimitPlan } from "../model/limits.ts";

export interface NativePlan {
  /**
   * Namespaces to create; `user` is what lets a plain user have the others. Root creates them
   * without `user`.
   */
  readonly namespaces: {
    readonly user: boolean;
    readonly mount: boolean;
    readonly pid: boolean;
    readonly net: boolean;
    readonly ipc: boolean;
  };
  /**
   * Executed in order in the box's own mount namespace, before Landlock. Empty without
   * `namespaces.mount`.
   */
  readonly mounts: readonly MountStep[];
  readonly landlock: LandlockPlan | undefined;
  /** `struct sock_filter[]`, little endian, 8 bytes an instruction; undefined: no filter. */
  readonly seccomp: Uint8Array | undefined;
  readonly notify: NotifyPlan | undefined;
  /**
   * What the supervisor judges notified calls by, same order and meaning as the capabilities they
   * come from.
   */
  readonly rules: readonly JudgeRule[];
  readonly rlimits: readonly {
    readonly resource: number;
    readonly soft: bigint;
    readonly hard: bigint;
  }[];
  readonly umask: number | undefined;
  readonly directory: string;
  /** Absolute path of the program; `argv[0]` may differ. */
  readonly program: string;
  readonly argv: readonly string[];
  /** The whole environment of the box, `NAME=value`. */
  readonly environment: readonly string[];
  /** Absent: connections are made as the rules say, by address. Needs `brokerSocket`. */
  readonly gateway?: GatewayPlan;
  /** Absent: none. */
  readonly limits?: LimitPlan;
  /** What no rule is about is asked for. Needs `brokerOpen`. */
  readonly asks?: boolean;
}

/**
 * - `read-only-root`: every mount becomes read-only, recursively (mount_setattr).
 * - `writable`: a clone of `path` taken before `read-only-root`, attached again read-write.
 * - `read-only`: bind `path` over itself read-only (protected names that exist).
 * - `mask-directory`/`mask-file`: an empty, inaccessible, read-only directory or file over `path`.
 * - `tmpfs`: a fresh one at `path`; `proc`: a fresh /proc of the box's pid namespace.
 * - `show`: `path` as the host has it, cloned before `read-only-root`, attached again read-only,
 *   also where a fresh tmpfs covers it.
 * - `names`: over `path`, a resolv.conf that leads to the box's own loopback.
 * A missing path is fatal unless `optional`.
 */
export type MountStep =
  | { readonly kind: "read-only-root" }
  | {
      readonly kind: "writable" | "read-only" | "mask-directory" | "mask-file" | "show" | "names";
      readonly path: string;
      readonly optional: boolean;
    }
  | {
      readonly kind: "tmpfs";
      readonly path: string;
      readonly mode: number;
      readonly sizeBytes: bigint;
    }
  | { readonly kind: "proc" };

export interface LandlockPlan {
  /** LANDLOCK_ACCESS_FS_*, LANDLOCK_ACCESS_NET_* and LANDLOCK_SCOPE_* bits the ruleset handles. */
  readonly handledFs: bigint;
  readonly handledNet: bigint;
  readonly scoped: bigint;
  /**
   * `access` is cut to the rights a file can have when the path is no directory. Missing and
   * `optional`: skipped.
   */
  readonly paths: readonly {
    readonly path: string;
    readonly access: bigint;
    readonly optional: boolean;
  }[];
  readonly ports: readonly { readonly port: number; readonly access: bigint }[];
}

export interface MadeSockets {
  readonly tcp: boolean;
  readonly udp: boolean;
  /** Every other protocol of the internet. */
  readonly others: boolean;
  /** Routing netlink. */
  readonly netlink: boolean;
}

export interface NotifyPlan {
  /** Emit a frame for allowed accesses too; denials are always emitted. */
  readonly recordAllowed: boolean;
  /**
   * Calls that make, move or remove a name (open with O_CREAT, every openat2, mkdir, mknod, link,
   * symlink, rename, unlink, rmdir) are judged on the resolved parent and performed by the helper,
   * so that no second reading of the caller's memory can change the name; so are opens that write
   * and truncate, and a file with other names that may not be written is refused. Without it names
   * that do not exist yet are only checked, and a caller that rewrites the path in time can get
   * around that.
   */
  readonly brokerCreate: boolean;
  /**
   * connect, bind, listen and addressed sendto are performed on a duplicate of the caller's socket.
   */
  readonly brokerSocket: boolean;
  /**
   * Every open, and every call that changes what exists, is performed by the helper on the very
   * object that was judged: the rules alone decide, Landlock only has to be as wide as they are.
   * Needs `brokerCreate`.
   */
  readonly brokerOpen: boolean;
  /**
   * Every message is sent by the helper, whatever it is sent on: what lies in the caller's memory
   * cannot become another address.
   */
  readonly brokerMessages: boolean;
  /**
   * Emit a frame also for what was permitted and failed by itself, because there is no such file
   * for instance. Absent: no.
   */
  readonly recordFailed?: boolean;
  /**
   * Whoever makes a notified call must run a program the rules permit, or he is ended: what
   * Landlock lets be executed beside that, loaders, opens nothing. Needs `brokerOpen`.
   */
  readonly verifyPrograms: boolean;
  /** Frames of programs have the SHA-256 of the file that was judged. Absent: no. */
  readonly hashPrograms?: boolean;
  /**
   * No descriptor can be taken out of a process: the command hands its listener over, and with
   * `brokerSocket` the helper makes the sockets, for which the filter notifies socket().
   */
  readonly makesSockets?: boolean;
  /** Which internet sockets it makes then; any other is refused. Absent: none. */
  readonly makes?: MadeSockets;
  /** What the filter refuses is notified, to be told of and refused. Absent: no. */
  readonly tellsRefused?: boolean;
  /**
   * Whatever gives a thread another umask is notified, so that the helper need not ask for each
   * file that it makes. Absent: no.
   */
  readonly tellsUmasks?: boolean;
  /** The same with current directories, for every path that starts there. Absent: no. */
  readonly tellsFolders?: boolean;
  /**
   * Every call that changes what exists, by name or by descriptor, is performed by the helper on
   * the very object that was judged. Absent: only with `brokerOpen`.
   */
  readonly brokerChange?: boolean;
}

/** Where connections by name go; made anew for each launch. */
export interface GatewayPlan {
  /** Of the host's loopback. */
  readonly port: number;
  readonly resolverPort: number;
  /** What the helper proves itself by, 32 bytes. */
  readonly token: Uint8Array;
}

/**
 * One capability in the form the helper judges: a conjunction of atoms over path, host and port.
 */
export interface JudgeRule {
  /**
   * `permit-inside` permits only what stays in the box's own network namespace; `permit-failing`
   * only what fails by itself, for a name that was not there to be granted.
   */
  readonly effect: "permit" | "permit-inside" | "permit-failing" | "forbid";
  readonly actions: readonly (PathAction | "NetConnect" | "NetBind")[];
  readonly where: readonly Atom[];
}
