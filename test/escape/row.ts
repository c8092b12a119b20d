// What one line of the catalogue is. The techniques themselves are in native/attack; the lines are
// in table/, one file for each few classes.

import type { Leaves } from "./left.ts";

export const classes = {
  A: "Plain file rules",
  B: "Links, renames, races",
  C: "Descriptors and /proc",
  D: "Namespaces, mounts, privilege",
  E: "Execution",
  F: "Other processes",
  G: "System calls",
  H: "Network",
  I: "Local sockets and brokers",
  J: "Terminal",
  K: "Persistence",
  L: "Secrets and resources",
} as const;

export type ClassName = keyof typeof classes;

/**
 * Words may hold placeholders: `{t}` a folder of the row's own, on forbidden ground for the attack
 * and on granted ground for its twin, with `f` (a file), `d/x`, the empty folder `e` and the link
 * `l` to `f`; `{s}` a folder in the workspace with
 * the file `own`; `{r}` a file that may only be read; `{ws}`, `{home}`, `{out}` the workspace, the
 * home and a folder outside; `{pid}` a process outside; `{tcp}`, `{udp}`, `{free}` ports of
 * loopback; `{sockets}`, `{abstract}`, `{key}` what outside.c serves; `{bin}` a folder of programs;
 * `{sys:NAME}` a call's number.
 */
export type Words = readonly string[];

export interface Row {
  /** Unique; letters, digits and dashes. */
  readonly name: string;
  readonly group: ClassName;
  /** What is tried, for a reader of the report. */
  readonly technique: string;
  readonly words: Words;
  /** Where `{t}` lies for the attack: `outside` every grant, or `denied` inside one. */
  readonly on: "outside" | "denied";
  /** Must work, so that a refusal proves something. Default: `words` on granted ground. */
  readonly twin?: Words;
  /** The twin in a container, where that itself refuses the other. */
  readonly twinInContainer?: Words;
  /**
   * The denial it leaves in the ledger where it is refused, or why none; nothing else is left. A
   * row without a twin of its own leaves the same access, allowed, on granted ground. May be
   * missing only where the row works everywhere.
   */
  readonly leaves?: Leaves;
  /** Meant to work, and why. */
  readonly wanted?: string;
  /** `wanted` holds only where the box has namespaces of its own. */
  readonly wantedOnly?: "namespaces";
  /** Works where the box has no namespaces of its own, which its coverage says. */
  readonly weaker?: string;
  /** Paths that must be afterwards as they were before, also when they were not there. */
  readonly untouched?: readonly string[];
  /** A bound on its time; default 5. */
  readonly seconds?: number;
}

/** A row for each place a technique is tried on. */
export function rows(
  group: ClassName,
  lines: readonly (Omit<Row, "group" | "on"> & { readonly on?: Row["on"] })[],
): Row[] {
  return lines.map((line) => ({ on: "outside", ...line, group }));
}
