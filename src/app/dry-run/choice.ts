// What a person, or a flag, says about the changes of a dry run, and what became of them.

import type { Change, ChangeKind } from "./changes.ts";

export type DryRunDecision =
  | { readonly kind: "commit" | "discard" }
  /** A folder that is not there yet, absolute. */
  | { readonly kind: "keep"; readonly folder: string };

export interface DryRunChoice {
  /** Asked when the command has ended and has changed something. */
  decide(changes: readonly ChangeView[]): DryRunDecision;
}

export interface ChangeView {
  readonly kind: ChangeKind;
  readonly path: string;
  readonly type: "file" | "folder" | "link" | "other";
  /** Bytes of a file; null for anything else and where there is none. */
  readonly size_before: number | null;
  readonly size_after: number | null;
  /** Permission bits, octal; null where there is nothing. */
  readonly mode_before: string | null;
  readonly mode_after: string | null;
  /** Why it cannot be committed; null when it can. */
  readonly conflict: string | null;
}

export interface DryRunResult {
  readonly decision: "commit" | "discard" | "keep" | "none";
  readonly changes: readonly ChangeView[];
  /** Of a commit: what was left as it is. */
  readonly left: readonly { readonly path: string; readonly why: string }[];
  /** Where changes were copied to; undefined: nowhere. */
  readonly kept: string | undefined;
}

export function viewOf({ kind, place, steps, entry, before, conflict }: Change): ChangeView {
  const modeOf = (mode: bigint | undefined) =>
    mode === undefined ? null : (mode & 0o7777n).toString(8).padStart(4, "0");
  return {
    kind,
    path: [place === "/" ? "" : place, ...steps].join("/"),
    type: typeOf(entry?.look ?? before),
    size_before: before?.isFile() === true ? Number(before.size) : null,
    size_after: entry?.look.isFile() === true ? Number(entry.look.size) : null,
    mode_before: modeOf(before?.mode),
    mode_after: modeOf(entry?.look.mode),
    conflict: conflict === "" ? null : conflict,
  };
}

function typeOf(look: Change["before"]): ChangeView["type"] {
  if (look?.isFile() === true) return "file";
  if (look?.isDirectory() === true) return "folder";
  return look?.isSymbolicLink() === true ? "link" : "other";
}
