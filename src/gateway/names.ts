// Addresses that stand for names: the resolver answers with them, and a connection to one of them
// is a connection to its name. They mean something to this gateway only, and a name keeps its
// address for as long as the gateway runs.

import { type Address, formatAddress, isInside } from "../base/address.ts";
import { syntheticNamesMax } from "../base/limits.ts";

export interface Names {
  /** The address of a name, the same one every time; undefined when there are none left. */
  addressFor(name: string): Address | undefined;
  /** The name an address was given to. */
  nameOf(address: Address): string | undefined;
}

/** 198.18.0.0/15: set aside for benchmarks, so no network routes it. */
const block: Address = Uint8Array.of(198, 18, 0, 0);
const blockBits = 15;

export function isSynthetic(address: Address): boolean {
  return isInside(address, block, blockBits);
}

export function createNames(): Names {
  const byName = new Map<string, Address>();
  const byAddress = new Map<string, string>();
  return {
    addressFor(name) {
      const known = byName.get(name);
      if (known !== undefined || byName.size >= syntheticNamesMax) return known;
      const number = byName.size + 1;
      const fresh = Uint8Array.of(198, 18 + (number >> 16), (number >> 8) & 0xff, number & 0xff);
      byName.set(name, fresh);
      byAddress.set(formatAddress(fresh), name);
      return fresh;
    },
    nameOf: (address) => byAddress.get(formatAddress(address)),
  };
}
