// Where a box on macOS hears of what happened: the unified log, file system events, snapshots. The
// sources themselves live in src/observe and are handed in, so that the backend runs with any of
// them and without all.

import type { AuditLevel, BoxAccess } from "../backend.ts";
import type { DenialReason } from "./plan.ts";

/** What one launch is watched for. */
export interface Watch {
  /** Ends the message of every denial of this launch: `<number>.<tag>`. */
  readonly tag: string;
  /** What the numbers stand for. */
  readonly denials: readonly DenialReason[];
  /** Directories whose changes are recorded. */
  readonly roots: readonly string[];
  readonly audit: AuditLevel;
}

/**
 * Takes accesses in batches; while a promise it returned is pending the source holds back the next
 * one.
 */
export type RecordAccesses = (accesses: readonly BoxAccess[]) => void | Promise<void>;

export interface AccessSource {
  /**
   * Resolves when nothing that happens from now on is missed.
   * @throws {AegisError} `enforce/unsupported` when the machine does not offer it
   */
  open(watch: Watch, record: RecordAccesses): Promise<OpenSource>;
}

export interface OpenSource {
  /** Resolves when everything that happened before the call was recorded. */
  close(): Promise<void>;
}
