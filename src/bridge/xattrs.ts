// Extended attributes of files, which Bun has no calls for. Paths come from the caller, who has to
// know that their last name is no link.

import { type Library, ptr } from "bun:ffi";
import { AegisError } from "../base/errors.ts";
import { openLibrary } from "./library.ts";

const functions = {
  llistxattr: { args: ["ptr", "ptr", "u64"], returns: "i64" },
  lgetxattr: { args: ["ptr", "ptr", "ptr", "u64"], returns: "i64" },
  lsetxattr: { args: ["ptr", "ptr", "ptr", "u64", "i32"], returns: "i32" },
  lremovexattr: { args: ["ptr", "ptr"], returns: "i32" },
} as const;

export interface Xattrs {
  /** Every attribute of a file by name; empty where there are none. */
  read(path: string): ReadonlyMap<string, Uint8Array>;
  /** False when the file system takes no such attribute. */
  write(path: string, name: string, value: Uint8Array): boolean;
  remove(path: string, name: string): boolean;
}

/** XATTR_SIZE_MAX and XATTR_LIST_MAX. */
const mostBytes = 65_536;

/** @throws {AegisError} `enforce/helper` where none of the known C libraries is */
export function openXattrs(): Xattrs {
  const calls = load();
  const room = new Uint8Array(mostBytes);
  const value = (path: Uint8Array, name: string): Uint8Array | undefined => {
    const size = Number(calls.lgetxattr(ptr(path), ptr(text(name)), ptr(room), mostBytes));
    return size < 0 ? undefined : room.slice(0, size);
  };
  return {
    read(path) {
      const at = text(path);
      const size = Number(calls.llistxattr(ptr(at), ptr(room), mostBytes));
      const names = new TextDecoder().decode(room.subarray(0, Math.max(size, 0))).split("\0");
      const found = new Map<string, Uint8Array>();
      for (const name of names) {
        const content = name === "" ? undefined : value(at, name);
        if (content !== undefined) found.set(name, content);
      }
      return found;
    },
    write(path, name, content) {
      const bytes = content.length === 0 ? new Uint8Array(1) : content;
      const size = content.length;
      return calls.lsetxattr(ptr(text(path)), ptr(text(name)), ptr(bytes), size, 0) === 0;
    },
    remove(path, name) {
      return calls.lremovexattr(ptr(text(path)), ptr(text(name))) === 0;
    },
  };
}

function text(value: string): Uint8Array {
  return new TextEncoder().encode(`${value}\0`);
}

function load(): Library<typeof functions>["symbols"] {
  const symbols = openLibrary(functions);
  if (symbols !== undefined) return symbols;
  throw new AegisError("enforce/helper", "Cannot reach the C library: none that is known loads");
}
