// IP addresses as bytes and as one canonical text each, and what kind of place an address is.
// Strict on purpose: other spellings (octal, short, with a zone) are the business of whoever reads
// host names. Addresses here come from policies, resolvers and the watched program.

/** Four bytes, or sixteen; an IPv4-mapped IPv6 address is always its four bytes. */
export type Address = Uint8Array;

/**
 * - `public`: everything not named below.
 * - `metadata`: where clouds hand out credentials to their machines.
 * - `shared`: carrier-grade NAT, 100.64.0.0/10. `reserved`: not for use on the internet.
 * - `transition`: an IPv6 address that carries an IPv4 one (6to4, Teredo, compatible, local NAT64).
 */
export type AddressClass =
  | "public"
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

/** Undefined unless `text` is a dotted quad or an IPv6 address, without brackets and zone. */
export function parseAddress(text: string): Address | undefined {
  if (text.includes(":")) return parseV6(text);
  return parseV4(text);
}

/** The canonical text: dotted quad, or RFC 5952. */
export function formatAddress(address: Address): string {
  return address.length === 4 ? address.join(".") : formatV6(address);
}

/** The address in these bytes; sixteen of a mapped address become four. */
export function addressOf(bytes: Uint8Array): Address {
  return bytes.length === 16 && startsWith(bytes, mappedPrefix) ? bytes.slice(12) : bytes.slice();
}

export function classOfAddress(address: Address): AddressClass {
  const nat64 = throughNat64(address);
  if (nat64 !== undefined) return classOfAddress(nat64);
  const table = address.length === 4 ? v4Classes : v6Classes;
  return table.find(({ prefix, bits }) => isInside(address, prefix, bits))?.kind ?? "public";
}

/** The IPv4 address a packet to this IPv6 address may end at, when it carries one. */
export function embeddedAddress(address: Address): Address | undefined {
  if (address.length === 4) return undefined;
  if (startsWith(address, [0x20, 0x02])) return address.slice(2, 6);
  if (startsWith(address, [0x20, 0x01, 0, 0])) return address.slice(12).map((byte) => byte ^ 0xff);
  if (startsWith(address, new Array(12).fill(0)) && address.subarray(12, 15).some(Boolean))
    return address.slice(12);
  if (startsWith(address, localNat64Prefix)) return address.slice(12);
  return throughNat64(address);
}

/** Whether the first `bits` bits of both are the same; addresses of two families never are. */
export function isInside(address: Address, prefix: Address, bits: number): boolean {
  if (address.length !== prefix.length) return false;
  const whole = bits >> 3;
  for (let at = 0; at < whole; at += 1) if (address[at] !== prefix[at]) return false;
  const rest = bits & 7;
  if (rest === 0) return true;
  const mask = 0xff << (8 - rest);
  return ((address[whole] ?? 0) & mask) === ((prefix[whole] ?? 0) & mask);
}

const mappedPrefix = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];
/** 64:ff9b::/96, by which IPv6-only networks reach the IPv4 internet. */
const nat64Prefix = [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0];
/** 64:ff9b:1::/48. */
const localNat64Prefix = [0, 0x64, 0xff, 0x9b, 0, 1];

interface ClassRow {
  readonly prefix: Address;
  readonly bits: number;
  readonly kind: AddressClass;
}

/** The first row that fits decides, so single addresses stand before the block they are in. */
const v4Classes = rows([
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

const v6Classes = rows([
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

function rows(table: readonly (readonly [string, AddressClass])[]): readonly ClassRow[] {
  return table.map(([block, kind]) => {
    const [text = "", bits = ""] = block.split("/");
    const prefix = parseAddress(text);
    if (prefix === undefined) throw new Error(`broken invariant: ${text} is no address`);
    return { prefix, bits: Number(bits), kind };
  });
}

function throughNat64(address: Address): Address | undefined {
  if (address.length !== 16 || !startsWith(address, nat64Prefix)) return undefined;
  return address.slice(12);
}

function startsWith(bytes: Uint8Array, prefix: readonly number[]): boolean {
  return prefix.every((byte, at) => bytes[at] === byte);
}

function parseV4(text: string): Address | undefined {
  const parts = text.split(".");
  if (parts.length !== 4) return undefined;
  const bytes = new Uint8Array(4);
  for (const [at, part] of parts.entries()) {
    if (!/^(0|[1-9]\d{0,2})$/.test(part)) return undefined;
    const byte = Number(part);
    if (byte > 255) return undefined;
    bytes[at] = byte;
  }
  return bytes;
}

function parseV6(text: string): Address | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const [head = "", tail] = halves;
  const front = groups(head, tail === undefined);
  const back = tail === undefined ? [] : groups(tail, true);
  if (front === undefined || back === undefined) return undefined;
  const missing = 16 - front.length - back.length;
  if (tail === undefined ? missing !== 0 : missing < 2) return undefined;
  return addressOf(Uint8Array.from([...front, ...new Array<number>(missing).fill(0), ...back]));
}

/** The bytes of `a:b:c`; the last group may be a dotted quad when the address ends here. */
function groups(text: string, isEnd: boolean): number[] | undefined {
  if (text === "") return [];
  const bytes: number[] = [];
  const parts = text.split(":");
  for (const [at, part] of parts.entries()) {
    if (/^[0-9a-fA-F]{1,4}$/.test(part)) {
      const value = Number.parseInt(part, 16);
      bytes.push(value >> 8, value & 0xff);
      continue;
    }
    const quad = isEnd && at === parts.length - 1 ? parseV4(part) : undefined;
    if (quad === undefined) return undefined;
    bytes.push(...quad);
  }
  return bytes.length <= 16 ? bytes : undefined;
}

function formatV6(address: Address): string {
  const words = Array.from({ length: 8 }, (_, at) => {
    return ((address[at * 2] ?? 0) << 8) | (address[at * 2 + 1] ?? 0);
  });
  let best = { at: -1, length: 1 };
  for (let at = 0; at < 8; at += 1) {
    let length = 0;
    while (at + length < 8 && words[at + length] === 0) length += 1;
    if (length > best.length) best = { at, length };
  }
  const texts = words.map((word) => word.toString(16));
  if (best.at < 0) return texts.join(":");
  const front = texts.slice(0, best.at).join(":");
  return `${front}::${texts.slice(best.at + best.length).join(":")}`;
}
