// The list of denials a box can read about itself: one JSON line for each row of the ledger that
// denied something, written once the row is durable. It is a courtesy to the agent in the box; the
// ledger is the record. The box names the paths in it, so every value goes through JSON.

import { closeSync, mkdirSync, openSync, rmdirSync, unlinkSync, writeSync } from "node:fs";
import { uniqueSuffix } from "../../base/ids.ts";
import { deniedLogMaxBytes } from "../../base/limits.ts";
import { type AbsPath, resolvePath } from "../../base/paths.ts";
import { accessIn } from "../../ledger/access.ts";
import type { Action } from "../../model/capability.ts";
import type { NetProtocol, SealedEvent } from "../../model/event.ts";
import { removeLeftovers } from "../leftovers.ts";
import { fixFor } from "./denial-advice.ts";

/** Environment variable that names the file to the command. */
export const deniedLogVariable = "AEGIS_DENIED_LOG";

export interface DeniedLog {
  /** The file, links resolved when `folder` was. */
  readonly path: string;
  /** Adds the denials among events that are durable; never throws. */
  add(events: readonly SealedEvent[]): void;
  /** Removes the file: with the box its only reader is gone. */
  close(): void;
}

/** One line of the file. */
export interface DeniedLine {
  /** RFC 3339, UTC. */
  readonly time: string;
  readonly operation: Action;
  /** Of a path; else `host` and `port`. */
  readonly path?: string;
  readonly host?: string;
  readonly port?: number;
  /** `tcp` when absent; `dns` is a question for the address of `host`. */
  readonly protocol?: NetProtocol;
  readonly program: string;
  /** The rule that forbids it; null when no rule permits it. */
  readonly rule: string | null;
  readonly reason: string;
  /** The smallest flag of `aegis run`, or policy line, that would allow it; null: nothing does. */
  readonly grant: string | null;
  /** What the person should know before granting it. */
  readonly note?: string;
  /** How many equal attempts this line stands for. */
  readonly count: number;
  /** The row of the ledger. */
  readonly event: { readonly session: string; readonly seq: number };
}

/** @param folder where running launches have theirs; canonical, of this user alone */
export function createDeniedLog(folder: AbsPath, agent: string, nowUnixMs: number): DeniedLog {
  removeLeftovers(folder, nowUnixMs);
  const own = resolvePath(folder, `${process.pid}-${uniqueSuffix()}`);
  mkdirSync(own, { mode: 0o700 });
  const path = resolvePath(own, "denied.jsonl");
  const fd = openSync(path, "ax", 0o600);
  let sizeBytes = 0;
  let isOpen = true;
  const write = (line: object): void => {
    const bytes = Buffer.from(`${JSON.stringify(line)}\n`);
    try {
      writeSync(fd, bytes);
    } catch {
      // ignored: the ledger has the denial; an agent that misses a line only asks again
      isOpen = false;
    }
    sizeBytes += bytes.length;
  };
  return {
    path,
    add(events) {
      for (const event of events) {
        const line = isOpen ? deniedLine(event, agent) : undefined;
        if (line === undefined) continue;
        write(line);
        if (sizeBytes < deniedLogMaxBytes - lastLineMaxBytes) continue;
        if (isOpen) write(fullLine(event));
        isOpen = false;
      }
    },
    close() {
      closeSync(fd);
      try {
        unlinkSync(path);
        rmdirSync(own);
      } catch {
        // ignored: somebody else removed it, or a later launch will; the command is over either way
      }
    },
  };
}

/** Room kept for a line with the longest paths and for the one that says that the file is full. */
const lastLineMaxBytes = 64 * 1024;

function fullLine({ session_id, seq }: SealedEvent): object {
  return {
    full: true,
    reason: "later denials are in the ledger only",
    event: { session: session_id, seq },
  };
}

/** Undefined for an event that denies nothing. */
export function deniedLine(event: SealedEvent, agent: string): DeniedLine | undefined {
  const access = accessIn(event);
  if (access?.decision !== "deny") return undefined;
  const { action, path, host, port, protocol, rule, reason, exe, count } = access;
  const { fix, note } = fixFor(access, agent);
  return {
    time: new Date(event.ts_unix_ms).toISOString(),
    operation: action,
    ...(host === undefined || port === undefined ? { path } : { host, port }),
    ...(protocol === undefined ? {} : { protocol }),
    program: exe,
    rule: rule === "" ? null : rule,
    reason,
    grant: fix === "" ? null : fix,
    ...(note === "" ? {} : { note }),
    count,
    event: { session: event.session_id, seq: event.seq },
  };
}
