// Flags that several commands share, so that one word means one thing everywhere.

import { AegisError } from "../base/errors.ts";

export const jsonFlag = {
  kind: "switch",
  summary: "Print JSON on stdout and nothing else",
} as const;

export const ledgerFlag = {
  kind: "text",
  value: "PATH|DSN",
  summary: "Read this ledger, a file or postgres://…, instead of a configuration's own",
} as const;

export const hostFlag = {
  kind: "list",
  value: "NAME[:PORT]",
  summary: "A name that clients call it by, behind a proxy or in a container; repeatable.",
} as const;

/** The second spelling of an optional NAME operand. */
export const configFlag = {
  kind: "text",
  value: "NAME",
  summary: "The configuration; same as NAME",
} as const;

export const nameOperand = {
  required: false,
  summary: "Configuration; default: the active one, else the one used last",
} as const;

/** The one value of an operand and the flag that is its second spelling. @throws `usage` for two */
export function eitherSpelling(
  operand: string | undefined,
  flag: string,
  value: string | undefined,
): string | undefined {
  if (operand === undefined || value === undefined || operand === value) return operand ?? value;
  throw new AegisError("usage", `Cannot use both "${operand}" and "${flag} ${value}"`, {
    hint: "give one of them",
  });
}
