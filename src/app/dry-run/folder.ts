// Folders by descriptor: a name is looked up in the very folder that was opened, and no link is
// followed on the way. What lies there may be changed by others meanwhile, a box among them.

import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  rmdirSync,
  unlinkSync,
} from "node:fs";

const folderFlags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/** What tells a file from another in its place, and one state of it from a later one. */
export type Look = ReturnType<typeof lookAt>;

/** A folder that is open; `at` is a path of a name in it. */
export interface Folder {
  readonly fd: number;
  at(name: string): string;
}

export function openFolder(path: string): Folder {
  const fd = openSync(path, folderFlags);
  return { fd, at: (name) => `/proc/self/fd/${fd}/${name}` };
}

/** @param steps names of folders, each in the one before */
export function withFolder<T>(
  root: string,
  identity: { readonly dev: bigint; readonly ino: bigint },
  steps: readonly string[],
  use: (folder: Folder) => T,
): T {
  let folder = openFolder(root);
  try {
    const { dev, ino } = fstatSync(folder.fd, { bigint: true });
    if (dev !== identity.dev || ino !== identity.ino)
      throw new Error(`"${root}" is another folder than it was`);
    for (const step of steps) {
      const next = openFolder(folder.at(step));
      closeSync(folder.fd);
      folder = next;
    }
    return use(folder);
  } finally {
    closeSync(folder.fd);
  }
}

/** Undefined when there is nothing of that name. */
export function lookAt(path: string) {
  return lstatSync(path, { bigint: true, throwIfNoEntry: false });
}

/** Removes a tree of a folder that others may change meanwhile. */
export function removeIn(folder: Folder, name: string): void {
  const found = lookAt(folder.at(name));
  if (found === undefined) return;
  if (!found.isDirectory()) {
    unlinkSync(folder.at(name));
    return;
  }
  const inner = openFolder(folder.at(name));
  try {
    for (const each of readdirSync(`/proc/self/fd/${inner.fd}`)) removeIn(inner, each);
  } finally {
    closeSync(inner.fd);
  }
  rmdirSync(folder.at(name));
}
