// Sets of port numbers as sorted, disjoint ranges.

import type { Atom } from "../../model/capability.ts";

export type PortRange = readonly [low: number, high: number];
export type PortSet = readonly PortRange[];

const portMax = 65535;
export const allPorts: PortSet = [[0, portMax]];

export function isAllPorts(set: PortSet): boolean {
  return set.length === 1 && set[0]?.[0] === 0 && set[0][1] === portMax;
}

type PortAtom = Extract<Atom, { kind: "port" }>;

export function portsOf({ op, port, negated }: PortAtom): PortSet {
  const set = rangeOf(op, port);
  return negated ? subtractPorts(allPorts, set) : set;
}

function rangeOf(op: PortAtom["op"], port: number): PortSet {
  switch (op) {
    case "==":
      return [[port, port]];
    case "<":
      return port > 0 ? [[0, port - 1]] : [];
    case "<=":
      return [[0, port]];
    case ">":
      return port < portMax ? [[port + 1, portMax]] : [];
    case ">=":
      return [[port, portMax]];
  }
}

export function intersectPorts(a: PortSet, b: PortSet): PortSet {
  return a.flatMap(([low, high]) =>
    b.flatMap(([otherLow, otherHigh]): PortRange[] => {
      const from = Math.max(low, otherLow);
      const to = Math.min(high, otherHigh);
      return from <= to ? [[from, to]] : [];
    }),
  );
}

export function subtractPorts(a: PortSet, b: PortSet): PortSet {
  let left = a;
  for (const [low, high] of b) {
    left = left.flatMap(([from, to]): PortRange[] => {
      if (high < from || low > to) return [[from, to]];
      const pieces: PortRange[] = [];
      if (from < low) pieces.push([from, low - 1]);
      if (to > high) pieces.push([high + 1, to]);
      return pieces;
    });
  }
  return left;
}

export function unitePorts(a: PortSet, b: PortSet): PortSet {
  const sorted = [...a, ...b].sort(([x], [y]) => x - y);
  const merged: [number, number][] = [];
  for (const [low, high] of sorted) {
    const last = merged.at(-1);
    if (last !== undefined && low <= last[1] + 1) last[1] = Math.max(last[1], high);
    else merged.push([low, high]);
  }
  return merged;
}

/** Every port of the set, or undefined when there are more than `max`. */
export function listPorts(set: PortSet, max: number): number[] | undefined {
  const count = set.reduce((sum, [low, high]) => sum + high - low + 1, 0);
  if (count > max) return undefined;
  return set.flatMap(([low, high]) =>
    Array.from({ length: high - low + 1 }, (_, index) => low + index),
  );
}
