// Lines of `Label:  value`, aligned to one column: the shape of status, config show, verify and
// session details.

import { escapeControls } from "./text.ts";

/** Where values start unless a label is longer. */
const valueColumn = 15;

export type Fact = readonly [label: string, value: string];

export function renderFacts(facts: readonly Fact[]): string {
  const longest = Math.max(valueColumn, ...facts.map(([label]) => label.length + 2));
  return facts
    .map(
      ([label, value]) =>
        `${(label === "" ? "" : `${label}:`).padEnd(longest)}${escapeControls(value)}\n`,
    )
    .join("");
}

/** A title with a line of dashes below it. */
export function renderTitle(title: string): string {
  const safe = escapeControls(title);
  return `${safe}\n${"-".repeat(Bun.stringWidth(safe))}\n`;
}
