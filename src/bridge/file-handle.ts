// Which file a path is, in the words an overlay keeps of what it has copied: a file handle tells a
// folder from another that took its name, whatever their times.

import { ptr } from "bun:ffi";
import { openLibrary } from "./library.ts";

const functions = {
  name_to_handle_at: { args: ["i32", "ptr", "ptr", "ptr", "i32"], returns: "i32" },
} as const;

const currentFolder = -100;
/** MAX_HANDLE_SZ */
const handleMax = 128;
/** struct file_handle: handle_bytes, handle_type. */
const handleHead = 8;
/** struct ovl_fb: version, magic, len, flags, type, 16 bytes uuid. */
const originTypeAt = 4;
const originHead = 21;

/**
 * Whether `path`, whose last name is no link, is what an overlay's attribute `origin` was written
 * for; undefined where the file system has no handles or the attribute says nothing.
 */
export type IsOrigin = (path: string, origin: Uint8Array) => boolean | undefined;

export function openHandles(): IsOrigin {
  const calls = openLibrary(functions);
  return (path, origin) => {
    if (calls === undefined || origin.length <= originHead) return undefined;
    const room = new Uint8Array(handleHead + handleMax);
    const view = new DataView(room.buffer);
    view.setUint32(0, handleMax, true);
    const name = new TextEncoder().encode(`${path}\0`);
    const mount = new Int32Array(1);
    if (calls.name_to_handle_at(currentFolder, ptr(name), ptr(room), ptr(mount), 0) !== 0)
      return undefined;
    const handle = room.subarray(handleHead, handleHead + view.getUint32(0, true));
    return (
      view.getInt32(4, true) === origin[originTypeAt] &&
      Buffer.from(handle).equals(origin.subarray(originHead))
    );
  };
}
