// The only writer to standard output (data) and standard error (talk). Synchronous on purpose:
// process.stdout costs 8 ms of start-up and loses its tail when the process ends. A reader that
// went away is an answer here, never an error.

import { fstatSync, statSync, writeSync } from "node:fs";
import { withPath } from "../base/errors.ts";

/**
 * How long to wait before trying a full non-blocking pipe again, milliseconds: short against a
 * reader's time slice.
 */
const retryAfterMs = 2;

/** Writes data for the caller's pipeline. False when the reader is gone: stop producing. */
export function writeOut(text: string | Uint8Array): boolean {
  return writeAll(1, text);
}

/** Writes talk for a person. False when nobody reads any more. */
export function writeErr(text: string): boolean {
  return writeAll(2, text);
}

/**
 * True when the descriptor leads to a character device other than /dev/null: a terminal, without
 * loading node:tty.
 */
export function isTerminal(fd: 0 | 1 | 2): boolean {
  try {
    const found = fstatSync(fd);
    return found.isCharacterDevice() && found.rdev !== statSync("/dev/null").rdev;
  } catch {
    // ignored: a descriptor that cannot be examined is no terminal
    return false;
  }
}

function writeAll(fd: 1 | 2, text: string | Uint8Array): boolean {
  const bytes = typeof text === "string" ? Buffer.from(text) : text;
  let written = 0;
  while (written < bytes.length) {
    try {
      written += writeSync(fd, bytes, written);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code === "EAGAIN" || code === "EINTR") Bun.sleepSync(retryAfterMs);
      else if (code === "EPIPE" || code === "EBADF" || code === "EIO") return false;
      else throw withPath(error, fd === 1 ? "standard output" : "standard error");
    }
  }
  return true;
}
