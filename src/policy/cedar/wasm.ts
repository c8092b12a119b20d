// Cedar's own engine, from its WebAssembly module. Loading takes tens of milliseconds, so this file
// is only ever reached through `await import()`, and not at all by a run whose plan is cached.
// Where the module is from is the caller's business: a compiled binary carries it embedded, a test
// reads it from the package.

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
 * Starts the engine. There is one per process: a later call gives the same one and ignores its
 * module.
 */
export function openCedar(module: WebAssembly.Module): Cedar {
  initSync({ module });
  return { policyToJson, policyToText, validate, formatPolicies };
}
