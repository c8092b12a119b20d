// Counters, gauges and histograms as Prometheus reads them (text format 0.0.4). Pure. Values of
// labels may come from callers: each metric has a bound on its series, and what is beyond it is
// counted under the label value `other`.

export type Labels = Readonly<Record<string, string>>;

export interface Counter {
  add(labels: Labels, amount?: number): void;
  /** The series of these, for whoever counts so often that looking it up each time takes long. */
  of(labels: Labels): Counted;
}

export interface Counted {
  add(amount?: number): void;
}

export interface Histogram {
  observe(labels: Labels, value: number): void;
  /** As that of a counter. */
  of(labels: Labels): Observed;
}

export interface Observed {
  observe(value: number): void;
}

export interface Registry {
  counter(name: string, help: string): Counter;
  /** Read when somebody asks. */
  gauge(
    name: string,
    help: string,
    read: () => readonly Sample[] | Promise<readonly Sample[]>,
  ): void;
  /** @param bounds ascending; one without an upper bound is added */
  histogram(name: string, help: string, bounds: readonly number[]): Histogram;
  text(): Promise<string>;
}

export interface Sample {
  readonly labels: Labels;
  readonly value: number;
}

/** Of one metric. */
const seriesMax = 500;

interface Metric {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge" | "histogram";
  lines(): readonly string[] | Promise<readonly string[]>;
}

export function createRegistry(): Registry {
  const metrics: Metric[] = [];
  return {
    counter(name, help) {
      const series = createSeries(() => ({ value: 0 }));
      metrics.push({
        ...{ name, help, type: "counter" },
        lines: () => series.map((labels, { value }) => [line(name, labels, value)]),
      });
      const of = (labels: Labels): Counted => {
        const state = series.of(labels);
        return {
          add(amount = 1) {
            state.value += amount;
          },
        };
      };
      return { of, add: (labels, amount) => of(labels).add(amount) };
    },
    gauge(name, help, read) {
      metrics.push({
        ...{ name, help, type: "gauge" },
        async lines() {
          const samples = await read();
          return samples.map(({ labels, value }) => line(name, labels, value));
        },
      });
    },
    histogram(name, help, bounds) {
      const series = createSeries(() => ({ counts: bounds.map(() => 0), count: 0, sum: 0 }));
      metrics.push({
        ...{ name, help, type: "histogram" },
        lines: () => series.map((labels, state) => histogramLines(name, labels, bounds, state)),
      });
      const of = (labels: Labels): Observed => {
        const state = series.of(labels);
        return {
          observe(value) {
            const at = bounds.findIndex((bound) => value <= bound);
            if (at >= 0) state.counts[at] = (state.counts[at] ?? 0) + 1;
            state.count += 1;
            state.sum += value;
          },
        };
      };
      return { of, observe: (labels, value) => of(labels).observe(value) };
    },
    async text() {
      const blocks = await Promise.all(
        metrics.map(async (metric) => {
          const { name, help, type } = metric;
          const head = [`# HELP ${name} ${escaped(help)}`, `# TYPE ${name} ${type}`];
          return [...head, ...(await metric.lines())];
        }),
      );
      return `${blocks.flat().join("\n")}\n`;
    },
  };
}

interface HistogramState {
  /** Of each bound alone. */
  readonly counts: readonly number[];
  readonly count: number;
  readonly sum: number;
}

function histogramLines(
  name: string,
  labels: Labels,
  bounds: readonly number[],
  { counts, count, sum }: HistogramState,
): readonly string[] {
  let below = 0;
  const buckets = bounds.map((bound, at) => {
    below += counts[at] ?? 0;
    return line(`${name}_bucket`, { ...labels, le: String(bound) }, below);
  });
  return [
    ...buckets,
    line(`${name}_bucket`, { ...labels, le: "+Inf" }, count),
    line(`${name}_sum`, labels, sum),
    line(`${name}_count`, labels, count),
  ];
}

interface Series<S> {
  of(labels: Labels): S;
  map(write: (labels: Labels, state: S) => readonly string[]): readonly string[];
}

function createSeries<S>(fresh: () => S): Series<S> {
  const all = new Map<string, { readonly labels: Labels; readonly state: S }>();
  const add = (labels: Labels): S => {
    const key = Object.values(labels).join("\0");
    const known = all.get(key);
    if (known !== undefined) return known.state;
    if (all.size >= seriesMax) {
      const others = Object.keys(labels).map((name) => [name, "other"] as const);
      const key = others.map(([, value]) => value).join("\0");
      const other = all.get(key) ?? { labels: Object.fromEntries(others), state: fresh() };
      all.set(key, other);
      return other.state;
    }
    const state = fresh();
    all.set(key, { labels: { ...labels }, state });
    return state;
  };
  return {
    of: add,
    map: (write) => [...all.values()].flatMap(({ labels, state }) => write(labels, state)),
  };
}

function line(name: string, labels: Labels, value: number): string {
  const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escaped(text, '"')}"`);
  return `${name}${pairs.length === 0 ? "" : `{${pairs.join(",")}}`} ${numberText(value)}`;
}

function numberText(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return "+Inf";
  return value === Number.NEGATIVE_INFINITY ? "-Inf" : String(value);
}

function escaped(text: string, quote?: '"'): string {
  const safe = text.toWellFormed().replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
  return quote === undefined ? safe : safe.replaceAll(quote, `\\${quote}`);
}
