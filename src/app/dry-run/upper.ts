// What a box left in the upper layer of an overlay, read into memory before anything is done with
// it. The box chose every name, mode and attribute in it; it has ended, and nobody else can reach
// the layer, so plain paths are safe here as long as no link is followed.

import { chmodSync, readdirSync, readlinkSync } from "node:fs";
import type { Xattrs } from "../../bridge/xattrs.ts";
import { type Look, lookAt } from "./folder.ts";

/**
 * - `whiteout`: what was there under this name is deleted.
 * - `other`: a FIFO, socket or device, or a name that is no UTF-8.
 */
export type UpperKind = "file" | "folder" | "link" | "whiteout" | "other";

export interface UpperEntry {
  readonly name: string;
  readonly kind: UpperKind;
  /** Path in the upper layer. */
  readonly path: string;
  readonly look: NonNullable<Look>;
  /** Nothing of the folder below shows through. */
  readonly isOpaque: boolean;
  /** Of a copy of what was there, changed or not: which file that was. */
  readonly origin: Uint8Array | undefined;
  readonly target: string;
  /** Without the overlay's own. */
  readonly attributes: ReadonlyMap<string, Uint8Array>;
  readonly children: readonly UpperEntry[];
}

const ownPrefix = "user.overlay.";

export function readUpper(path: string, name: string, xattrs: Xattrs): UpperEntry {
  const look = lookAt(path);
  if (look === undefined) throw new Error(`the upper layer has lost "${path}"`);
  const isFolder = look.isDirectory();
  if (isFolder && (look.mode & 0o700n) !== 0o700n) chmodSync(path, 0o700);
  if (look.isFile() && (look.mode & 0o400n) === 0n) chmodSync(path, 0o600);
  const all = xattrs.read(path);
  const attributes = [...all].filter(([key]) => !key.startsWith(ownPrefix) && isCarried(key));
  return {
    name,
    kind: kindOf(look, all),
    path,
    look,
    isOpaque: Buffer.from(all.get(`${ownPrefix}opaque`) ?? []).toString() === "y",
    origin: all.get(`${ownPrefix}origin`),
    target: look.isSymbolicLink() ? readlinkSync(path) : "",
    attributes: new Map(attributes),
    children: isFolder ? childrenOf(path, xattrs) : [],
  };
}

/** Labels and checksums of the system are the place's own matter. */
export function isCarried(attribute: string): boolean {
  return attribute.startsWith("user.") || attribute.startsWith("system.posix_acl_");
}

function kindOf(look: NonNullable<Look>, attributes: ReadonlyMap<string, Uint8Array>): UpperKind {
  if (look.isCharacterDevice() && look.rdev === 0n) return "whiteout";
  if (look.isFile()) return attributes.has(`${ownPrefix}whiteout`) ? "whiteout" : "file";
  if (look.isDirectory()) return "folder";
  return look.isSymbolicLink() ? "link" : "other";
}

function childrenOf(path: string, xattrs: Xattrs): UpperEntry[] {
  const names = readdirSync(path, { encoding: "buffer" });
  const texts = names.map((name) => name.toString());
  const odd = names.find((name, index) => !Buffer.from(texts[index] ?? "").equals(name));
  if (odd !== undefined)
    throw new Error(`the name ${JSON.stringify(odd.toString("latin1"))} in "${path}" is no UTF-8`);
  return texts
    .sort((a, b) => (a < b ? -1 : 1))
    .map((name) => readUpper(`${path}/${name}`, name, xattrs));
}
