// The place of a server's Unix socket: one server at a time, in a folder where nobody else can put
// a socket of theirs. What a dead server left is replaced, what a living one listens on is not.

import {
  type BigIntStats,
  chmodSync,
  closeSync,
  constants,
  fstatSync,
  lchownSync,
  lstatSync,
  openSync,
  realpathSync,
  rmSync,
  statSync,
  unlinkSync,
} from "node:fs";
import { connect } from "node:net";
import { basename, dirname, join } from "node:path";
import { AegisError } from "../../base/errors.ts";
import type { AbsPath } from "../../base/paths.ts";
import { lockFile } from "../../bridge/file-lock.ts";

export interface SocketClaim {
  readonly path: string;
  /**
   * Runs `bind`, which makes the socket, so that it never has more than its mode: 0600, or 0660
   * for `group`.
   * @throws {AegisError} when there is no socket afterwards, or the group cannot be given it
   */
  make(bind: () => void, group: number | undefined): void;
  /** Takes the socket away, if it is still the one that was made, and gives up the place. */
  release(): void;
}

/** Of a `sockaddr_un`, bytes, without the zero that ends it. */
const pathMaxBytes = 107;
/** How long a server that listens there already may take to take a connection, milliseconds. */
const answerMs = 5000;
const lockTries = 16;

/** @throws {AegisError} when the path cannot be a socket's, or somebody listens there */
export async function claimSocket(path: AbsPath): Promise<SocketClaim> {
  const place = placeOf(path);
  const lock = takeLock(place);
  try {
    await removeStale(place);
  } catch (error) {
    giveUpLock(place, lock);
    throw error;
  }
  let made: BigIntStats | undefined;
  let isReleased = false;
  return {
    path: place,
    make(bind, group) {
      // Between bind() and chmod() anyone could connect to a socket of the usual mode.
      const before = process.umask(0o177);
      try {
        bind();
      } finally {
        process.umask(before);
      }
      if (statOf(place)?.isSocket() !== true) throw unusable(place, "it could not be made");
      if (group !== undefined) shareWith(place, group);
      made = statOf(place);
    },
    release() {
      if (isReleased) return;
      isReleased = true;
      if (isSame(made, statOf(place))) unlinkSync(place);
      giveUpLock(place, lock);
    },
  };
}

/** With its folder's real name, so that no link on the way leads elsewhere later. */
function placeOf(path: AbsPath): string {
  let folder: string;
  try {
    folder = realpathSync(dirname(path));
  } catch (cause) {
    throw unusable(path, cause instanceof Error ? cause.message : String(cause), "make its folder");
  }
  requireOwn(path, folder);
  const place = join(folder, basename(path));
  for (const one of [path, place]) {
    const size = Buffer.byteLength(one);
    if (size <= pathMaxBytes) continue;
    const why = `"${one}" has ${size} bytes, and the path of a socket at most ${pathMaxBytes}`;
    throw unusable(path, why, "choose a shorter one");
  }
  return place;
}

/** Whoever may write to a folder on the way may put another socket there. */
function requireOwn(path: AbsPath, folder: string): void {
  const self = process.geteuid?.() ?? 0;
  for (let one = folder; ; one = dirname(one)) {
    const { uid, mode } = statSync(one);
    if (uid !== self && uid !== 0) {
      throw unusable(path, `the folder "${one}" belongs to another user`, ownFolder);
    }
    // In a sticky folder others cannot replace what is not theirs, but they may be there first.
    const isSafe = (mode & 0o022) === 0 || (one !== folder && (mode & 0o1000) !== 0);
    if (!isSafe) {
      const hint = `run \`chmod go-w ${one}\`, or ${ownFolder}`;
      throw unusable(path, `other users may write to the folder "${one}"`, hint);
    }
    if (one === dirname(one)) return;
  }
}

const ownFolder = "choose a folder that only the server's account may write to";

/**
 * Of the file beside the socket: two servers that find the same dead one's socket would each
 * replace it, and the first be left without.
 */
function takeLock(place: string): number {
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW;
  for (let tries = 0; tries < lockTries; tries++) {
    let fd: number;
    try {
      fd = openSync(lockOf(place), flags, 0o600);
    } catch (cause) {
      throw unusable(place, cause instanceof Error ? cause.message : String(cause));
    }
    if (!lockFile(fd)) {
      closeSync(fd);
      throw inUse(place);
    }
    // Whoever had it until now has removed the file it is on, and the next one locks another.
    if (lstatSync(lockOf(place), { throwIfNoEntry: false })?.ino === fstatSync(fd).ino) return fd;
    closeSync(fd);
  }
  throw inUse(place);
}

function giveUpLock(place: string, fd: number): void {
  rmSync(lockOf(place), { force: true });
  closeSync(fd);
}

function lockOf(place: string): string {
  return `${place}.lock`;
}

function statOf(place: string): BigIntStats | undefined {
  return lstatSync(place, { throwIfNoEntry: false, bigint: true });
}

/** The number alone is given to the next file at once. */
function isSame(one: BigIntStats | undefined, other: BigIntStats | undefined): boolean {
  if (one === undefined || other === undefined) return false;
  return one.dev === other.dev && one.ino === other.ino && one.ctimeNs === other.ctimeNs;
}

async function removeStale(place: string): Promise<void> {
  const there = lstatSync(place, { throwIfNoEntry: false });
  if (there === undefined) return;
  if (!there.isSocket()) throw unusable(place, "something that is no socket is there");
  if (there.uid !== (process.geteuid?.() ?? 0)) {
    throw unusable(place, "a socket of another user is there");
  }
  if (await isServed(place)) throw inUse(place);
  unlinkSync(place);
}

/** Whatever is no clear refusal may be a server. */
function isServed(place: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(place);
    const end = (served: boolean): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(served);
    };
    const timer = setTimeout(() => end(true), answerMs);
    socket.once("connect", () => end(true));
    socket.once("error", (error) => end(!("code" in error) || error.code !== "ECONNREFUSED"));
  });
}

function shareWith(place: string, group: number): void {
  try {
    lchownSync(place, process.geteuid?.() ?? 0, group);
    chmodSync(place, 0o660);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    const hint = "an account can give it to the groups it is in, root to any";
    throw unusable(place, `it cannot be given to the group ${group}: ${why}`, hint);
  }
}

function inUse(place: string): AegisError {
  return unusable(place, "a server listens there", "stop that one, or choose another path");
}

function unusable(path: string, why: string, hint?: string): AegisError {
  return new AegisError("config/invalid", `Cannot listen on the socket "${path}": ${why}`, {
    hint,
  });
}
