// Moves bytes between two sockets inside the kernel (splice), for connections that carry many. Once
// nothing of a direction has to be looked at, copying through this process would be its only cost.
// Everything else, waiting for sockets and their ends, stays with the runtime.

import { dlopen, ptr } from "bun:ffi";
import type { Endpoint } from "./endpoint.ts";

/** One direction of a connection. */
export interface Bulk {
  /**
   * Moves what there is. `dry`: wait for the source. `blocked`: wait for the sink, whose endpoint
   * says when. `more`: there is more, but others want their turn.
   */
  move(): "dry" | "blocked" | "more";
  close(): void;
}

export interface Kernel {
  splice(from: number, to: number, sizeBytes: number): number;
  read(fd: number, into: Uint8Array): number;
  /** A pipe that does not wait; undefined when there is none to have. */
  pipe(): readonly [number, number] | undefined;
  close(fd: number): void;
}

/** What a pipe is asked to hold: the most a plain user gets. */
const pipeBytes = 1 << 20;
/** What one connection may move before others have their turn. */
const turnBytes = 8 << 20;
/** Read back when the sink is full, so that the runtime waits for it: as little as can be. */
const nudgeBytes = 4096;

/** Undefined where the kernel cannot: then everything is copied. */
export function openBulk(kernel: Kernel, source: Endpoint, sink: Endpoint): Bulk | undefined {
  const ends = kernel.pipe();
  if (ends === undefined) return undefined;
  const [readEnd, writeEnd] = ends;
  let held = 0;

  /** False when the sink is full. */
  function empty(): boolean {
    while (held > 0) {
      const sent = kernel.splice(readEnd, sink.fd, held);
      if (sent > 0) {
        held -= sent;
        sink.bytesSent += sent;
        continue;
      }
      const nudge = new Uint8Array(Math.min(held, nudgeBytes));
      held -= kernel.read(readEnd, nudge);
      if (!sink.write(nudge)) return false;
    }
    return true;
  }

  return {
    move() {
      for (let moved = 0; moved < turnBytes; ) {
        if (source.isClosed || sink.isClosed || !sink.isIdle) return "blocked";
        if (!empty()) return "blocked";
        const taken = kernel.splice(source.fd, writeEnd, pipeBytes);
        // An end or a fault of the source is for the runtime to see.
        if (taken <= 0) return "dry";
        source.bytesReceived += taken;
        held += taken;
        moved += taken;
      }
      return empty() ? "more" : "blocked";
    },
    close() {
      kernel.close(readEnd);
      kernel.close(writeEnd);
    },
  };
}

/** SPLICE_F_MOVE | SPLICE_F_NONBLOCK. */
const spliceFlags = 0x3;
/** O_NONBLOCK | O_CLOEXEC. */
const pipeFlags = 0o2004000;
/** F_SETPIPE_SZ. */
const setPipeSize = 1031;

/** Undefined where there is no splice: only Linux has it. */
export function openKernel(): Kernel | undefined {
  for (const name of ["libc.so.6", "libc.musl-x86_64.so.1", "libc.musl-aarch64.so.1"]) {
    try {
      return kernelOf(name);
    } catch {
      // ignored: the next one is tried, and without any everything is copied
    }
  }
  return undefined;
}

function kernelOf(library: string): Kernel {
  const { symbols } = dlopen(library, {
    splice: { args: ["i32", "ptr", "i32", "ptr", "u64", "u32"], returns: "i64" },
    read: { args: ["i32", "ptr", "u64"], returns: "i64" },
    pipe2: { args: ["ptr", "i32"], returns: "i32" },
    fcntl: { args: ["i32", "i32", "i32"], returns: "i32" },
    close: { args: ["i32"], returns: "i32" },
  });
  return {
    splice: (from, to, size) => Number(symbols.splice(from, null, to, null, size, spliceFlags)),
    read: (fd, into) => Math.max(Number(symbols.read(fd, ptr(into), into.length)), 0),
    pipe: () => {
      const ends = new Int32Array(2);
      if (symbols.pipe2(ptr(ends), pipeFlags) !== 0) return undefined;
      const [readEnd = -1, writeEnd = -1] = ends;
      symbols.fcntl(writeEnd, setPipeSize, pipeBytes);
      return [readEnd, writeEnd];
    },
    close: (fd) => {
      symbols.close(fd);
    },
  };
}
