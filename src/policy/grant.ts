// The smallest thing that would allow an attempt: a flag of `aegis run`, and a line of Cedar.

import { hasLoneBytes } from "../base/byte-text.ts";
import type { Attempt } from "../model/attempt.ts";
import type { Action, Atom } from "../model/capability.ts";
import { printCapability } from "./cedar/print.ts";
import { classOf } from "./leaf.ts";
import { netWord } from "./net-rule.ts";

export interface Grant {
  /** As typed in a shell; undefined when no flag grants this. */
  readonly flag: string | undefined;
  /** One policy. */
  readonly cedar: string;
}

/** What to add so that `attempt` is permitted; a forbid that covers it still has to go. */
export function smallestGrant({ action, resource: tried }: Attempt): Grant {
  const resource = { ...tried, path: nameable(tried.path) };
  const isFolder = resource.path !== tried.path;
  const cedar = printCapability({
    effect: "permit",
    // A kernel runs only what may be read as well.
    actions: action === "ProcessSpawn" ? ["FileRead", action] : [action],
    agent: undefined,
    where: hasLoneBytes(tried.path)
      ? [{ kind: "path-in", path: resource.path, negated: false }]
      : atomsFor(action, resource),
    origin: { rule: "", source: "", line: 0, column: 0 },
  });
  // `--write` of what is there does not take its name away: that right is the folder's.
  const isOnlyCedar = action === "FileDelete" && !isFolder;
  return { flag: isOnlyCedar ? undefined : flagFor(action, resource), cedar };
}

/** Lifts what is forbidden by default; not all it takes where `smallestGrant` has no flag. */
export function liftingFlag(attempt: Attempt): string | undefined {
  const action = attempt.action === "FileDelete" ? "FileWrite" : attempt.action;
  return smallestGrant({ ...attempt, action }).flag;
}

/** The flag that lets this very socket be connected to. */
export function socketGrant(path: string): string {
  return `--net ${shellWord(`unix:${nameable(path)}`)}`;
}

/** No policy and no flag can write a name that is no text: the folder it lies in, which is one. */
function nameable(path: string): string {
  if (!hasLoneBytes(path)) return path;
  const text = path.slice(0, path.indexOf("\uFFFD"));
  return text.slice(0, Math.max(1, text.lastIndexOf("/")));
}

function atomsFor(action: Action, resource: Attempt["resource"]): readonly Atom[] {
  const { path, host, port, protocol = "tcp" } = resource;
  if (classOf(action) !== "endpoint") return [{ kind: "path-equals", path, negated: false }];
  const atoms: Atom[] = [{ kind: "host-equals", host: host ?? path, negated: false }];
  if (port !== undefined && protocol !== "icmp")
    atoms.push({ kind: "port", op: "==", port, negated: false });
  return [...atoms, { kind: "protocol", protocol, negated: false }];
}

function flagFor(action: Action, resource: Attempt["resource"]): string | undefined {
  const { path, port, protocol = "tcp" } = resource;
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
      return netFlag(resource);
    case "NetBind":
      // Port 0 is whichever is free, which no flag names.
      if (port === undefined || port === 0 || protocol === "icmp") return undefined;
      return `--listen ${protocol === "tcp" ? "" : `${protocol}:`}${port}`;
    case "ProcessSpawn":
    case "ProcessExit":
    case "ToolCall":
    case "ApiUsage":
      return undefined;
  }
}

/** What has no address, such as an abstract socket, is granted with everything or not at all. */
function netFlag(resource: Attempt["resource"]): string {
  const word = netWord(resource);
  return `--net ${word === undefined ? "all" : shellWord(word)}`;
}

/** The text as one word of a POSIX shell. */
function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
