// How limits are written, and how several sources of them become one.

import { describe, expect, test } from "bun:test";
import {
  formatLimit,
  type LimitName,
  limitNames,
  mergeLimits,
  parseLimit,
} from "../../../src/model/limits.ts";

const values: readonly [name: LimitName, text: string, value: number | undefined][] = [
  ["memory", "2G", 2 ** 31],
  ["memory", "2g", 2 ** 31],
  ["memory", "2GB", 2 ** 31],
  ["memory", "2GiB", 2 ** 31],
  ["memory", "1.5G", 1.5 * 2 ** 30],
  ["memory", "512M", 2 ** 29],
  ["memory", "4096", 4096],
  ["memory", "0", undefined],
  ["memory", "-1", undefined],
  ["memory", "2X", undefined],
  ["memory", "", undefined],
  ["memory", "1e9", undefined],
  ["memory", "999999T", undefined],
  ["processes", "500", 500],
  ["processes", "500K", undefined],
  ["processes", "0.4", undefined],
  ["cpu", "60s", 60_000],
  ["cpu", "60", 60_000],
  ["cpu", "250ms", 250],
  ["time", "10m", 600_000],
  ["time", "2h", 7_200_000],
  ["time", "2G", undefined],
  ["files", "1024", 1024],
  ["file-size", "1G", 2 ** 30],
  ["output", "100M", 100 * 2 ** 20],
];

describe("parseLimit()", () => {
  test.each(values)("reads %s=%p as %p", (name, text, value) => {
    expect(parseLimit(name, text)).toBe(value as number);
  });
});

test("what formatLimit() writes is read again within a tenth", () => {
  for (const name of limitNames) {
    for (let value = 1; value < 2 ** 45; value = Math.ceil(value * 1.7)) {
      const read = parseLimit(name, formatLimit(name, value)) ?? 0;
      expect(Math.abs(read - value) / value).toBeLessThan(0.1);
    }
  }
});

describe("mergeLimits()", () => {
  const defaults = [{ name: "memory", value: 100, source: "default" } as const];
  const flag = (value: number | undefined) =>
    ({ name: "memory", value, source: "--limit" }) as const;
  const policy = { name: "memory", value: 50, source: "p.cedar:1" } as const;

  test("keeps a default nobody speaks of", () => {
    expect(mergeLimits(defaults, [])).toEqual(defaults);
  });

  test("replaces a default, also by a looser one", () => {
    expect(mergeLimits(defaults, [flag(200)])).toEqual([flag(200)] as never);
  });

  test("takes the tightest of what was asked for, whoever asked", () => {
    expect(mergeLimits(defaults, [flag(200), policy])).toEqual([policy]);
    expect(mergeLimits(defaults, [policy, flag(20)])).toEqual([flag(20)] as never);
  });

  test("lets none do away with a default, and with nothing else", () => {
    expect(mergeLimits(defaults, [flag(undefined)])).toEqual([]);
    expect(mergeLimits(defaults, [flag(undefined), policy])).toEqual([policy]);
  });
});
