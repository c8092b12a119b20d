// What every observer in this folder hands on: an access as the ledger records it. The same shape
// as the enforcement's accesses, which this folder must not know.

import type { AccessPayload } from "../model/event.ts";

export interface ObservedAccess {
  readonly tsUnixMs: number;
  readonly payload: AccessPayload;
}

/**
 * Takes accesses in batches; while a promise it returned is pending no further batch is delivered.
 */
export type RecordObserved = (accesses: readonly ObservedAccess[]) => void | Promise<void>;
