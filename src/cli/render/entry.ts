// One recorded event as a table row, as a line of a running log, and what it says in words.

import type { JsonObject, JsonValue, SealedEvent } from "../../model/event.ts";
import { commandText } from "./command-text.ts";
import { sizeText } from "./size.ts";
import type { Column } from "./table.ts";
import { escapeControls } from "./text.ts";
import { fullTime } from "./time.ts";

export function entryColumns(colour: boolean): readonly Column[] {
  const decision = { title: "DECISION" };
  return [
    { title: "ENTRY ID" },
    colour ? { ...decision, paint: paintDecision } : decision,
    { title: "PRINCIPAL", shrinkTo: 5 },
    { title: "TIMESTAMP" },
    { title: "ACTION", shrinkTo: 10 },
  ];
}

export function entryRow(event: SealedEvent): string[] {
  return [
    entryId(event),
    decisionWord(event),
    event.user_id,
    fullTime(event.ts_unix_ms),
    actionText(event),
  ];
}

/** The end of the session's id and the number in it: what `audit prove` and `--session` take. */
export function entryId(event: SealedEvent): string {
  return `${shortSession(event.session_id)}:${event.seq}`;
}

/** The part of a session id that tells two sessions of the same minute apart. */
export function shortSession(id: string): string {
  return id.slice(-8);
}

/** `[09:05:07] DENY   agent  FileRead /x`, for following. */
export function entryLine(event: SealedEvent, colour: boolean): string {
  const word = decisionWord(event).toUpperCase().padEnd(5);
  const time = fullTime(event.ts_unix_ms).slice(11);
  const painted = colour ? paintDecision(word) : word;
  const what = escapeControls(actionText(event));
  return `[${time}] ${painted}  ${escapeControls(event.user_id)}  ${what}\n`;
}

/** `Allow`, `Deny`, or a dash for events that decide nothing. */
export function decisionWord(event: SealedEvent): string {
  const { decision } = event.payload;
  if (decision === "allow") return "Allow";
  return decision === "deny" ? "Deny" : "-";
}

/** `FileRead /etc/hosts (12 times)`, `SESSION_CLOSED exit 0` */
export function actionText(event: SealedEvent): string {
  const { payload } = event;
  const action = text(payload.action);
  if (action === "") return `${event.event_type} ${detailOf(event)}`.trimEnd();
  if (payload.phase === "closed") return closedText(payload);
  const request = text(payload.method);
  if (request !== "") return `${action} ${request} ${text(payload.url)}${timesOf(payload.count)}`;
  const host = text(payload.host) || text(payload.path);
  const port = typeof payload.port === "number" ? `:${payload.port}` : "";
  const target = port === "" ? text(payload.path) : `${host}${port}`;
  return `${action}${target === "" ? "" : ` ${target}`}${timesOf(payload.count)}`;
}

/** `NetConnect example.com:443 closed, 1.2 KB sent, 40.0 KB received` */
function closedText(payload: JsonObject): string {
  const { bytes_sent: sent, bytes_received: received, error } = payload;
  const shown = (bytes: unknown): string => sizeText(typeof bytes === "number" ? bytes : 0);
  const place = `${text(payload.host)}:${payload.port}`;
  const end = text(error) === "" ? "closed" : `ended (${text(error)})`;
  return `${text(payload.action)} ${place} ${end}, ${shown(sent)} sent, ${shown(received)} received`;
}

function timesOf(count: JsonValue | undefined): string {
  return typeof count === "number" && count > 1 ? ` (${count} times)` : "";
}

/** What an event that is no access says in a few words. */
function detailOf({ event_type, payload }: SealedEvent): string {
  switch (event_type) {
    case "SESSION_OPENED":
      return Array.isArray(payload.command) ? commandText(payload.command.map(String)) : "";
    case "SESSION_CLOSED":
      return `exit ${payload.exit_status}`;
    case "SESSION_TAGGED":
      return text(payload.tag);
    case "SESSION_PURGED":
      return `${text(payload.session)}: ${payload.event_count} entries`;
    case "EVENTS_LOST":
      return `${payload.accesses} accesses: ${text(payload.reason)}`;
    case "LIMIT_HIT":
      return `${text(payload.limit)} ${text(payload.effect)} ${text(payload.exe)}`.trimEnd();
    case "CALL_REFUSED":
      return `${text(payload.call)} ${text(payload.argument)}`.trimEnd() + timesOf(payload.times);
    case "ACCESS_ASKED":
      return `${text(payload.asked)} ${text(payload.path)}: ${text(payload.answer)}`;
    case "DRY_RUN":
      return text(payload.decision);
    case "POLICY_LOADED":
      return text(payload.hash).slice(0, 16);
    default:
      return "";
  }
}

function paintDecision(word: string): string {
  if (/^deny/i.test(word)) return `\x1b[31m${word}\x1b[39m`;
  return /^allow/i.test(word) ? `\x1b[32m${word}\x1b[39m` : word;
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}
