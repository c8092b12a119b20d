// Whether a folder takes names that differ in case alone for the same, as file systems of other
// systems do, also where a virtual machine or a container shows them by one of Linux. Found out by
// what is there, and nothing is made: a name in another case leads somewhere and is not listed.

import { lstatSync, readdirSync, statfsSync } from "node:fs";
import { basename } from "node:path";
import { type AbsPath, parentOf } from "../base/paths.ts";

/**
 * False of what cannot be listed, and where nothing tells, as in an empty folder that is the root
 * of its file system.
 */
export function ignoresCase(folder: AbsPath): boolean {
  const names = namesIn(folder);
  if (names === undefined) return false;
  for (const name of names) {
    const other = inOtherCase(name);
    if (other !== name && deviceOf(`${folder}/${name}`) !== undefined)
      return isUnlisted(folder, other);
  }
  if (deviceOf(folder) !== deviceOf(parentOf(folder))) return isOfSuchType(folder);
  const other = inOtherCase(basename(folder));
  return other !== basename(folder) && isUnlisted(parentOf(folder), other);
}

function isUnlisted(folder: AbsPath, name: string): boolean {
  const isThere = deviceOf(`${folder}/${name}`) !== undefined;
  return isThere && namesIn(folder)?.includes(name) === false;
}

function inOtherCase(name: string): string {
  return name.replaceAll(/[A-Za-z]/g, (letter) =>
    letter < "a" ? letter.toLowerCase() : letter.toUpperCase(),
  );
}

/** Undefined: they cannot be listed, by the box no more than by us. */
function namesIn(folder: string): string[] | undefined {
  try {
    return readdirSync(folder);
  } catch {
    // ignored: see above
    return undefined;
  }
}

function deviceOf(path: string): number | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false })?.dev;
  } catch {
    // ignored: the same
    return undefined;
  }
}

/** FAT, exFAT, NTFS, CIFS, SMB, HFS and HFS+. */
const suchTypes = [0x4d44, 0x2011bab0, 0x7366746e, 0xff534d42, 0xfe534d42, 0x4244, 0x482b];

function isOfSuchType(folder: string): boolean {
  try {
    return suchTypes.includes(statfsSync(folder).type >>> 0);
  } catch {
    // ignored: the same
    return false;
  }
}
