// Making committed transactions durable on another thread, so that this one goes on meanwhile: the
// write-ahead log is flushed as SQLite would flush it, only later, and nobody is told before that.

import { closeSync, constants, fdatasync, openSync } from "node:fs";
import { dirname } from "node:path";
import { syncDirectory } from "../files.ts";

export interface LogSync {
  /**
   * Before what is to be flushed is written: whoever opens a file after a flush of it failed, and
   * somebody was told, is told nothing.
   */
  open(): void;
  /**
   * Everything that was committed before it was called is durable when it resolves. Once it failed
   * it always does.
   */
  done(): Promise<void>;
  close(): void;
}

/**
 * Flushes follow each other, and those who ask while one is under way share the next: Linux tells
 * of a failed write once, so of two flushes at once only one would hear of what both have lost.
 * @param path of the database
 */
export function createLogSync(path: string): LogSync {
  let fd: number | undefined;
  let last: Promise<void> = Promise.resolve();
  /** Not begun yet. */
  let next: Promise<void> | undefined;

  function open(): number {
    fd ??= openLog(path);
    return fd;
  }

  function flush(): Promise<void> {
    next = undefined;
    const file = open();
    return new Promise((resolve, reject) => {
      fdatasync(file, (error) => (error === null ? resolve() : reject(error)));
    });
  }

  return {
    open,
    done() {
      if (next === undefined) {
        next = last.then(flush);
        last = next;
      }
      return next;
    },
    close() {
      if (fd !== undefined) closeSync(fd);
      fd = undefined;
    },
  };
}

/** It stays the same file for as long as a connection is open. */
function openLog(path: string): number {
  const fd = openSync(`${path}-wal`, constants.O_RDONLY);
  // SQLite may have made it without ever having flushed its name.
  syncDirectory(dirname(path));
  return fd;
}
