// What the benchmarks found, as data, and as the table people read. Ratios are medians over rounds
// of paired measurements.

import type { Samples } from "./stopwatch.ts";

/** "row ≤ max × of", or with `of` undefined "row ≤ max", in the section's unit. */
export interface Goal {
  readonly row: string;
  readonly of: string | undefined;
  readonly max: number;
}

export interface Section {
  readonly title: string;
  readonly unit: "ms" | "µs" | "MB";
  /** Row that the ratio column refers to. */
  readonly base: string;
  readonly rows: readonly Row[];
  readonly goals: readonly GoalOutcome[];
  readonly notes: readonly string[];
}

export interface Row {
  readonly name: string;
  readonly median: number;
  readonly min: number;
  /** Median processor time; undefined where it was not measured. */
  readonly cpu: number | undefined;
  readonly runs: number;
  readonly ratio: number;
}

export interface GoalOutcome extends Goal {
  readonly reached: number;
  readonly isMet: boolean;
}

const nanosecondsPer = { ms: 1e6, µs: 1e3, MB: 1 };

/**
 * @param perSample divides every sample, e.g. by the number of calls one measurement made
 */
export function summarise(
  heading: { readonly title: string; readonly unit: Section["unit"]; readonly base: string },
  samples: readonly Samples[],
  goals: readonly Goal[],
  extra: { readonly perSample?: number; readonly notes?: readonly string[] } = {},
): Section {
  const scale = nanosecondsPer[heading.unit] * (extra.perSample ?? 1);
  const rows = samples.map((row): Row => {
    const values = row.byRound.filter((value) => value !== undefined);
    return {
      name: row.name,
      median: median(values) / scale,
      min: Math.min(...values) / scale,
      cpu: row.cpu.length === 0 ? undefined : median(row.cpu) / scale,
      runs: values.length,
      ratio: pairedRatio(row, find(samples, heading.base)),
    };
  });
  const known = goals.filter(({ row, of }) => has(samples, row) && has(samples, of ?? row));
  const outcomes = known.map((goal): GoalOutcome => {
    const reached =
      goal.of === undefined
        ? median(find(samples, goal.row).byRound.filter((value) => value !== undefined)) / scale
        : pairedRatio(find(samples, goal.row), find(samples, goal.of));
    return { ...goal, reached, isMet: reached <= goal.max };
  });
  return { ...heading, rows, goals: outcomes, notes: extra.notes ?? [] };
}

/** The section as text for a terminal. */
export function render(section: Section): string {
  const width = Math.max(...section.rows.map(({ name }) => name.length), 12);
  const lines = section.rows.map((row) => {
    const cpu = row.cpu === undefined ? "" : fixed(row.cpu);
    const ratio = `${row.ratio.toFixed(2)}×`;
    const figures = [fixed(row.median), fixed(row.min), cpu, ratio, `${row.runs}`];
    return tableLine(row.name.padEnd(width), figures);
  });
  const head = tableLine("".padEnd(width), [
    `median ${section.unit}`,
    "min",
    "cpu",
    "ratio",
    "runs",
  ]);
  const goals = section.goals.map((goal) => `  ${describeGoal(goal, section.unit)}`);
  const notes = section.notes.map((note) => `  note: ${note}`);
  return [`${section.title} (ratio to "${section.base}")`, head, ...lines, ...goals, ...notes].join(
    "\n",
  );
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

function describeGoal(goal: GoalOutcome, unit: string): string {
  const verdict = goal.isMet ? "met   " : "MISSED";
  const wanted =
    goal.of === undefined ? `≤ ${goal.max} ${unit}` : `≤ ${round(goal.max)}× ${goal.of}`;
  const reached =
    goal.of === undefined ? `${round(goal.reached)} ${unit}` : `${round(goal.reached)}×`;
  return `goal ${verdict} ${goal.row} ${wanted}: ${reached}`;
}

function pairedRatio(row: Samples, base: Samples): number {
  const ratios: number[] = [];
  row.byRound.forEach((value, round) => {
    const other = base.byRound[round];
    if (value !== undefined && other !== undefined) ratios.push(value / other);
  });
  return median(ratios);
}

function find(samples: readonly Samples[], name: string): Samples {
  const found = samples.find((row) => row.name === name);
  if (found === undefined) throw new Error(`Cannot compare with "${name}": it was not measured`);
  return found;
}

function has(samples: readonly Samples[], name: string): boolean {
  return samples.some((row) => row.name === name);
}

function tableLine(name: string, figures: readonly string[]): string {
  return `  ${name}${figures.map((figure) => figure.padStart(11)).join("")}`;
}

function fixed(value: number): string {
  return value.toFixed(value < 100 ? 2 : 1);
}

function round(value: number): string {
  return String(Number(value.toPrecision(3)));
}
