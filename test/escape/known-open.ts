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

const list: readonly KnownOpen[] = [
  {
    rows: /^hard-link-before/,
    why: "files are judged by the name they are opened by, not by all their names",
  },
  {
    rows: /^read-only-(chmod|chown|utime|xattr|remove-xattr|flags)$/,
    only: "no namespaces",
    why: "changes through a descriptor reach no supervisor",
  },
  { rows: /^glob/, why: "a pattern inside a grant is refused at the start" },
  { rows: /^forks$/, why: "processes have no bound" },
  {
    rows: /^kernel-read-(kpagemap|slabinfo)$/,
    only: "root",
    why: "/proc is granted as a whole, and these files belong to root",
  },
];

/** Why a row is allowed to be open; undefined when it is not. */
export function knownOpen(row: Row, setting: Setting): string | undefined {
  const applies = ({ only }: KnownOpen) =>
    only === undefined ||
    (only === "root" && !setting.isPlain) ||
    (only === "namespaces" && setting.hasNamespaces) ||
    (only === "no namespaces" && !setting.hasNamespaces);
  return list.find((known) => known.rows.test(row.name) && applies(known))?.why;
}
