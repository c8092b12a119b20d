// The smallest thing that would allow an attempt: a flag of `aegis run`, and a line of Cedar.

import type { Attempt } from "../model/attempt.ts";
import type { Action, Atom } from "../model/capability.ts";
import { printCapability } from "./cedar/print.ts";
import { classOf } from "./leaf.ts";

export interface Grant {
  /** As typed in a shell; undefined when no flag grants this. */
  readonly flag: string | undefined;
  /** One policy. */
  readonly cedar: string;
}

/** What to add so that `attempt` is permitted; a forbid that covers it still has to go. */
export function smallestGrant({ action, resource }: Attempt): Grant {
  const cedar = printCapability({
    effect: "permit",
    actions: [action],
    agent: undefined,
    where: atomsFor(action, resource),
    origin: { rule: "", source: "", line: 0, column: 0 },
  });
  return { flag: flagFor(action, resource), cedar };
}

function atomsFor(action: Action, { path, host, port }: Attempt["resource"]): readonly Atom[] {
  if (classOf(action) !== "endpoint") return [{ kind: "path-equals", path, negated: false }];
  const onHost: Atom = { kind: "host-equals", host: host ?? path, negated: false };
  return port === undefined ? [onHost] : [onHost, { kind: "port", op: "==", port, negated: false }];
}

function flagFor(action: Action, { path, port }: Attempt["resource"]): string | undefined {
  switch (action) {
    case "FileRead":
    case "DirList":
      return `--read ${shellWord(path)}`;
    case "FileWrite":
    case "FileDelete":
    case "DirCreate":
      return `--write ${shellWord(path)}`;
    case "NetConnect":
    case "NetRequest":
      // The kernel can hold a port to any host, not one host: there is no smaller flag.
      return port === undefined ? "--net all" : `--net :${port}`;
    case "NetBind":
      return port === undefined ? undefined : `--listen ${port}`;
    case "ProcessSpawn":
    case "ProcessExit":
    case "ToolCall":
    case "ApiUsage":
      return undefined;
  }
}

/** The text as one word of a POSIX shell. */
function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
