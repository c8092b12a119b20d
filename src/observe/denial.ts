// One line of `log stream --style ndjson` to a denial of Seatbelt, and a denial to an access. Pure.
// The text comes from the kernel, but the names in it are chosen by the box: the number and the tag
// at the very end are ours, everything before is a claim and is only ever recorded.

import type { Action } from "../model/capability.ts";
import type { ObservedAccess } from "./access.ts";

export interface SeatbeltDenial {
  readonly tsUnixMs: number;
  /** Which denial of the profile it was: the number in front of the tag. */
  readonly number: number;
  /** How many equal reports the kernel folded into this one, at least 1. */
  readonly count: number;
  /** Short name of the process as the kernel keeps it. */
  readonly process: string;
  readonly pid: number;
  readonly operation: string;
  /** Path, address or name of what was tried; empty when the kernel says none. */
  readonly target: string;
}

/** What the numbers in a profile's messages stand for. */
export interface DenialReason {
  readonly rule: string;
  readonly reason: string;
}

const lineMaxChars = 65_536;
const countMax = 1_000_000;

/** The denial of the launch with this tag, undefined for every other line. */
export function parseDenial(line: string, tag: string): SeatbeltDenial | undefined {
  if (line.length > lineMaxChars || !line.includes(tag)) return undefined;
  const entry = parseEntry(line);
  if (entry === undefined) return undefined;
  const tagged = splitTag(entry.message, tag);
  if (tagged === undefined) return undefined;
  const report = parseReport(tagged.report);
  return report && { tsUnixMs: entry.tsUnixMs, number: tagged.number, ...report };
}

function parseEntry(line: string): { message: string; tsUnixMs: number } | undefined {
  let entry: unknown;
  try {
    entry = JSON.parse(line);
  } catch {
    // ignored: the banner and whatever else is no entry of the log
    return undefined;
  }
  if (typeof entry !== "object" || entry === null) return undefined;
  if (!("eventMessage" in entry) || !("timestamp" in entry)) return undefined;
  const { eventMessage, timestamp } = entry;
  if (typeof eventMessage !== "string" || typeof timestamp !== "string") return undefined;
  const tsUnixMs = parseTimestamp(timestamp);
  return tsUnixMs === undefined ? undefined : { message: eventMessage, tsUnixMs };
}

/** `2025-01-31 23:59:59.123456+0100` */
function parseTimestamp(text: string): number | undefined {
  const match = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)\.(\d{3})\d*([+-]\d\d):?(\d\d)$/.exec(text);
  if (match === null) return undefined;
  const [, day, time, millis, hours, minutes] = match;
  const tsUnixMs = Date.parse(`${day}T${time}.${millis}${hours}:${minutes}`);
  return Number.isNaN(tsUnixMs) ? undefined : tsUnixMs;
}

/**
 * Our message stands at the end, after a line break or a space. Only the last one counts: a path
 * may imitate it.
 */
function splitTag(message: string, tag: string): { report: string; number: number } | undefined {
  const text = message.trimEnd();
  if (!text.endsWith(`.${tag}`)) return undefined;
  const head = text.slice(0, -tag.length - 1);
  const match = /\s(\d{1,6})$/.exec(head);
  if (match === null) return undefined;
  return { report: head.slice(0, match.index), number: Number(match[1]) };
}

const reportStart = /^(?:(\d{1,9}) duplicate reports? for )?Sandbox: /;
const verdict = /\((\d{1,9})\) deny\(\d{1,3}\) ([a-z][a-z0-9-]{2,40}\*?)(?:$|\s)/g;
const processMaxChars = 32;

/**
 * `Sandbox: name(pid) deny(1) operation target`, with `3 duplicate reports for ` in front when
 * reports were folded. A name has at most 32 bytes and may hold blanks, line breaks and
 * parentheses, and so imitate a verdict: the first reading that leaves a row is taken, for no name
 * may keep a denial out of the record.
 */
