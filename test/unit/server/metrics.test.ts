// The text that Prometheus reads, by a strict reader of it, and what bounds it.

import { describe, expect, test } from "bun:test";
import { createRegistry } from "../../../src/server/metrics/text.ts";
import { readPrometheus } from "../../support/prometheus.ts";

describe("createRegistry()", () => {
  test("writes counters, gauges and histograms", async () => {
    const registry = createRegistry();
    const counter = registry.counter("a_total", "Things \\ and\nlines.");
    counter.add({ kind: 'with "quotes"\\\n', b: "" });
    counter.add({ kind: 'with "quotes"\\\n', b: "" }, 2);
    registry.gauge("g", "Now.", () => [{ labels: {}, value: -1.5 }]);
    const histogram = registry.histogram("h_seconds", "Time.", [0.1, 1]);
    for (const value of [0.05, 0.1, 0.5, 7]) histogram.observe({ route: "/x" }, value);
    const families = readPrometheus(await registry.text());
    expect(families.get("a_total")).toEqual({
      type: "counter",
      help: "Things \\\\ and\\nlines.",
      samples: [{ name: "a_total", labels: { kind: 'with "quotes"\\\n', b: "" }, value: 3 }],
    });
    expect(families.get("g")?.samples).toEqual([{ name: "g", labels: {}, value: -1.5 }]);
    const values = families.get("h_seconds")?.samples.map(({ name, labels, value }) => {
      return [name.slice("h_seconds".length), labels.le, value];
    });
    expect(values).toEqual([
      ["_bucket", "0.1", 2],
      ["_bucket", "1", 3],
      ["_bucket", "+Inf", 4],
      ["_sum", undefined, 7.65],
      ["_count", undefined, 4],
    ]);
  });

  test("counts series beyond its bound as others", async () => {
    const registry = createRegistry();
    const counter = registry.counter("a_total", "Things.");
    for (let at = 0; at < 10_000; at++) counter.add({ name: `n${at}` });
    const samples = readPrometheus(await registry.text()).get("a_total")?.samples ?? [];
    expect(samples).toHaveLength(501);
    expect(samples.at(-1)).toEqual({ name: "a_total", labels: { name: "other" }, value: 9500 });
  });
});

describe("readPrometheus() refuses", () => {
  const head = "# HELP a A.\n# TYPE a counter\n";
  const rows: readonly (readonly [string, string])[] = [
    ["a line without an end", `${head}a 1`],
    ["a sample of another name", `${head}b 1\n`],
    ["a quote within", `${head}a{x="""} 1\n`],
    ["a series twice", `${head}a{x="1"} 1\na{x="1"} 2\n`],
    ["a label twice", `${head}a{x="1",x="2"} 1\n`],
    ["no number", `${head}a one\n`],
    ["a counter below zero", `${head}a -1\n`],
    ["a type without help", "# TYPE a counter\na 1\n"],
    [
      "a histogram without its last bucket",
      `# HELP h H.\n# TYPE h histogram\nh_sum 1\nh_count 1\n`,
    ],
  ];
  test.each(rows)("%s", (_, text) => expect(() => readPrometheus(text)).toThrow());
});
