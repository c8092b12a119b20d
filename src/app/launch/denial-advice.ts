// What a person is told about denials: the telling ones first, each with what would allow it.

import { liftingFlag, smallestGrant, socketGrant } from "../../policy/grant.ts";
import type { Denial } from "../../supervise/recorder.ts";
import { policyDisk } from "../policy/disk.ts";
import { type NetworkAdvice, networkAdvice, shownEndpoint } from "./network-advice.ts";
import type { DenialAdvice } from "./result.ts";

/** Denials whose paths are looked up. */
const denialsLookedAt = 200;

/** @param denials most frequent first */
export function adviseOn(denials: readonly Denial[], agent: string): readonly DenialAdvice[] {
  return mostTellingFirst(denials).map((denial) => advice(denial, agent));
}

/**
 * Searching a PATH or a list of optional settings is refused many times where nothing is; what is
 * there was really missed.
 */
function mostTellingFirst(denials: readonly Denial[]): readonly Denial[] {
  const makes = ({ action, path, port, flags }: Denial) =>
    port !== undefined ||
    wantedOfSocket(path) !== undefined ||
    action === "DirCreate" ||
    (action === "FileWrite" && !isSocketCall(flags));
  const isThere = (denial: Denial) => makes(denial) || policyDisk.kind(denial.path) !== "absent";
  const looked = denials
    .slice(0, denialsLookedAt)
    .map((denial) => ({ denial, is: isThere(denial) }));
  const there = looked.filter(({ is }) => is).map(({ denial }) => denial);
  const absent = looked.filter(({ is }) => !is).map(({ denial }) => denial);
  return [...there, ...absent, ...denials.slice(denialsLookedAt)];
}

function advice(denial: Denial, agent: string): DenialAdvice {
  const { action, path, port, count, rule, reason } = denial;
  const resource = port === undefined ? path : shownEndpoint(denial);
  return { action, resource, count, rule, reason, ...fixFor(denial, agent) };
}

function isSocketCall(flags: string): boolean {
  return /^(connect|send)/.test(flags);
}

/**
 * A forbid that comes with aegis is never lifted by a flag, but for credentials and sockets asked
 * for by name.
 */
export function fixFor(denial: Denial, agent: string): NetworkAdvice {
  const { action, path, port, rule } = denial;
  if (/^(protected|aegis):/.test(rule) || isForAll(rule)) return only("");
  if (rule === "box:ping") return { fix: "--net all", note: pingNote };
  if (rule === "box:several-names") return only(severalNamesFix(action));
  if (rule.endsWith(":unchanged")) return only("");
  if (action === "ProcessSpawn" && rule === "flag:--exec") return only(`--exec ${path}`);
  if (action === "ProcessSpawn" && rule.endsWith(":exec.allowed_bins"))
    return only(`"${path}" added to permissions.exec.allowed_bins of the manifest`);
  if (rule.startsWith("sockets:") && action === "FileWrite") return only(socketGrant(path));
  // Who was asked and said no may say yes next time, or grant it.
  if (rule !== "" && !/^(credentials|sockets|ask):/.test(rule))
    return only(`the rule ${rule} taken out of the policy`);
  if (port !== undefined) return networkAdvice(denial, agent);
  const wanted = action === "NetConnect" && rule === "" ? wantedOfSocket(path) : undefined;
  if (wanted !== undefined)
    return { fix: `--net ${wanted}`, note: wanted === "all" ? "" : refusedEarly };
  if (!path.startsWith("/")) return only("");
  const resource = { path, host: undefined, port };
  const attempt = { action, agent, resource };
  const { flag, cedar } = smallestGrant(attempt);
  if (flag !== undefined) return only(flag);
  const line = `the policy line ${cedar}`;
  const lifting = /^(credentials|sockets):/.test(rule) ? liftingFlag(attempt) : undefined;
  return only(lifting === undefined ? line : `${lifting} and ${line}`);
}

/** No policy grants these. */
function isForAll(rule: string): boolean {
  return rule === "box:sockets" || rule === "box:set-id";
}

const pingNote = "or --net icmp:HOST, where the container is given --cap-add SYS_PTRACE";
const refusedEarly = "it was refused before it could say where to";

/** What grants a socket of this kind; undefined for what names no kind of the internet's. */
function wantedOfSocket(path: string): string | undefined {
  if (path === "socket:netlink/raw/route" || path === "socket:netlink/dgram/route") return "all";
  const protocol = /^socket:inet6?\/(?:stream|dgram)\/(tcp|udp|icmp)6?$/.exec(path)?.[1];
  if (protocol === undefined) return undefined;
  if (protocol === "icmp") return "icmp:HOST";
  return `${protocol === "udp" ? "udp:" : ""}HOST:PORT`;
}

function only(fix: string): NetworkAdvice {
  return { fix, note: "" };
}

/** The file has other names (hard links), and one of them could be forbidden. */
function severalNamesFix(action: Denial["action"]): string {
  const copy = "a copy in the file's place (cp it to a new name, then mv that over it)";
  return action === "FileWrite" ? copy : `${copy}, or narrower patterns in the rules that forbid`;
}
