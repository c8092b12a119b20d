// What the ledger remembers of its own head outside the database: an append-only file elsewhere
// under AEGIS_HOME. Whoever truncates, replaces or rolls back the database has to reach it as well.

import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { AegisError } from "../../base/errors.ts";
import { uniqueSuffix } from "../../base/ids.ts";
import { isErrno, makePrivateDirectory, syncDirectory } from "../files.ts";

export interface RememberedHead {
  readonly origin: string;
  readonly size: number;
  /** Base64. */
  readonly root: string;
  /** The ledger has a checkpoint over it. Absent: nobody knows. */
  readonly isSigned?: boolean;
}

/** When the ledger was put back from a backup, and how much of it that had. */
export interface RestoredHead {
  readonly origin: string;
  readonly size: number;
  readonly unixMs: number;
}

export interface HeadMemory {
  /** For hints: what to move away to start anew. */
  readonly place: string;
  /** The largest of the heads remembered last; cheap. */
  latest(): RememberedHead | undefined;
  /** All of them in the order they were written, and how many lines were no heads. */
  all(): { readonly heads: readonly RememberedHead[]; readonly unreadable: number };
  /** Whether from some moment on no record of that ledger is without a seal. */
  areRecordsSealed(origin: string): boolean;
  /** Durable when it returns. */
  rememberSealedRecords(origin: string): void;
  /** The last time that it was restored here. */
  restored(origin: string): RestoredHead | undefined;
  /** Durable when it returns. */
  rememberRestored(restored: RestoredHead): void;
  /** @param isDurable survives power loss when it returns; for signed heads */
  remember(head: RememberedHead, isDurable: boolean): void;
}

/** Behind a head that was signed. */
const signedMark = "signed";
/** 32 bytes in base64. */
const rootLength = 44;
/** A few lines are enough for `latest`: only writers at the same moment can be out of order. */
const tailSizeBytes = 1024;

/** Where it stands of which ledger the records are sealed; for what is remembered at `path`. */
export function sealedRecordsFile(path: string): string {
  return besideHeads(path, "records");
}

function besideHeads(path: string, folder: string): string {
  return join(dirname(path), "..", folder, basename(path));
}

export function createHeadFile(path: string): HeadMemory {
  return {
    place: path,
    latest() {
      const { heads } = parse(guarded("read", path, () => readEnd(path, tailSizeBytes)));
      const last = heads.at(-1);
      let best = last;
      for (const head of heads) {
        if (head.origin === last?.origin && head.size > (best?.size ?? 0)) best = head;
      }
      return best;
    },
    all() {
      return parse(guarded("read", path, () => readEnd(path, Number.MAX_SAFE_INTEGER)));
    },
    areRecordsSealed(origin) {
      const text = guarded("read", path, () => readEnd(sealedRecordsFile(path), tailSizeBytes));
      return text.split("\n").includes(origin);
    },
    rememberSealedRecords(origin) {
      guarded("write", path, () => {
        const file = sealedRecordsFile(path);
        replaceText(file, `${readEnd(file, Number.MAX_SAFE_INTEGER)}\n${origin}\n`);
      });
    },
    restored(origin) {
      const text = guarded("read", path, () =>
        readEnd(besideHeads(path, "restored"), tailSizeBytes),
      );
      return text === "" ? undefined : restoredIn(text, origin, path);
    },
    rememberRestored({ origin, size, unixMs }) {
      const text = `${origin} ${size} ${unixMs}\n`;
      guarded("write", path, () => replaceText(besideHeads(path, "restored"), text));
    },
    remember({ origin, size, root, isSigned = false }, isDurable) {
      const mark = isSigned ? ` ${signedMark}` : "";
      // The line feed in front ends a line that a crash may have left.
      const line = `\n${origin} ${size} ${root}${mark}\n`;
      guarded("write", path, () => appendText(path, line, isDurable));
    },
  };
}

