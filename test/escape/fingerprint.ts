// What a path is and holds, in one line: two equal ones mean that nobody changed it.

import { lstatSync, readdirSync, readFileSync, readlinkSync, type Stats } from "node:fs";
import { join } from "node:path";

export function fingerprint(path: string): string {
  const status = statusOf(path);
  if (status === undefined) return "absent";
  const { mode, uid, gid, nlink, ctimeMs } = status;
  // The time of the last change tells of attributes and times too.
  const head = `${mode.toString(8)}:${uid}:${gid}:${status.isDirectory() ? 0 : nlink}:${ctimeMs}`;
  if (status.isSymbolicLink()) return `${head}>${readlinkSync(path)}`;
  if (status.isFile()) return `${head}=${Bun.hash(readFileSync(path)).toString(16)}`;
  if (!status.isDirectory()) return head;
  const names = readdirSync(path).sort();
  return `${head}{${names.map((name) => `${name} ${fingerprint(join(path, name))}`).join(", ")}}`;
}

function statusOf(path: string): Stats | undefined {
  try {
    return lstatSync(path);
  } catch {
    // ignored: it is not there, or a file is where a folder above it should be
    return undefined;
  }
}
