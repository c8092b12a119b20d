// Tables for people: columns as wide as their content, the last ones shortened when a terminal is
// too narrow. Cells come from the watched program, so every one is escaped here and nowhere else.

import { escapeControls } from "./text.ts";

export interface Column {
  readonly title: string;
  readonly align?: "right";
  /**
   * May be shortened, to no less than this many columns, when the table is wider than the terminal.
   */
  readonly shrinkTo?: number;
  /** Colours a finished cell; given only when the output is a terminal that wants colours. */
  readonly paint?: (cell: string) => string;
}

/** Undefined `width` means no limit: what goes into a pipe is never shortened. */
export function renderTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  width: number | undefined,
): string {
  const cells = rows.map((row) => row.map((cell) => escapeControls(cell)));
  const natural = columns.map(({ title }, at) =>
    cells.reduce(
      (widest, row) => Math.max(widest, Bun.stringWidth(row[at] ?? "")),
      Bun.stringWidth(title),
    ),
  );
  const widths = width === undefined ? natural : fit(columns, natural, width);
  const lines = [columns.map(({ title }) => title), ...cells].map((row, index) =>
    columns
      .map((column, at) => {
        const cell = shorten(row[at] ?? "", widths[at] ?? 0);
        const padding = " ".repeat(Math.max(0, (widths[at] ?? 0) - Bun.stringWidth(cell)));
        const shown = index === 0 ? cell : (column.paint?.(cell) ?? cell);
        if (column.align === "right") return padding + shown;
        return at === columns.length - 1 ? shown : shown + padding;
      })
      .join(gap)
      .trimEnd(),
  );
  return `${lines.join("\n")}\n`;
}

const gap = "  ";

/** Takes from the widest column that may shrink, one step at a time, until the row fits. */
function fit(columns: readonly Column[], natural: readonly number[], width: number): number[] {
  const widths = [...natural];
  const gaps = gap.length * (columns.length - 1);
  let excess = widths.reduce((sum, each) => sum + each, gaps) - width;
  while (excess > 0) {
    let widest = -1;
    for (const [at, column] of columns.entries()) {
      const spare = column.shrinkTo !== undefined && (widths[at] ?? 0) > column.shrinkTo;
      if (spare && (widest < 0 || (widths[at] ?? 0) > (widths[widest] ?? 0))) widest = at;
    }
    if (widest < 0) break;
    widths[widest] = (widths[widest] ?? 0) - 1;
    excess--;
  }
  return widths;
}

/** Keeps both ends: the start of a path says whose it is, the end which file. */
export function shorten(text: string, width: number): string {
  if (Bun.stringWidth(text) <= width) return text;
  if (width <= 1) return "…".slice(0, width);
  const marks = [...text];
  const tail: string[] = [];
  const head: string[] = [];
  let room = width - 1;
  for (let turn = 0; room > 0; turn++) {
    const mark = turn % 3 === 0 ? marks.shift() : marks.pop();
    if (mark === undefined) break;
    room -= Bun.stringWidth(mark);
    if (room < 0) break;
    if (turn % 3 === 0) head.push(mark);
    else tail.unshift(mark);
  }
  return `${head.join("")}…${tail.join("")}`;
}
