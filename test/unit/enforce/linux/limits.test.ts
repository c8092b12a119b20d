// Who holds each limit on Linux, and what the coverage says of it.

import { describe, expect, test } from "bun:test";
import { limitHolds, limitsRow } from "../../../../src/enforce/linux/limits.ts";
import { type Limits, limitNames } from "../../../../src/model/limits.ts";

const all: Limits = limitNames.map((name) => ({ name, value: 1000, source: "--limit" }));
const hosts = [
  ["nothing", { cgroup: undefined, countsProcesses: false }],
  ["a user namespace", { cgroup: undefined, countsProcesses: true }],
  ["a whole cgroup", { cgroup: { memory: true, processes: true }, countsProcesses: true }],
  [
    "a cgroup without controllers",
    { cgroup: { memory: false, processes: false }, countsProcesses: false },
  ],
] as const;
const means = [
  ["supervisor", "supervisor", "rlimit supervisor", "supervisor", "rlimit", "rlimit", "supervisor"],
  ["supervisor", "rlimit", "rlimit supervisor", "supervisor", "rlimit", "rlimit", "supervisor"],
  ["cgroup", "cgroup", "rlimit cgroup", "supervisor", "rlimit", "rlimit", "supervisor"],
  ["supervisor", "supervisor", "rlimit cgroup", "supervisor", "rlimit", "rlimit", "supervisor"],
];

describe("limitHolds()", () => {
  test.each(hosts.map(([name, host], index) => [name, host, means[index] ?? []] as const))(
    "with %s",
    (_, host, expected) => {
      expect(limitHolds(all, host).map(({ by }) => by.join(" "))).toEqual([...expected]);
    },
  );
});

describe("limitsRow()", () => {
  const [, bare] = hosts[0];
  test("names for each limit what holds it, and what is weaker about what was asked for", () => {
    const asked: Limits = [{ name: "memory", value: 2 ** 31, source: "--limit" }];
    expect(limitsRow(asked, limitHolds(asked, bare), "because")).toMatchObject({
      protection: "limits",
      level: "weaker",
      by: "memory 2G by supervisor, which looks from time to time",
      why: expect.stringContaining("no cgroup: because"),
    });
  });

  test("counts a default as enforced by whatever holds it, because nobody relies on it", () => {
    const given: Limits = [{ name: "memory", value: 2 ** 31, source: "default" }];
    expect(limitsRow(given, limitHolds(given, bare), "because")).toMatchObject({
      level: "enforced",
      why: "",
    });
  });

  test("says of no limits that none were asked for", () => {
    expect(limitsRow([], [], "")).toEqual({
      protection: "limits",
      level: "not-asked",
      by: "",
      why: "",
    });
  });
});
