// The one error class of the project and the closed list of its codes.
// Expected outcomes (a verdict, a coverage gap, parser diagnostics) are values, never errors.

/**
 * Every operational failure has one of these; CLI exit codes and HTTP statuses are derived from
 * them in one place each.
 */
export type ErrorCode =
  | "usage"
  | "config/invalid"
  | "config/not-found"
  | "config/exists"
  | "policy/invalid"
  | "policy/not-found"
  | "policy/inexpressible"
  | "enforce/insufficient"
  | "enforce/helper"
  | "enforce/unsupported"
  | "launch/not-found"
  | "launch/refused"
  | "launch/incomplete"
  | "ledger/unavailable"
  | "ledger/conflict"
  | "ledger/tampered"
  | "ledger/encrypted"
  | "ledger/not-found"
  | "ledger/purged"
  | "ledger/invalid-event"
  | "canonical/invalid"
  | "json/invalid"
  | "internal";

/**
 * An operation that could not be carried out. `message` names the failed action with quoted values
 * and has no final period; `hint` is the smallest thing a person can do about it.
 */
export class AegisError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    options: { hint?: string | undefined; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "AegisError";
    this.code = code;
    this.hint = options.hint;
  }
}

/** Errors of reading and writing do not say where: the error with the name of the place in it. */
export function withPath(error: unknown, path: string): unknown {
  if (!(error instanceof Error) || !("syscall" in error) || "path" in error) return error;
  return Object.assign(error, { path });
}
