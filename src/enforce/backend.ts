// What every platform's enforcement offers. app/ picks one through select.ts and never asks which it got.

import type { Capabilities } from "../model/capability.ts";
import type { Coverage } from "../model/coverage.ts";
import type { AccessPayload } from "../model/event.ts";

/** What to run and where; already resolved by the caller. */
export interface LaunchRequest {
  readonly capabilities: Capabilities;
  readonly agent: string;
  /** Canonical directories the policy was compiled against. */
  readonly workspace: string;
  readonly home: string;
  /** Absolute path of the program, found in the box's PATH. */
  readonly program: string;
  readonly argv: readonly string[];
  readonly environment: readonly string[];
  readonly directory: string;
  readonly audit: AuditLevel;
  /** Paths no policy can open for writing: aegis' own state and binary. */
  readonly ownPaths: readonly string[];
  readonly allowWeaker: boolean;
}

/** `full`: every access; `writes`: denials, changes, exec and network; `off`: denials the supervisor has to judge anyway. */
export type AuditLevel = "full" | "writes" | "off";

/** A plan ready to be started: opaque bytes for one kernel plus what it achieves. */
export interface PreparedBox {
  readonly coverage: Coverage;
  /** Serialised form for the plan cache; the same backend accepts it in `restore`. */
  readonly bytes: Uint8Array;
}

export interface BoxExit {
  /** As a shell reports it. */
  readonly status: number;
  readonly signal: number | undefined;
}

/** One judged access in the order it happened; `tsUnixMs` is when. */
export interface BoxAccess {
  readonly tsUnixMs: number;
  readonly payload: AccessPayload;
}
