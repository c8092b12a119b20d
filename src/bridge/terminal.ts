// The terminal of this process as a place to ask at: /dev/tty, opened apart from the standard
// streams, which belong to the command. Its settings are changed for a question and given back,
// unless somebody else has changed them meanwhile. Linux only.

import { ptr } from "bun:ffi";
import { closeSync, constants, openSync, readSync, writeSync } from "node:fs";
import { openLibrary } from "./library.ts";

export interface Terminal {
  /** The kernel's number of it, the same for everybody at it; undefined where it has none. */
  readonly number: number | undefined;
  /** False: another job has the terminal, and reading from it would stop this one. */
  isOurs(): boolean;
  write(text: string): void;
  /** Keys come one by one, unseen, and make no signals, until `leave`. */
  enter(): void;
  leave(): void;
  /** Forgets what was typed and not read. */
  flush(): void;
  /** What was typed since; empty when nothing was, undefined when the terminal is gone. */
  read(): string | undefined;
  close(): void;
}

const functions = {
  tcgetattr: { args: ["i32", "ptr"], returns: "i32" },
  tcsetattr: { args: ["i32", "i32", "ptr"], returns: "i32" },
  tcflush: { args: ["i32", "i32"], returns: "i32" },
  tcgetpgrp: { args: ["i32"], returns: "i32" },
  getpgrp: { args: [], returns: "i32" },
  ioctl: { args: ["i32", "u64", "ptr"], returns: "i32" },
} as const;

/** struct termios of the two C libraries, with room to spare. */
const termiosBytes = 64;
const outputFlagsAt = 4;
const localFlagsAt = 12;
const controlsAt = 17;
const flag = {
  opost: 1,
  onlcr: 4,
  isig: 1,
  icanon: 2,
  echo: 8,
  echonl: 64,
  iexten: 0x8000,
} as const;
const control = { vtime: 5, vmin: 6 } as const;
const now = 0;
const inputQueue = 0;
/** TIOCGDEV */
const deviceOf = 0x80045432;

/** Undefined where there is no terminal. */
export function openTerminal(path = "/dev/tty"): Terminal | undefined {
  const libc = openLibrary(functions);
  if (libc === undefined) return undefined;
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK);
  } catch {
    // ignored: without a terminal there is nobody to ask, which is what undefined says
    return undefined;
  }
  let before: Uint8Array | undefined;
  let ours: Uint8Array | undefined;
  const current = () => {
    const settings = new Uint8Array(termiosBytes);
    return libc.tcgetattr(fd, ptr(settings)) === 0 ? settings : undefined;
  };
  const device = new Uint32Array(1);
  const isKnown = libc.ioctl(fd, deviceOf, ptr(device)) === 0;
  return {
    number: isKnown ? device[0] : undefined,
    isOurs: () => libc.tcgetpgrp(fd) === libc.getpgrp(),
    write: (text) => writeFully(fd, text),
    enter() {
      before = current();
      if (before === undefined) return;
      libc.tcsetattr(fd, now, ptr(keyByKey(before)));
      ours = current();
    },
    leave() {
      const is = current();
      const isChanged = is === undefined || ours === undefined || !isSame(is, ours);
      if (before !== undefined && !isChanged) libc.tcsetattr(fd, now, ptr(before));
      before = undefined;
    },
    flush: () => void libc.tcflush(fd, inputQueue),
    read: () => readSome(fd),
    close: () => closeSync(fd),
  };
}

function keyByKey(settings: Uint8Array): Uint8Array {
  const changed = settings.slice();
  const view = new DataView(changed.buffer);
  const off = flag.isig | flag.icanon | flag.echo | flag.echonl | flag.iexten;
  view.setUint32(localFlagsAt, view.getUint32(localFlagsAt, true) & ~off, true);
  const output = view.getUint32(outputFlagsAt, true) | flag.opost | flag.onlcr;
  view.setUint32(outputFlagsAt, output, true);
  changed[controlsAt + control.vmin] = 1;
  changed[controlsAt + control.vtime] = 0;
  return changed;
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return one.every((byte, index) => byte === other[index]);
}

const keysMax = 256;

function readSome(fd: number): string | undefined {
  const bytes = new Uint8Array(keysMax);
  try {
    const size = readSync(fd, bytes);
    return size === 0 ? undefined : new TextDecoder().decode(bytes.subarray(0, size));
  } catch (error) {
    if (codeOf(error) === "EAGAIN" || codeOf(error) === "EINTR") return "";
    // ignored: a terminal that cannot be read has nobody at it, which is what undefined says
    return undefined;
  }
}

/** One that takes nothing for a second is stopped or gone; the question is then unanswered. */
function writeFully(fd: number, text: string): void {
  let rest: Uint8Array = new TextEncoder().encode(text);
  for (let attempt = 0; rest.length > 0 && attempt < 100; attempt++) {
    try {
      rest = rest.subarray(writeSync(fd, rest));
    } catch (error) {
      if (codeOf(error) !== "EAGAIN") return;
      Bun.sleepSync(10);
    }
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}
