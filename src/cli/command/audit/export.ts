// `aegis audit export`: entries for other systems, newest first, or as they come in.

import { AegisError } from "../../../base/errors.ts";
import type { Ledger } from "../../../ledger/contract.ts";
import { createExporter, exportFormats } from "../../../ledger/report/export.ts";
import type { SealedEvent } from "../../../model/event.ts";
import { defineCommand } from "../../command.ts";
import { nameOperand } from "../../flags.ts";
import { eachNewEvent, newestIndex } from "../../follow.ts";
import { isTerminal, writeOut } from "../../output.ts";
import { ledgerFlags, readLedger } from "../../read-ledger.ts";
import { escapeJson } from "../../render/json.ts";
import { escapeControls } from "../../render/text.ts";

/** Entries fetched and written at a time. */
const chunkMax = 1000;

export const command = defineCommand(
  {
    name: "audit export",
    summary: "Export entries, newest first, for other systems.",
    flags: {
      format: {
        kind: "choice",
        choices: exportFormats,
        default: "json",
        summary: "Form of the output",
      },
      limit: {
        kind: "number",
        value: "N",
        min: 1,
        max: 1_000_000_000,
        default: 10_000,
        summary: "The newest N; not with --follow",
      },
      follow: {
        kind: "switch",
        summary: "Only what comes in from now on, one entry a line, until interrupted",
      },
      ...ledgerFlags,
      json: { kind: "switch", summary: "Same as --format json" },
    },
    operands: { NAME: nameOperand },
    launches: false,
    examples: ["aegis audit export my-agent --format csv > audit.csv"],
  },
  async ({ flags, operands }, context) => {
    if (flags.json && flags.format !== "json") {
      throw new AegisError("usage", `Cannot export as both json and ${flags.format}`, {
        hint: `give --json or --format ${flags.format}`,
      });
    }
    const wish = { name: operands.NAME, follows: flags.follow, flags };
    return readLedger(context, wish, async (ledger, { isNew }) => {
      const { format, limit } = flags;
      const isJson = format === "json" || format === "jsonl";
      const exporter = createExporter(flags.follow && isJson ? "jsonl" : format);
      const safe = isJson ? escapeJson : isTerminal(1) ? forTerminal : same;
      const write = (events: readonly SealedEvent[]) => {
        const text = exporter.add(events);
        return text === "" || writeOut(safe(text));
      };
      if (flags.follow) {
        const after = isNew ? -1 : await newestIndex(ledger);
        if (write([])) await eachNewEvent(ledger, after, (event) => write([event]));
        return 0;
      }
      if (await eachChunk(ledger, limit, write)) writeOut(exporter.finish());
      return 0;
    });
  },
);

/**
 * Hands over the newest `limit` events from a fixed point backwards, so that what is recorded
 * meanwhile neither shifts nor repeats anything. False when `write` gave up.
 */
async function eachChunk(
  ledger: Ledger,
  limit: number,
  write: (events: readonly SealedEvent[]) => boolean,
): Promise<boolean> {
  let end = await newestIndex(ledger);
  let most = chunkMax;
  for (let left = limit; end >= 0 && left > 0; ) {
    const start = Math.max(-1, end - Math.min(left, most));
    const own = await between(ledger, start, end);
    if (own === undefined) {
      // They are large: fewer at once.
      most = Math.ceil((end - start) / 2);
      continue;
    }
    if (!write([...own].reverse())) return false;
    left -= own.length;
    end = start;
    most = Math.min(chunkMax, most * 2);
  }
  return true;
}

/** All events behind `start` up to `end`; undefined: they are too large to be read at once. */
async function between(
  ledger: Ledger,
  start: number,
  end: number,
): Promise<readonly SealedEvent[] | undefined> {
  const chunk = await ledger.eventsAfter(start, end - start);
  // Where events were purged, what is behind the end takes their place.
  const own = chunk.filter(({ index }) => index <= end);
  const last = own.at(-1);
  if (last !== undefined && own.length === chunk.length && last.index < end) {
    const [next] = await ledger.eventsAfter(last.index, 1);
    if (next !== undefined && next.index <= end) return undefined;
  }
  return own.map(({ event }) => event);
}

function forTerminal(text: string): string {
  return escapeControls(text, "all");
}

function same(text: string): string {
  return text;
}