function parseReport(text: string): Omit<SeatbeltDenial, "tsUnixMs" | "number"> | undefined {
  const start = reportStart.exec(text);
  if (start === null) return undefined;
  const [opening, duplicates = "1"] = start;
  const count = Math.min(Math.max(Number(duplicates), 1), countMax);
  const rest = text.slice(opening.length);
  const readings = [...rest.matchAll(verdict)].flatMap(({ 0: whole, 1: pid, 2: name, index }) => {
    const process = rest.slice(0, index);
    if (index > processMaxChars) return [];
    const target = rest.slice(index + whole.length).trim();
    return [{ count, process, pid: Number(pid), operation: name ?? "", target }];
  });
  return readings.find((reading) => triedOf(reading) !== undefined) ?? readings[0];
}

/**
 * Undefined for denials the vocabulary has no word for, and for services every process asks for
 * without a need.
 */
export function denialAccess(
  denial: SeatbeltDenial,
  reasons: readonly DenialReason[],
): ObservedAccess | undefined {
  const tried = triedOf(denial);
  if (tried === undefined) return undefined;
  const { why, ...resource } = tried;
  const { rule, reason } = why ?? reasons[denial.number] ?? unknownReason;
  return {
    tsUnixMs: denial.tsUnixMs,
    payload: {
      ...resource,
      decision: "deny",
      rule,
      reason,
      pid: denial.pid,
      exe: denial.process,
      flags: denial.operation,
      count: denial.count,
    },
  };
}

const unknownReason: DenialReason = { rule: "", reason: "denied by Seatbelt" };
/** The base grants the services a program needs to start; there is no grant for others. */
const serviceReason: DenialReason = {
  rule: "protected:services",
  reason: "no policy grants this service of macOS",
};

interface Tried {
  readonly action: Action;
  readonly path: string;
  readonly host?: string;
  readonly port?: number;
  /** When the profile's own reason would mislead. */
  readonly why?: DenialReason;
}

/**
 * Asked for by the system's own libraries in nearly every process; nothing is lost when they are
 * refused.
 */
const idleServices =
  /^com\.apple\.(analyticsd|cfprefsd|diagnosticd|FSEvents|logd|dnssd\.service)(\.|$)/;
const resolver = "/private/var/run/mDNSResponder";

function triedOf({
  operation,
  target,
}: Pick<SeatbeltDenial, "operation" | "target">): Tried | undefined {
  if (operation.startsWith("file-")) return { action: fileAction(operation), path: target };
  if (operation.startsWith("process-exec")) return { action: "ProcessSpawn", path: target };
  if (operation === "mach-lookup") {
    if (idleServices.test(target)) return undefined;
    return { action: "NetConnect", path: `mach:${target}`, why: serviceReason };
  }
  if (operation === "network-outbound") return socketTried("NetConnect", target);
  if (operation === "network-bind" || operation === "network-inbound") {
    return socketTried("NetBind", target);
  }
  return undefined;
}

function fileAction(operation: string): Action {
  if (operation === "file-write-unlink") return "FileDelete";
  if (/^file-(read|map|test|search)/.test(operation)) return "FileRead";
  return "FileWrite";
}

/**
 * A unix socket is judged as writing to its name; resolving a name is the start of a connection.
 */
function socketTried(action: "NetConnect" | "NetBind", target: string): Tried {
  if (target === resolver) return { action: "NetConnect", path: target, host: "*" };
  if (target.startsWith("/")) return { action: "FileWrite", path: target };
  const match = /^(?:remote:|local:)?\[?(.*?)\]?:(\d{1,5}|\*)$/.exec(target);
  const port = Number(match?.[2]);
  const host = match?.[1]?.toLowerCase() ?? target;
  if (!Number.isInteger(port) || port > 65_535) return { action, path: host, host };
  return { action, path: host, host, port };
}
