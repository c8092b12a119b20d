// The kept form of a box: what turns the helper's rule numbers back into rules, and the plan
// without the command. It is read on every launch, so it is bytes to be sliced; the table of rules
// is only parsed when the first row needs it.

import { AegisError } from "../../base/errors.ts";
import type { RuleSource } from "./judge-rules.ts";
import type { Arch } from "./syscall-table.ts";

export interface KeptBox {
  readonly arch: Arch;
  /** Encoded plan without a command. */
  readonly plan: Uint8Array;
  /** No rule is against showing a file to a launch. */
  readonly mayShow: boolean;
  sources(): readonly RuleSource[];
}

const magic = 0x324b4541;
const headerSize = 16;
const archs: readonly Arch[] = ["x86_64", "aarch64"];

/**
 * u32 magic, u32 architecture, u32 size of the rule table, u32 1 when files may be shown, the table
 * as JSON, the plan.
 */
export function packBox(box: {
  readonly arch: Arch;
  readonly sources: readonly RuleSource[];
  readonly plan: Uint8Array;
  readonly mayShow: boolean;
}): Uint8Array {
  const { arch, plan } = box;
  const table = new TextEncoder().encode(JSON.stringify(box.sources));
  const bytes = new Uint8Array(headerSize + table.length + plan.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, magic, true);
  view.setUint32(4, archs.indexOf(arch), true);
  view.setUint32(8, table.length, true);
  view.setUint32(12, box.mayShow ? 1 : 0, true);
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
  const table = bytes.subarray(headerSize, planAt);
  let parsed: readonly RuleSource[] | undefined;
  return {
    arch,
    plan: bytes.subarray(planAt),
    mayShow: view.getUint32(12, true) === 1,
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