/** For ledgers that live in memory. */
export function createHeadList(): HeadMemory & { readonly heads: RememberedHead[] } {
  const heads: RememberedHead[] = [];
  const sealed = new Set<string>();
  let last: RestoredHead | undefined;
  return {
    place: "memory",
    heads,
    latest: () => heads.at(-1),
    all: () => ({ heads, unreadable: 0 }),
    areRecordsSealed: (origin) => sealed.has(origin),
    rememberSealedRecords: (origin) => {
      sealed.add(origin);
    },
    restored: (origin) => (last?.origin === origin ? last : undefined),
    rememberRestored: (restored) => {
      last = restored;
    },
    remember: (head) => {
      heads.push(head);
    },
  };
}

/** From the first whole line of the last `sizeBytes`; nothing when there is no file yet. */
function readEnd(path: string, sizeBytes: number): string {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return "";
    throw error;
  }
  try {
    const { size } = fstatSync(fd);
    const start = Math.max(0, size - sizeBytes);
    const buffer = new Uint8Array(size - start);
    const read = readSync(fd, buffer, 0, buffer.length, start);
    const text = new TextDecoder().decode(buffer.subarray(0, read));
    return start === 0 ? text : text.slice(text.indexOf("\n") + 1);
  } finally {
    closeSync(fd);
  }
}

/** A line that a crash cut short is no head, and says nothing. On the way of every launch. */
function parse(text: string): {
  readonly heads: readonly RememberedHead[];
  readonly unreadable: number;
} {
  const heads: RememberedHead[] = [];
  let unreadable = 0;
  for (const line of text.split("\n")) {
    if (line === "") continue;
    const head = parseLine(line);
    if (head === undefined) unreadable += 1;
    else heads.push(head);
  }
  return { heads, unreadable };
}

function restoredIn(text: string, origin: string, path: string): RestoredHead | undefined {
  const [name, sizeText, timeText, ...rest] = text.trimEnd().split(" ");
  const [size, unixMs] = [Number(sizeText), Number(timeText)];
  if (rest.length === 0 && Number.isSafeInteger(size) && Number.isSafeInteger(unixMs)) {
    return name === origin ? { origin, size, unixMs } : undefined;
  }
  const place = besideHeads(path, "restored");
  const message = `Cannot read when the ledger was restored: "${place}" is damaged`;
  throw new AegisError("ledger/unavailable", message, { hint: "restore it from a backup again" });
}

function parseLine(line: string): RememberedHead | undefined {
  const [origin, sizeText, root, ...rest] = line.split(" ");
  const size = Number(sizeText);
  const isHead = origin !== "" && Number.isSafeInteger(size) && root?.length === rootLength;
  const isSigned = rest.length === 1 && rest[0] === signedMark;
  if (!isHead || origin === undefined || !(isSigned || rest.length === 0)) return undefined;
  return isSigned ? { origin, size, root, isSigned } : { origin, size, root };
}

function appendText(path: string, text: string, isDurable: boolean): void {
  const flags = constants.O_WRONLY | constants.O_APPEND | constants.O_NOFOLLOW;
  let fd: number;
  let isNew = false;
  try {
    fd = openSync(path, flags);
  } catch (error) {
    if (!isErrno(error, "ENOENT")) throw error;
    makePrivateDirectory(dirname(path));
    fd = openSync(path, flags | constants.O_CREAT, 0o600);
    isNew = true;
  }
  try {
    writeSync(fd, text);
    if (isDurable) fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  if (isNew) syncDirectory(dirname(path));
}

/** One that is cut short by a crash or a failing disk leaves what was there. */
function replaceText(path: string, text: string): void {
  makePrivateDirectory(dirname(path));
  const temporary = `${path}.${uniqueSuffix()}`;
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;
  const fd = openSync(temporary, flags, 0o600);
  try {
    try {
      writeSync(fd, text);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  syncDirectory(dirname(path));
}

function guarded<T>(verb: "read" | "write", path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    throw new AegisError(
      "ledger/unavailable",
      `Cannot ${verb} the ledger's head memory "${path}": ${detail}`,
      { hint: "check that you own the file and its folder, and that the disk is not full" },
    );
  }
}
