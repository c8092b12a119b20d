// Cedar's ipaddr values: an address, or a range of them, and what its engine says of them. An IPv4
// address inside an IPv6 one is none here, because attempts carry it as IPv4.

import { formatIp, type Ip, isInCidr, parseCidr, parseIp } from "../../base/ip.ts";

/** As written: the bits beyond `bits` count in comparisons. */
export interface AddressValue {
  readonly ip: Ip;
  readonly bits: number;
}

export const addressTests = ["isIpv4", "isIpv6", "isLoopback", "isMulticast"] as const;
export type AddressTest = (typeof addressTests)[number];

/** The ranges of which one holds an address exactly when the test is true of it. */
export const rangesOfTest: Readonly<Record<AddressTest, readonly string[]>> = {
  isIpv4: ["0.0.0.0/0"],
  isIpv6: ["::/0"],
  isLoopback: ["127.0.0.0/8", "::1/128"],
  isMulticast: ["224.0.0.0/4", "ff00::/8"],
};

/** The value `ip("…")` stands for; undefined for an IPv4 address written as IPv6. */
export function readAddress(text: string): AddressValue | undefined {
  const range = parseCidr(text);
  const ip = parseIp(text.split("/", 1)[0] ?? "");
  if (range === undefined || ip === undefined) return undefined;
  return ip.family === 4 && text.includes(":") ? undefined : { ip, bits: range.bits };
}

export function sameAddress(a: AddressValue, b: AddressValue): boolean {
  return a.bits === b.bits && formatIp(a.ip) === formatIp(b.ip);
}

export function isWithin(inner: AddressValue, outer: AddressValue): boolean {
  return inner.bits >= outer.bits && isInCidr(inner.ip, outer);
}

export function passes(test: AddressTest, value: AddressValue): boolean {
  return rangesOfTest[test].some((text) => {
    const range = readAddress(text);
    return range !== undefined && isWithin(value, range);
  });
}

/** One address rather than a range. */
export function isSingle({ ip, bits }: AddressValue): boolean {
  return bits === ip.bytes.length * 8;
}
