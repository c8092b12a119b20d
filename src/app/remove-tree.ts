// Removes what a launch left in a folder of its own. A box may have named what lies there, and a
// file system may have closed it to its owner.

import {
  chmodSync,
  closeSync,
  constants,
  lstatSync,
  openSync,
  readdirSync,
  rmdirSync,
  unlinkSync,
} from "node:fs";

/**
 * Removes a file, or a folder with all that is in it, also where its owner may not look into it.
 * Follows no link. @param path its folder must not be anybody else's to change
 */
export function removeTree(path: string): void {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isDirectory()) {
    unlinkSync(path);
    return;
  }
  if ((found.mode & 0o700) !== 0o700) chmodSync(path, 0o700);
  for (const name of readdirSync(path, { encoding: "buffer" })) removeNamed(path, name);
  rmdirSync(path);
}

/** A name need not be text. */
function removeNamed(folder: string, name: Buffer): void {
  const text = name.toString();
  if (Buffer.from(text).equals(name)) {
    removeTree(`${folder}/${text}`);
    return;
  }
  const path = Buffer.concat([Buffer.from(`${folder}/`), name]);
  const found = lstatSync(path);
  if (!found.isDirectory()) {
    unlinkSync(path);
    return;
  }
  chmodSync(path, 0o700);
  const opened = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    for (const inner of readdirSync(`/proc/self/fd/${opened}`, { encoding: "buffer" }))
      removeNamed(`/proc/self/fd/${opened}`, inner);
  } finally {
    closeSync(opened);
  }
  rmdirSync(path);
}
