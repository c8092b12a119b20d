// Which places of a box a dry run has to keep apart, and whether they can be: everything the box
// may change on the host has to be a folder of its own in the mount table, without mounts below.

import { readFileSync, statSync } from "node:fs";
import { AegisError } from "../../base/errors.ts";
import { contains } from "../../base/paths.ts";
import { coversIn, mountsOf, writableIn } from "../../bridge/overlay-plan.ts";
import { type Mount, parseMounts } from "../../policy/other-mounts.ts";
import type { OverlayPlaces } from "../backend.ts";

/** @throws {AegisError} `enforce/insufficient` when something would be changed for real */
export function overlayPlaces(plan: Uint8Array): OverlayPlaces {
  const mounts = mountsOf(plan);
  if (!mounts.some(({ step }) => step === "read-only-root")) {
    throw insufficient(
      "the box has no mounts of its own, or may change everything",
      "see `aegis setup`; grant the folders the command works in, not everything",
    );
  }
  const mounted = parseMounts(readFileSync("/proc/self/mountinfo", "utf8"));
  const places = writableIn(mounts);
  const kept = places.filter((place) => !holdsTerminals(place, mounted));
  for (const place of kept) refuseUnfit(place, places, mounted);
  return { places: kept, covers: coversIn(mounts) };
}

/**
 * Terminals are no files: they can be written where everything is read-only, and only their modes
 * cannot be changed then.
 */
function holdsTerminals(place: string, mounted: readonly Mount[]): boolean {
  return mounted.findLast((mount) => mount.place === place)?.type === "devpts";
}

function refuseUnfit(place: string, places: readonly string[], mounted: readonly Mount[]): void {
  if (!statSync(place).isDirectory()) {
    throw insufficient(`"${place}" is a file that may be written`, "grant the folder it lies in");
  }
  if (places.some((other) => other !== place && contains(other, place))) {
    const hint = "leave out the rule that forbids only deleting it";
    throw insufficient(`"${place}" is a mount of its own in a writable folder`, hint);
  }
  const below = mounted.find(
    (mount) => mount.place !== place && contains(place, mount.place),
  )?.place;
  if (below !== undefined) {
    throw insufficient(
      `another file system is mounted at "${below}", in the writable folder "${place}"`,
      "unmount it, or grant the folders beside it",
    );
  }
}

function insufficient(why: string, hint: string): AegisError {
  return new AegisError("enforce/insufficient", `Cannot keep a dry run apart: ${why}`, { hint });
}
