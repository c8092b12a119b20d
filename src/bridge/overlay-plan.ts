// A kept box whose writable places become overlays: what is changed there goes to a folder of the
// launch. It reads back the mounts that encode-plan.ts wrote. No I/O.

import { kinds, mountSteps, writeOverlay } from "./encode-plan.ts";
import { countRecords, headerSize, PlanWriter, recordsOf } from "./plan-writer.ts";

export interface KeptMount {
  readonly step: string;
  /** "" for a step without one. */
  readonly path: string;
  readonly start: number;
  readonly end: number;
}

/** Where one writable place keeps what is changed in it. */
export interface OverlayLayers {
  readonly place: string;
  readonly upper: string;
  readonly work: string;
}

/** The mounts of a box as `encodeBox` made it, in their order. */
export function mountsOf(box: Uint8Array): readonly KeptMount[] {
  const found: KeptMount[] = [];
  const names = new Map(Object.entries(mountSteps).map(([name, number]) => [number, name]));
  let start = headerSize;
  for (const { kind, end, firstWord } of recordsOf(box)) {
    if (kind === kinds.mount) {
      const step = names.get((firstWord & 0xffff) as never) ?? "";
      found.push({ step, path: pathAt(box, start), start, end });
    }
    start = end;
  }
  return found;
}

/** Steps that leave a place as it is. */
const coverSteps: ReadonlySet<string> = new Set(["read-only", "mask-directory", "mask-file"]);

/** Paths that a box may not change, though they may lie where it may. */
export function coversIn(mounts: readonly KeptMount[]): readonly string[] {
  return mounts.filter(({ step }) => coverSteps.has(step)).map(({ path }) => path);
}

/**
 * Places a box may change something in. What a private /tmp shows of the host's and the box may
 * not change is put there like one, with a cover right on it.
 */
export function writableIn(mounts: readonly KeptMount[]): readonly string[] {
  const covers = new Set(coversIn(mounts));
  return mounts
    .filter(({ step, path }) => step === "writable" && !covers.has(path))
    .map(({ path }) => path);
}

/** Every writable place with its overlay in its stead; one without stays read-only. */
export function withOverlays(box: Uint8Array, layers: readonly OverlayLayers[]): Uint8Array {
  const writer = new PlanWriter(box.slice(0, headerSize));
  let copied = headerSize;
  let taken = 0;
  const mounts = mountsOf(box);
  const writable = new Set(writableIn(mounts));
  for (const { step, path, start, end } of mounts) {
    if (step !== "writable" || !writable.has(path)) continue;
    const layer = layers.find(({ place }) => place === path);
    writer.bytes(box.subarray(copied, start));
    if (layer !== undefined) writeOverlay(writer, layer);
    copied = end;
    taken += 1;
  }
  writer.bytes(box.subarray(copied));
  return writer.finish(countRecords(box) - taken);
}

/** Header of the record, then u16 step, u16 mode, u32, u64 size and the path. */
function pathAt(box: Uint8Array, record: number): string {
  const at = record + 8 + 16;
  const size = new DataView(box.buffer, box.byteOffset, box.byteLength).getUint16(at, true);
  return new TextDecoder().decode(box.subarray(at + 2, at + 2 + size));
}
