// Spans as lines of JSON in a file of this user alone. Written in pieces, without waiting for each;
// what cannot be written is counted and never keeps a request from its answer.

import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  openSync,
  renameSync,
  writeSync,
} from "node:fs";
import { AegisError } from "../../base/errors.ts";
import { traceFileMaxBytes } from "../../base/limits.ts";
import type { AbsPath } from "../../base/paths.ts";

export interface TraceFile {
  write(line: string): void;
  /** Lines that are lost. */
  lost(): number;
  close(): void;
}

const pieceBytes = 64 * 1024;
const delayMs = 200;

/** @throws {AegisError} `config/invalid` when it is no file that can be written to */
export function openTraceFile(path: AbsPath, sizeMaxBytes = traceFileMaxBytes): TraceFile {
  let fd = open(path);
  let size = fstatSync(fd).size;
  let waiting = "";
  let lines = 0;
  let lost = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;

  /** The file before is kept; the one before that is gone. */
  function turnOver(): void {
    renameSync(path, `${path}.1`);
    const next = open(path);
    // Never before: its number may be another file's by the next line.
    closeSync(fd);
    fd = next;
    size = 0;
  }

  function flush(): void {
    clearTimeout(timer);
    timer = undefined;
    if (waiting === "") return;
    const bytes = new TextEncoder().encode(waiting);
    const count = lines;
    waiting = "";
    lines = 0;
    try {
      if (size > 0 && size + bytes.length > sizeMaxBytes) turnOver();
      size += bytes.length;
      for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
    } catch {
      // ignored: a full disk stops the traces, not the server; the lines are counted as lost
      lost += count;
    }
  }

  return {
    write(line) {
      waiting += `${line}\n`;
      lines += 1;
      if (waiting.length >= pieceBytes) flush();
      else timer ??= setTimeout(flush, delayMs);
    },
    lost: () => lost,
    close() {
      flush();
      closeSync(fd);
    },
  };
}

/** A pipe would block, and a link or device is nothing that was meant. */
function open(path: AbsPath): number {
  const how = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT;
  try {
    const fd = openSync(path, how | constants.O_NOFOLLOW | constants.O_NONBLOCK, 0o600);
    if (fstatSync(fd).isFile()) {
      fchmodSync(fd, 0o600);
      return fd;
    }
    closeSync(fd);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new AegisError("config/invalid", `Cannot write traces to "${path}": ${why}`, { cause });
  }
  throw new AegisError("config/invalid", `Cannot write traces to "${path}": it is no file`);
}
