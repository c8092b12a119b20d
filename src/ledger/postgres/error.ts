// What PostgreSQL's errors and lost connections mean for a ledger. Messages name the place without
// its password; what the server says of a row's content is left out.

import { AegisError } from "../../base/errors.ts";

const hints: readonly (readonly [code: RegExp, hint: string])[] = [
  [/^(28|ERR_POSTGRES_(AUTH|SASL|UNSUPPORTED_AUTH))/, "check the user and the password"],
  [/^3D000$/, "make the database first, for instance with createdb"],
  [/^42501$/, "docs/postgresql.md has the privileges that are needed"],
  [/^53100$/, "the database's disk is full"],
  [/^53300$/, "raise max_connections of the database"],
  [/^(55P03|57014)$/, "other servers are writing to it; try again"],
  [/^25006$/, "this is a replica; name the primary"],
  [/^57P03$/, "the database is starting; try again"],
  [/^ERR_POSTGRES_TLS_NOT_AVAILABLE$/, "the server has no TLS; set it up there"],
  [/^(ERR_POSTGRES_(CONNECTION|IDLE|LIFETIME)|08|57P0|LATE)/, "is the database up and reachable?"],
];

/** @param action e.g. `append to the ledger` */
export function unavailable(action: string, place: string, error: unknown): AegisError {
  if (error instanceof AegisError) return error;
  const code = codeOf(error);
  const hint = hints.find(([pattern]) => pattern.test(code))?.[1];
  const detail = error instanceof Error ? error.message : String(error);
  return new AegisError("ledger/unavailable", `Cannot ${action} "${place}": ${detail}`, {
    hint,
    cause: error,
  });
}

export function outcomeUnknown(place: string, error: unknown): AegisError {
  const { message } = unavailable("append to the ledger", place, error);
  return new AegisError("ledger/unavailable", `${message}; whether it was stored is not known`, {
    hint: "send it again with the same seq or Idempotency-Key: it is stored once",
    cause: error,
  });
}

export function contradicts(place: string, cause: unknown): AegisError {
  const message = `Cannot append to the ledger "${place}": its rows contradict each other`;
  return new AegisError("ledger/tampered", message, { hint: "run `aegis audit verify`", cause });
}

/** Raised here: the database did not answer in time. */
export class LateError extends Error {
  readonly code = "LATE";
  constructor() {
    super("the database does not answer");
  }
}

/** The server undid the transaction for the sake of another one: it may be run again. */
export function isUndone(error: unknown): boolean {
  return /^(40001|40P01)$/.test(codeOf(error));
}

/** The connection is gone, and with it what it was doing; a new one may work. */
export function isLost(error: unknown): boolean {
  return /^(ERR_POSTGRES_(CONNECTION_CLOSED|IDLE_TIMEOUT|LIFETIME_TIMEOUT)|57P0[125]|08...|40003)$/.test(
    codeOf(error),
  );
}

export function isLate(error: unknown): boolean {
  return error instanceof LateError;
}

/** A key or a guard refused a row that is fine by the ledger's own account. */
export function isConstraint(error: unknown): boolean {
  return /^(23...|P0001)$/.test(codeOf(error));
}

/** Somebody makes the same tables at the same time. */
export function isAlreadyMade(error: unknown): boolean {
  return /^(23505|42P07|42710|42723|40001|40P01)$/.test(codeOf(error));
}

/** What a server has no better word for: a race about its own tables, or what Citus does not do. */
export function isUnnamed(error: unknown): boolean {
  return codeOf(error) === "XX000";
}

export function isNoTable(error: unknown): boolean {
  return codeOf(error) === "42P01";
}

/** SQLSTATE where the server spoke, Bun's name of the failure otherwise. */
function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return "";
  const errno = "errno" in error ? error.errno : undefined;
  const code = "code" in error ? error.code : undefined;
  if (typeof errno === "string" && errno !== "") return errno;
  return typeof code === "string" ? code : "";
}
