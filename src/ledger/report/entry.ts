// Events in the words of an audit log: one flat row each, for exports, reports and SIEMs. Pure.
// Paths, commands and reasons were chosen by the watched program; nothing here makes them safe for
// a terminal or a spreadsheet, the writers of those forms do.

import { sha256Hex } from "../../base/hash.ts";
import { eventTypeOfAction, type JsonObject, type SealedEvent } from "../../model/event.ts";
import { accessesOf } from "../session-state.ts";

/** The first ten fields are the documented ones, in their order. */
export interface LedgerEntry {
  /** UUID made of the event's hash, so it is the same in every export. */
  readonly entry_id: string;
  /** RFC 3339, UTC. */
  readonly timestamp: string;
  readonly action_id: string;
  /** JSON text with the action's name as its one key, e.g. `{"FileRead":{"path":"/x"}}`. */
  readonly action_kind: string;
  readonly principal: string;
  readonly decision: "Allow" | "Deny";
  readonly reason: string;
  /** Rule that decided; null when none matched or nothing was decided. */
  readonly policy_id: string | null;
  /** Hex; `genesis` for the first entry of a session. */
  readonly prev_hash: string;
  /** Hex. */
  readonly entry_hash: string;
  readonly session_id: string;
  readonly seq: number;
  /** Accesses this entry stands for; 1 for what is no access. */
  readonly count: number;
}

export const entryColumns = [
  "entry_id",
  "timestamp",
  "action_id",
  "action_kind",
  "principal",
  "decision",
  "reason",
  "policy_id",
  "prev_hash",
  "entry_hash",
  "session_id",
  "seq",
  "count",
] as const satisfies readonly (keyof LedgerEntry)[];

/** An action by its name and documented fields. */
export interface ActionKind {
  /** `FileRead` …; for other events their type, spelled alike: `SessionOpened`. */
  readonly name: string;
  readonly fields: JsonObject;
  /** What it was done to: path, `host:port`, URL, tool or program; undefined for session events. */
  readonly resource: string | undefined;
}

export function toEntry(event: SealedEvent): LedgerEntry {
  const { payload } = event;
  const { name, fields } = actionOf(event);
  const hash = hexOf(event.hash);
  const rule = text(payload.rule);
  return {
    entry_id: uuidOf(sha256Hex(`entry ${hash}`)),
    timestamp: new Date(event.ts_unix_ms).toISOString(),
    action_id: uuidOf(sha256Hex(`action ${hash}`)),
    action_kind: JSON.stringify({ [name]: fields }),
    principal: event.user_id,
    decision: payload.decision === "deny" ? "Deny" : "Allow",
    reason: text(payload.reason),
    policy_id: rule === "" ? null : rule,
    prev_hash: event.prev_hash === "" ? "genesis" : hexOf(event.prev_hash),
    entry_hash: hash,
    session_id: event.session_id,
    seq: event.seq,
    count: accessesOf(payload) || 1,
  };
}

const actionNames: ReadonlyMap<string, string> = new Map(
  Object.entries(eventTypeOfAction).map(([action, type]) => [type, action]),
);

export function actionOf({ event_type, payload }: SealedEvent): ActionKind {
  const name = actionNames.get(event_type) ?? spelledAsAction(event_type);
  const path = text(payload.path);
  switch (name) {
    case "FileRead":
    case "FileWrite":
    case "FileDelete":
    case "DirCreate":
    case "DirList":
      return { name, fields: { path }, resource: path };
    case "NetConnect":
    case "NetBind":
      return netAction(name, payload);
    case "NetRequest": {
      const url = text(payload.url) || path;
      return { name, fields: { method: text(payload.method), url }, resource: url };
    }
    case "ToolCall": {
      const tool = text(payload.tool) || path;
      return { name, fields: { tool, args: payload.args ?? null }, resource: tool };
    }
    case "ProcessSpawn":
      return { name, fields: { command: path, args: payload.args ?? [] }, resource: path };
    case "ProcessExit":
      return {
        name,
        fields: { command: path, exit_code: payload.exit_code ?? null },
        resource: path,
      };
    case "ApiUsage":
      return { name, fields: payload, resource: text(payload.provider) || path };
    case "CallRefused": {
      const call = `${text(payload.call)} ${text(payload.argument)}`.trimEnd();
      return { name, fields: payload, resource: call };
    }
    default:
      return { name, fields: payload, resource: undefined };
  }
}

function netAction(name: string, payload: JsonObject): ActionKind {
  const host = text(payload.host) || text(payload.path);
  const port = typeof payload.port === "number" ? payload.port : null;
  const shown = host.includes(":") ? `[${host}]` : host;
  return { name, fields: { host, port }, resource: port === null ? host : `${shown}:${port}` };
}

/** `SESSION_OPENED` as `SessionOpened`. */
function spelledAsAction(type: string): string {
  return type
    .split("_")
    .map((word) => word.slice(0, 1).toUpperCase() + word.slice(1).toLowerCase())
    .join("");
}

/** UUID version 8 (RFC 9562) of the first 128 bits. */
function uuidOf(hex: string): string {
  const variant = ((Number.parseInt(hex.slice(16, 17), 16) & 0x3) | 0x8).toString(16);
  const parts = [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`];
  return [...parts, `${variant}${hex.slice(17, 20)}`, hex.slice(20, 32)].join("-");
}

function hexOf(base64: string): string {
  return Uint8Array.fromBase64(base64).toHex();
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}
