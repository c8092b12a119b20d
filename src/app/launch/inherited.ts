// The standard streams a box inherits. What is open there was opened outside, so it is not on the
// box's mounts, and its mode, owner, times and attributes are its own to change, whatever it was
// opened for.

import { fstatSync, readlinkSync, type Stats } from "node:fs";

/** True when one of the streams is something whose modes or attributes its user could change. */
export function inheritsFiles(user: number): boolean {
  return [0, 1, 2].some((fd) => {
    const found = statusOf(fd);
    if (found === undefined) return false;
    if (found.isFile() || found.isDirectory()) return true;
    const isNamed = found.isFIFO()
      ? isFile(fd)
      : found.isCharacterDevice() || found.isBlockDevice();
    return isNamed && found.uid === user;
  });
}

/** A pipe without a name ends with those who hold it, and so does what is changed about it. */
function isFile(pipe: number): boolean {
  try {
    return readlinkSync(`/proc/self/fd/${pipe}`).startsWith("/");
  } catch {
    // ignored: what cannot be looked at may be a file
    return true;
  }
}

function statusOf(fd: number): Stats | undefined {
  try {
    return fstatSync(fd);
  } catch {
    // ignored: a stream that is closed is nothing to change
    return undefined;
  }
}
