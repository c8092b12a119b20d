// Where memory files may not be executed: the helper as a file in a directory of ours. What is
// executed is the descriptor whose content was compared, so replacing the file afterwards changes
// nothing.

import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { AegisError } from "../base/errors.ts";

/**
 * A descriptor of a file in `directory` that holds exactly `bytes` and can be executed.
 * @throws {AegisError} `enforce/helper` when the directory or file is not ours alone, or not
 * writable
 */
export function openCachedHelper(directory: string, bytes: Uint8Array): number {
  const hash = new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
  const path = join(directory, `helper-${hash}`);
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    requireOurs(directory);
    return openVerified(path, bytes) ?? openVerified(write(path, bytes), bytes) ?? refuse(path);
  } catch (error) {
    if (error instanceof AegisError) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw unusable(`"${directory}" cannot hold it: ${why}`);
  }
}

function requireOurs(directory: string): void {
  const status = lstatSync(directory);
  const isOurs = status.isDirectory() && status.uid === process.geteuid?.();
  if (!isOurs || (status.mode & 0o077) !== 0)
    throw unusable(`"${directory}" is not a directory of this user alone (mode 0700)`);
}

/** Undefined when there is no such file or it holds something else. */
function openVerified(path: string, bytes: Uint8Array): number | undefined {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch {
    // ignored: a file that cannot be opened is written again
    return undefined;
  }
  const status = fstatSync(fd);
  const isOurs = status.isFile() && status.uid === process.geteuid?.() && status.nlink === 1;
  if (isOurs && (status.mode & 0o777) === 0o700 && Buffer.compare(readFileSync(fd), bytes) === 0)
    return fd;
  closeSync(fd);
  return undefined;
}

function write(path: string, bytes: Uint8Array): string {
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, bytes, { mode: 0o700, flag: "wx" });
  renameSync(draft, path);
  return path;
}

function refuse(path: string): never {
  throw unusable(`"${path}" does not hold what was just written to it`);
}

function unusable(why: string): AegisError {
  return new AegisError(
    "enforce/helper",
    `Cannot make the native helper executable: memory files are not allowed here and ${why}`,
    { hint: "allow memory files (sysctl vm.memfd_noexec=1) or free a directory for the cache" },
  );
}
