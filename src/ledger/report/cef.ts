// Common Event Format, one line per entry, as ArcSight and its many readers take it. Pure. Values
// come from watched programs, so a value must never be able to end its field, its line or the
// header.

import { aegisVersion } from "../../base/version.ts";
import type { SealedEvent } from "../../model/event.ts";
import { type ActionKind, actionOf, toEntry } from "./entry.ts";

/** Severities 0 to 10 of an allowed and of a denied access. */
const severities: Readonly<Record<string, readonly [allowed: number, denied: number]>> = {
  FileRead: [1, 6],
  DirList: [1, 6],
  FileWrite: [2, 7],
  DirCreate: [2, 7],
  FileDelete: [3, 8],
  NetConnect: [2, 7],
  NetBind: [2, 7],
  NetRequest: [2, 7],
  ToolCall: [3, 8],
  ProcessSpawn: [3, 8],
  ProcessExit: [1, 6],
  ApiUsage: [1, 6],
  CallRefused: [1, 8],
  PolicyLoaded: [5, 5],
};
const otherSeverity: readonly [number, number] = [1, 6];

/** Longest values the format's dictionary allows, characters. */
const nameMax = 512;
const textMax = 1023;
const customMax = 4000;

type Field = readonly [key: string, value: string];

/** Without its line feed. */
export function cefLine(event: SealedEvent): string {
  const entry = toEntry(event);
  const action = actionOf(event);
  const isDenied = entry.decision === "Deny";
  const [allowed, denied] = severities[action.name] ?? otherSeverity;
  const header = [
    "CEF:0",
    "Aegis",
    "Runtime",
    aegisVersion.slice(0, 31),
    action.name,
    cut(nameOf(event, action, isDenied), nameMax),
    String(isDenied ? denied : allowed),
  ];
  const fields: Field[] = [
    ["rt", String(event.ts_unix_ms)],
    ["suser", cut(entry.principal, textMax)],
    ["act", action.name],
    ["outcome", isDenied ? "deny" : "allow"],
    ["reason", cut(entry.reason, textMax)],
    ...targetFields(event, action),
    ["sproc", cut(text(event.payload.exe), textMax)],
    ["spid", typeof event.payload.pid === "number" ? String(event.payload.pid) : ""],
    ["cnt", String(entry.count)],
    ...custom(1, "entryId", entry.entry_id),
    ...custom(2, "policyId", entry.policy_id ?? "none"),
    ...custom(3, "entryHash", entry.entry_hash),
    ...custom(4, "sessionId", entry.session_id),
    // Last, because a reader trims the end of the line and this cannot end in a space.
    ["externalId", String(entry.seq)],
  ];
  const extension = fields
    .filter(([, value]) => value !== "")
    .map(([key, value]) => `${key}=${escapeValue(value)}`);
  return `${header.map(escapeHeader).join("|")}|${extension.join(" ")}`;
}

/** Short and stable, so that rules can match it: no path, no host. */
function nameOf({ payload }: SealedEvent, { name }: ActionKind, isDenied: boolean): string {
  if (payload.decision === undefined) return name;
  return `${name} ${isDenied ? "denied" : "allowed"}`;
}

function targetFields({ payload }: SealedEvent, { name, resource }: ActionKind): Field[] {
  if (resource === undefined) return [];
  switch (name) {
    case "NetConnect":
    case "NetBind":
      return [...hostFields(text(payload.host) || text(payload.path)), ...portField(payload.port)];
    case "NetRequest":
      return [["request", cut(resource, textMax)]];
    case "ProcessSpawn":
    case "ProcessExit":
      return [["dproc", cut(resource, textMax)]];
    case "ToolCall":
    case "ApiUsage":
    case "CallRefused":
      return [["requestContext", cut(resource, textMax)]];
    default:
      return [["filePath", cut(resource, textMax)]];
  }
}

/** `dst` takes IPv4 addresses only; IPv6 has a labelled field of its own. */
function hostFields(host: string): Field[] {
  if (/^\d{1,3}(\.\d{1,3}){3}$/.test(host)) return [["dst", host]];
  if (/^[0-9a-f:.]*:[0-9a-f:.]*$/i.test(host)) {
    return [
      ["c6a3Label", "Destination IPv6 Address"],
      ["c6a3", host],
    ];
  }
  return [["dhost", cut(host, textMax)]];
}

function portField(port: unknown): Field[] {
  return typeof port === "number" ? [["dpt", String(port)]] : [];
}

function custom(number: 1 | 2 | 3 | 4, label: string, value: string): Field[] {
  return [
    [`cs${number}Label`, label],
    [`cs${number}`, cut(value, customMax)],
  ];
}

/** At most `max` UTF-16 units, never half a character. */
function cut(value: string, max: number): string {
  if (value.length <= max) return value;
  const short = value.slice(0, max);
  return short.isWellFormed() ? short : short.slice(0, -1);
}

function escapeHeader(value: string): string {
  return value.replace(/[\\|]/g, "\\$&").replace(/[\r\n]+/g, " ");
}

function escapeValue(value: string): string {
  return value.replace(/[\\=]/g, "\\$&").replaceAll("\r", "\\r").replaceAll("\n", "\\n");
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}
