// Addresses that stand for names: the resolver answers with them, and a connection to one of them
// is a connection to its name. They mean something to this gateway only, and a name keeps its
// address for as long as the gateway runs.

import { formatIp, type Ip } from "../base/ip.ts";
import { syntheticNamesMax } from "../base/limits.ts";

export interface Names {
  /** The address of a name, the same one every time; undefined when there are none left. */
  addressFor(name: string): Ip | undefined;
  /** The name an address was given to. */
  nameOf(ip: Ip): string | undefined;
}

export function createNames(): Names {
  const byName = new Map<string, Ip>();
  const byAddress = new Map<string, string>();
  return {
    addressFor(name) {
      const known = byName.get(name);
      if (known !== undefined || byName.size >= syntheticNamesMax) return known;
      // 198.18.0.0/15 is set aside for benchmarks, so no network routes it.
      const number = byName.size + 1;
      const bytes = [198, 18 + (number >> 16), (number >> 8) & 0xff, number & 0xff];
      const fresh: Ip = { family: 4, bytes };
      byName.set(name, fresh);
      byAddress.set(formatIp(fresh), name);
      return fresh;
    },
    nameOf: (ip) => byAddress.get(formatIp(ip)),
  };
}
