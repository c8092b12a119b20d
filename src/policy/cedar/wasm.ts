// Cedar's own engine, from the bytes of its WebAssembly module. Loading takes tens of milliseconds,
// so this file is only ever reached through `await import()`, and not at all by a run whose plan is
// cached. Where the bytes are is the caller's business: a compiled binary carries them embedded, a
// test reads them from the package.

import {
  formatPolicies,
  initSync,
  policyToJson,
  policyToText,
  validate,
} from "@cedar-policy/cedar-wasm/web";

/** What the front-end needs of the engine; offsets in its answers count bytes of UTF-8. */
export interface Cedar {
  readonly policyToJson: typeof policyToJson;
  readonly policyToText: typeof policyToText;
  readonly validate: typeof validate;
  readonly formatPolicies: typeof formatPolicies;
}

/**
 * Compiles and starts the engine. There is one per process: a later call gives the same one and
 * ignores its bytes.
 */
export function openCedar(bytes: Uint8Array<ArrayBuffer>): Cedar {
  initSync({ module: new WebAssembly.Module(bytes) });
  return { policyToJson, policyToText, validate, formatPolicies };
}
