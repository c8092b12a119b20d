// The kept form of a box: what turns the helper's rule numbers back into rules, and the plan
// without the command. It is read on every launch, so it is bytes to be sliced; the table of rules
// is only parsed when the first row needs it.

import { AegisError } from "../../base/errors.ts";
import type { Arch } from "./filter/syscall-table.ts";
import type { RuleSource } from "./judge-rules.ts";

export interface KeptBox {
  readonly arch: Arch;
  /** Encoded plan without a command. */
  readonly plan: Uint8Array;
  /** No rule is against showing a file to a launch. */
  readonly mayShow: boolean;
  /** False: what a broker lets be opened for reading is no row. */
  readonly recordsReads: boolean;
  sources(): readonly RuleSource[];
}

const magic = 0x334b4541;
const headerSize = 16;
const flag = { mayShow: 1, recordsReads: 2 } as const;
const archs: readonly Arch[] = ["x86_64", "aarch64"];

/**
 * u32 magic, u32 architecture, u32 size of the rule table, u32 flags, the table as JSON, the plan.
 */
export function packBox(box: {
  readonly arch: Arch;
  readonly sources: readonly RuleSource[];
  readonly plan: Uint8Array;
  readonly mayShow: boolean;
  readonly recordsReads: boolean;
}): Uint8Array {
  const { arch, plan } = box;
  const table = new TextEncoder().encode(JSON.stringify(box.sources));
  const bytes = new Uint8Array(headerSize + table.length + plan.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, magic, true);
  view.setUint32(4, archs.indexOf(arch), true);
  view.setUint32(8, table.length, true);
  const flags = (box.mayShow ? flag.mayShow : 0) | (box.recordsReads ? flag.recordsReads : 0);
  view.setUint32(12, flags, true);
  bytes.set(table, headerSize);
  bytes.set(plan, headerSize + table.length);
  return bytes;
}

/** @throws {AegisError} `enforce/helper` when `bytes` were not made by `packBox` */
export function unpackBox(bytes: Uint8Array): KeptBox {
  if (bytes.length < headerSize) throw unusable();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const arch = archs[view.getUint32(4, true)];
  const planAt = headerSize + view.getUint32(8, true);
  if (view.getUint32(0, true) !== magic || arch === undefined || planAt > bytes.length) {
    throw unusable();
  }
  const flags = view.getUint32(12, true);
  const table = bytes.subarray(headerSize, planAt);
  let parsed: readonly RuleSource[] | undefined;
  return {
    arch,
    plan: bytes.subarray(planAt),
    mayShow: (flags & flag.mayShow) !== 0,
    recordsReads: (flags & flag.recordsReads) !== 0,
    sources: () => {
      parsed ??= JSON.parse(new TextDecoder().decode(table)) as RuleSource[];
      return parsed;
    },
  };
}

function unusable(): AegisError {
  return new AegisError(
    "enforce/helper",
    "Cannot use a prepared box: it was not made by this backend",
    {
      hint: "remove the plan cache in AEGIS_HOME",
    },
  );
}
