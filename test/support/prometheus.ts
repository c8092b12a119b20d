// A strict reader of Prometheus' text format 0.0.4, after its documentation: what it does not know
// it refuses.

export interface Family {
  readonly type: string;
  readonly help: string;
  readonly samples: readonly PromSample[];
}

export interface PromSample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const metricName = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const labelPair = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)/;

/** @throws {Error} naming the line */
export function readPrometheus(text: string): ReadonlyMap<string, Family> {
  if (!text.endsWith("\n")) throw new Error("the last line has no end");
  const families = new Map<string, { type: string; help: string; samples: PromSample[] }>();
  let current = "";
  const seen = new Set<string>();
  for (const line of text.slice(0, -1).split("\n")) {
    const fail = (why: string): Error => new Error(`${why}: ${line}`);
    if (line.startsWith("# HELP ")) {
      const [, name = "", help = ""] = /^# HELP (\S+) (.*)$/.exec(line) ?? [];
      if (!metricName.test(name) || families.has(name)) throw fail("a bad or second HELP");
      if (!/^(?:[^\\]|\\[\\n])*$/.test(help)) throw fail("a bad escape");
      families.set(name, { type: "", help, samples: [] });
      current = name;
      continue;
    }
    if (line.startsWith("# TYPE ")) {
      const [, name = "", type = ""] = /^# TYPE (\S+) (counter|gauge|histogram)$/.exec(line) ?? [];
      const family = families.get(name);
      if (family === undefined || name !== current || family.type !== "") throw fail("a bad TYPE");
      family.type = type;
      continue;
    }
    const sample = sampleOf(line, fail);
    const family = families.get(current);
    const isOwn = family?.type === "histogram" ? /^_(bucket|sum|count)$/ : /^$/;
    if (!sample.name.startsWith(current) || !isOwn.test(sample.name.slice(current.length)))
      throw fail("a sample of no family");
    const key = JSON.stringify([sample.name, Object.entries(sample.labels).sort()]);
    if (seen.has(key)) throw fail("the same series twice");
    seen.add(key);
    family?.samples.push(sample);
  }
  for (const [name, family] of families) checkFamily(name, family);
  return families;
}

function sampleOf(line: string, fail: (why: string) => Error): PromSample {
  const [, name = "", , inside = "", number = ""] = /^([^\s{]+)(\{(.*)\})? (\S+)$/.exec(line) ?? [];
  if (!metricName.test(name)) throw fail("no sample");
  const labels: Record<string, string> = {};
  for (let rest = inside; rest !== ""; ) {
    const pair = labelPair.exec(rest);
    const [whole = "", label = "", value = ""] = pair ?? [];
    if (pair === null || Object.hasOwn(labels, label)) throw fail("bad labels");
    labels[label] = value.replace(/\\(.)/g, (_, one: string) => (one === "n" ? "\n" : one));
    rest = rest.slice(whole.length);
  }
  const value = number === "+Inf" ? Number.POSITIVE_INFINITY : Number(number);
  if (Number.isNaN(value)) throw fail("no number");
  return { name, labels, value };
}

function checkFamily(name: string, { type, samples }: Family): void {
  if (type === "") throw new Error(`${name} has no type`);
  if (type === "counter" && samples.some(({ value }) => value < 0))
    throw new Error(`${name} counts down`);
  if (type !== "histogram") return;
  const groups = Map.groupBy(samples, ({ labels: { le: _, ...labels } }) =>
    JSON.stringify(Object.entries(labels).sort()),
  );
  for (const [labels, group] of groups) {
    const buckets = group.filter((one) => one.name === `${name}_bucket`);
    const count = group.find((one) => one.name === `${name}_count`)?.value;
    const last = buckets.at(-1);
    const bounds = buckets.map(({ labels: { le = "" } }) =>
      le === "+Inf" ? Infinity : Number(le),
    );
    const isSorted = bounds.every((bound, at) => at === 0 || bound > (bounds[at - 1] ?? 0));
    const isRising = buckets.every(
      ({ value }, at) => at === 0 || value >= (buckets[at - 1]?.value ?? 0),
    );
    const hasSum = group.some((one) => one.name === `${name}_sum`);
    if (!isSorted || !isRising || !hasSum || last?.labels.le !== "+Inf" || last.value !== count)
      throw new Error(`${name}${labels} is no histogram`);
  }
}
