// What is open at the moment and must not stay so, and why. A row that holds by now is named in the
// output of the tests, so that it can be taken off this list.

import type { Row } from "./row.ts";
import type { Setting } from "./setting.ts";

export interface KnownOpen {
  readonly rows: RegExp;
  /** Default: everywhere. */
  readonly only?: "namespaces" | "no namespaces" | "root";
  readonly why: string;
}

const list: readonly KnownOpen[] = [];

/** Why a row may fail its test; undefined when it may not. */
export function knownOpen(row: Row, setting: Setting): KnownOpen | undefined {
  const applies = ({ only }: KnownOpen) =>
    only === undefined ||
    (only === "root" && !setting.isPlain) ||
    (only === "namespaces" && setting.hasNamespaces) ||
    (only === "no namespaces" && !setting.hasNamespaces);
  return list.find((known) => known.rows.test(row.name) && applies(known));
}
