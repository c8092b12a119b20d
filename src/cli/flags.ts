// Flags that several commands share, so that one word means one thing everywhere.

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
