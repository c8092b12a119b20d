// What kind of place an address is. The tables are those of IANA's registries of special addresses,
// with the addresses at which clouds hand out credentials. Addresses come from resolvers and from
// the watched program.

import { type Cidr, type Ip, isInCidr, parseCidr } from "../base/ip.ts";
import { assert } from "../base/result.ts";

/**
 * - `public`: everything not named below.
 * - `own`: public as well, and this machine's.
 * - `metadata`: where clouds hand out credentials to their machines.
 * - `shared`: carrier-grade NAT, 100.64.0.0/10. `reserved`: not for use on the internet.
 * - `transition`: an IPv6 address that carries an IPv4 one (6to4, Teredo, compatible, local NAT64).
 */
export type AddressClass =
  | "public"
  | "own"
  | "unspecified"
  | "loopback"
  | "private"
  | "link-local"
  | "metadata"
  | "shared"
  | "multicast"
  | "documentation"
  | "transition"
  | "reserved";

/** Goes on after "it is". */
export const classWords: Readonly<Record<AddressClass, string>> = {
  public: "a public address",
  own: "this machine",
  unspecified: "this machine",
  loopback: "this machine",
  private: "in a private network",
  "link-local": "on the local link",
  metadata: "a cloud's metadata service",
  shared: "in a provider's network",
  multicast: "many machines",
  documentation: "an address for documentation",
  transition: "an address that carries another",
  reserved: "a reserved address",
};

/** The address in these bytes; sixteen that carry a mapped address are one of four. */
export function ipOfBytes(bytes: Uint8Array): Ip {
  if (bytes.length === 4) return { family: 4, bytes: [...bytes] };
  if (startsWith(bytes, mappedPrefix)) return { family: 4, bytes: [...bytes.subarray(12)] };
  return { family: 6, bytes: [...bytes] };
}

export function classOfIp(ip: Ip): AddressClass {
  const nat64 = throughNat64(ip);
  if (nat64 !== undefined) return classOfIp(nat64);
  const table = ip.family === 4 ? v4Classes : v6Classes;
  return table().find(({ range }) => isInCidr(ip, range))?.kind ?? "public";
}

/** The IPv4 address a packet to this IPv6 address may end at, when it carries one. */
export function embeddedIp({ family, bytes }: Ip): Ip | undefined {
  if (family === 4) return undefined;
  if (startsWith(bytes, [0x20, 0x02])) return v4(bytes.slice(2, 6));
  if (startsWith(bytes, [0x20, 0x01, 0, 0])) return v4(bytes.slice(12).map((byte) => byte ^ 0xff));
  const isCompatible = startsWith(bytes, compatiblePrefix) && bytes.slice(12, 15).some(Boolean);
  if (isCompatible || startsWith(bytes, localNat64Prefix)) return v4(bytes.slice(12));
  return throughNat64({ family, bytes });
}

const compatiblePrefix = new Array<number>(12).fill(0);
const mappedPrefix = [...compatiblePrefix.slice(2), 0xff, 0xff];
/** 64:ff9b::/96, by which networks of IPv6 alone reach the rest of the internet. */
const nat64Prefix = [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0];
/** 64:ff9b:1::/48. */
const localNat64Prefix = [0, 0x64, 0xff, 0x9b, 0, 1];

interface ClassRow {
  readonly range: Cidr;
  readonly kind: AddressClass;
}

/** The first row that fits decides, so single addresses stand before the block they are in. */
const v4Classes = rows(() => [
  ["169.254.169.254/32", "metadata"],
  ["169.254.170.2/32", "metadata"],
  ["169.254.170.23/32", "metadata"],
  ["169.254.169.253/32", "metadata"],
  ["168.63.129.16/32", "metadata"],
  ["100.100.100.200/32", "metadata"],
  ["192.0.0.192/32", "metadata"],
  ["0.0.0.0/8", "unspecified"],
  ["10.0.0.0/8", "private"],
  ["100.64.0.0/10", "shared"],
  ["127.0.0.0/8", "loopback"],
  ["169.254.0.0/16", "link-local"],
  ["172.16.0.0/12", "private"],
  ["192.0.0.0/24", "reserved"],
  ["192.0.2.0/24", "documentation"],
  ["192.31.196.0/24", "reserved"],
  ["192.52.193.0/24", "reserved"],
  ["192.88.99.0/24", "transition"],
  ["192.168.0.0/16", "private"],
  ["192.175.48.0/24", "reserved"],
  ["198.18.0.0/15", "reserved"],
  ["198.51.100.0/24", "documentation"],
  ["203.0.113.0/24", "documentation"],
  ["224.0.0.0/4", "multicast"],
  ["240.0.0.0/4", "reserved"],
]);

const v6Classes = rows(() => [
  ["::/128", "unspecified"],
  ["::1/128", "loopback"],
  ["::/96", "transition"],
  ["64:ff9b:1::/48", "transition"],
  ["fd00:ec2::/32", "metadata"],
  ["fd20:ce::254/128", "metadata"],
  ["2001::/32", "transition"],
  ["2001:db8::/32", "documentation"],
  ["2001::/23", "reserved"],
  ["2002::/16", "transition"],
  ["3fff::/20", "documentation"],
  ["5f00::/16", "reserved"],
  ["fc00::/7", "private"],
  ["fe80::/10", "link-local"],
  ["fec0::/10", "private"],
  ["ff00::/8", "multicast"],
  ["2000::/3", "public"],
  ["::/0", "reserved"],
]);

/** Read when the first address is asked about: most launches ask about none. */
function rows(
  table: () => readonly (readonly [string, AddressClass])[],
): () => readonly ClassRow[] {
  let read: readonly ClassRow[] | undefined;
  return () => {
    read ??= table().map(([text, kind]) => {
      const range = parseCidr(text);
      assert(range !== undefined, `${text} is a range of addresses`);
      return { range, kind };
    });
    return read;
  };
}

function throughNat64({ family, bytes }: Ip): Ip | undefined {
  return family === 6 && startsWith(bytes, nat64Prefix) ? v4(bytes.slice(12)) : undefined;
}

function v4(bytes: readonly number[]): Ip {
  return { family: 4, bytes };
}

function startsWith(bytes: ArrayLike<number>, prefix: readonly number[]): boolean {
  return prefix.every((byte, at) => bytes[at] === byte);
}
