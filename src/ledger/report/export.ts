// Exports of events as JSON, JSON lines, CSV and CEF. Pure and incremental: chunks of events in,
// chunks of text out, so that a follower can go on for ever.

import type { SealedEvent } from "../../model/event.ts";
import { cefLine } from "./cef.ts";
import { entryColumns, type LedgerEntry, toEntry } from "./entry.ts";

export const exportFormats = ["json", "jsonl", "csv", "cef"] as const;
export type ExportFormat = (typeof exportFormats)[number];

export interface Exporter {
  /** Text for these events; begins with the header, if the format has one, the first time. */
  add(events: readonly SealedEvent[]): string;
  /** What ends the document; nothing may be added afterwards. */
  finish(): string;
}

/** To follow a ledger, take `jsonl` for `json`: an array is not readable before it ends. */
export function createExporter(format: ExportFormat): Exporter {
  switch (format) {
    case "json":
      return jsonExporter();
    case "jsonl":
      return lineExporter("", (event) => JSON.stringify(toEntry(event)));
    case "csv":
      return lineExporter(`${entryColumns.join(",")}\n`, (event) => csvLine(toEntry(event)));
    case "cef":
      return lineExporter("", cefLine);
  }
}

function jsonExporter(): Exporter {
  let isEmpty = true;
  return {
    add(events) {
      return events
        .map((event) => {
          const start = isEmpty ? "[\n" : ",\n";
          isEmpty = false;
          const object = JSON.stringify(toEntry(event), null, 2);
          return `${start}  ${object.replaceAll("\n", "\n  ")}`;
        })
        .join("");
    },
    finish: () => (isEmpty ? "[]\n" : "\n]\n"),
  };
}

function lineExporter(header: string, line: (event: SealedEvent) => string): Exporter {
  let start = header;
  const takeHeader = (): string => {
    const text = start;
    start = "";
    return text;
  };
  return {
    add: (events) => takeHeader() + events.map((event) => `${line(event)}\n`).join(""),
    finish: takeHeader,
  };
}

function csvLine(entry: LedgerEntry): string {
  return entryColumns.map((column) => csvCell(entry[column])).join(",");
}

function csvCell(value: string | number | null): string {
  if (value === null) return "";
  if (typeof value === "number") return String(value);
  const safe = startsFormula.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** A spreadsheet would compute what begins so, and a watched program chose the text. */
const startsFormula = /^[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/;
