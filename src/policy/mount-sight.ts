// What a plan depends on of the table of mounts: those on the way to what its rules forbid, those
// in it, and all of the file systems it lies on. Others come and go (removable media, containers,
// other programs' namespaces) and change nothing. Pure, given the table.

import { sha256Hex } from "../base/hash.ts";
import { contains } from "../base/paths.ts";
import type { Capability } from "../model/capability.ts";
import {
  type Mount,
  otherPlaces,
  parseMounts,
  placedBy,
  placeOf,
  showing,
} from "./other-mounts.ts";

export interface MountSight {
  /** Of the whole table: nearly always it is the very same, and need not be looked into. */
  readonly digest: string;
  /** What is forbidden, and its names by other mounts, also those something lies over. */
  readonly places: readonly string[];
  /** The file systems it lies on. */
  readonly devices: readonly string[];
  /** The lines that concern these, without their numbers. */
  readonly seen: string;
}

/** @param realPath as for `withOtherMounts` */
export function sightOf(
  capabilities: readonly Capability[],
  table: string,
  realPath: (path: string) => string | undefined,
): MountSight {
  const mounts = parseMounts(table);
  const where = placedBy(realPath);
  const places = new Set<string>();
  const devices = new Set<string>();
  for (const capability of capabilities) {
    const about = capability.effect === "forbid" ? placeOf(capability) : undefined;
    if (about === undefined) continue;
    const path = where(about.folder);
    if (places.has(path) && !about.isTree) continue;
    places.add(path);
    for (const { from } of showing(path, about.isTree, mounts)) devices.add(from.device);
    for (const { name } of otherPlaces(path, about.isTree, mounts)) places.add(name);
  }
  const about = { places: [...places], devices: [...devices] };
  return { ...about, digest: sha256Hex(table), seen: concerning(about, mounts) };
}

/** True when the table is the same to a plan that was made for what was seen. */
export function isSeenAgain(sight: MountSight, table: string): boolean {
  return sha256Hex(table) === sight.digest || concerning(sight, parseMounts(table)) === sight.seen;
}

function concerning(
  { places, devices }: Pick<MountSight, "places" | "devices">,
  mounts: readonly Mount[],
): string {
  const isOnTheWay = ({ place }: Mount) =>
    places.some((path) => contains(place, path) || contains(path, place));
  const kept = mounts.filter((mount) => devices.includes(mount.device) || isOnTheWay(mount));
  const order = new Map(kept.map(({ id }, index) => [id, index]));
  return JSON.stringify(
    kept.map(({ parent, device, root, place }) => [order.get(parent) ?? -1, device, root, place]),
  );
}
