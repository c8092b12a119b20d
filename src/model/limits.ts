// What a box may use of the machine: the limits there are, how they are written, and how several
// sources of them become one. What holds them is in enforce/.

export const limitNames = [
  "memory",
  "processes",
  "cpu",
  "time",
  "files",
  "file-size",
  "output",
] as const;
export type LimitName = (typeof limitNames)[number];

/**
 * - `bytes`: memory of all processes together; the size of one file; output and error together.
 * - `milliseconds`: CPU time of all processes together; time on the clock.
 * - `count`: processes and threads together; open files of one process.
 */
export type LimitUnit = "bytes" | "milliseconds" | "count";

export const limitUnits: Readonly<Record<LimitName, LimitUnit>> = {
  memory: "bytes",
  processes: "count",
  cpu: "milliseconds",
  time: "milliseconds",
  files: "count",
  "file-size": "bytes",
  output: "bytes",
};

export interface Limit {
  readonly name: LimitName;
  /** In the unit of its name, a whole number above 0. */
  readonly value: number;
  /** Who asked for it, e.g. `--limit`, `policy.cedar:3`; `default` when nobody did. */
  readonly source: string;
}

/** A wish for one limit; `value` undefined asks for none. */
export interface LimitWish extends Omit<Limit, "value"> {
  readonly value: number | undefined;
}

/** At most one of each name, in the order of `limitNames`. */
export type Limits = readonly Limit[];

/** What bounds the box as a whole, and what holds each bound. */
export interface LimitPlan {
  /** Directory the command is born in, with its bounds already written; undefined: none. */
  readonly cgroup: string | undefined;
  readonly holds: readonly LimitHold[];
}

export interface LimitHold {
  readonly name: LimitName;
  readonly value: number;
  /** `cgroup` needs one. Several hold together. */
  readonly by: readonly LimitMeans[];
}

export type LimitMeans = "rlimit" | "supervisor" | "cgroup";

/** What became of a box that came to a limit. */
export interface LimitHit {
  readonly limit: LimitName;
  /** `refused`: a call failed and the box went on; `ended`: the box was ended. */
  readonly effect: "refused" | "ended";
  readonly value: number;
  /** How much was in use when it was seen. */
  readonly seen: number;
  /** Inside the box; undefined when no process in particular is to blame. */
  readonly pid: number | undefined;
  readonly exe: string;
  readonly tsUnixMs: number;
}

/** Where a wish came from when nobody made one. */
export const defaultSource = "default";

/** Sums of two stay whole numbers; the helper takes no more either. */
const valueMax = 2 ** 50;

const byteUnits: Readonly<Record<string, number>> = { "": 1, b: 1, k: 10, m: 20, g: 30, t: 40 };
const timeUnits: Readonly<Record<string, number>> = {
  "": 1000,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

export function isLimitName(text: string): text is LimitName {
  return limitNames.some((name) => name === text);
}

/** The number a text like `2G`, `90s` or `4096` stands for; undefined when it stands for none. */
export function parseLimit(name: LimitName, text: string): number | undefined {
  const [, digits, letters] = /^(\d{1,15}(?:\.\d{1,3})?)([A-Za-z]{0,3})$/.exec(text) ?? [];
  if (digits === undefined || letters === undefined) return undefined;
  const factor = factorOf(limitUnits[name], letters.toLowerCase());
  const value = factor === undefined ? Number.NaN : Math.round(Number(digits) * factor);
  return value >= 1 && value <= valueMax ? value : undefined;
}

function factorOf(unit: LimitUnit, letters: string): number | undefined {
  if (unit === "count") return letters === "" ? 1 : undefined;
  if (unit === "milliseconds") return timeUnits[letters];
  if (letters === "" || letters === "b") return 1;
  const power = byteUnits[letters.replace(/i?b$/, "")];
  return power === undefined || power < 10 ? undefined : 2 ** power;
}

/** How a value of this limit may be written, for messages. */
export function limitExamples(name: LimitName): string {
  const unit = limitUnits[name];
  return unit === "bytes" ? "512M or 2G" : unit === "milliseconds" ? "90s, 10m or 2h" : "1000";
}

/** The shortest text `parseLimit` reads as the value, or as a little less than a tenth off. */
export function formatLimit(name: LimitName, value: number): string {
  const unit = limitUnits[name];
  if (unit === "count") return String(value);
  const steps: readonly (readonly [string, number])[] =
    unit === "bytes"
      ? [
          ["T", 2 ** 40],
          ["G", 2 ** 30],
          ["M", 2 ** 20],
          ["K", 2 ** 10],
        ]
      : [
          ["h", 3_600_000],
          ["m", 60_000],
          ["s", 1000],
        ];
  for (const [letter, size] of steps) {
    if (value < size) continue;
    const text = (value / size).toFixed(1).replace(/\.0$/, "");
    return `${text}${letter}`;
  }
  return unit === "bytes" ? String(value) : `${value}ms`;
}

/**
 * One limit of each name. What was asked for replaces a default; of several that were asked for the
 * tightest holds, and asking for none only does away with the default.
 */
export function mergeLimits(defaults: Limits, wishes: readonly LimitWish[]): Limits {
  return limitNames.flatMap((name) => {
    const asked = wishes.filter((wish) => wish.name === name);
    if (asked.length === 0) return defaults.filter((limit) => limit.name === name);
    const [first, ...others] = asked.flatMap(({ source, value }) =>
      value === undefined ? [] : [{ name, value, source }],
    );
    if (first === undefined) return [];
    return [
      others.reduce((tightest, each) => (each.value < tightest.value ? each : tightest), first),
    ];
  });
}
