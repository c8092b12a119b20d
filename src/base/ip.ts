// Internet addresses as numbers and as the one text they are compared by: IPv4 in dotted decimals,
// IPv6 as RFC 5952 writes it, an IPv4 address inside an IPv6 one as the IPv4 address. Pure; texts
// come from policies and from whoever is confined.

export interface Ip {
  readonly family: 4 | 6;
  /** 4 or 16 bytes, most significant first. */
  readonly bytes: readonly number[];
}

/** Every address that starts with the first `bits` bits of `ip`; the other bits of it are zero. */
export interface Cidr {
  readonly ip: Ip;
  readonly bits: number;
}

/**
 * The address a text is: decimals without leading zeros, or any spelling of IPv6 without a zone.
 * Undefined for everything else, the spellings included that only old resolvers take
 * (`canonicalHost` reads those).
 */
export function parseIp(text: string): Ip | undefined {
  return text.includes(":") ? parseIpv6(text) : parseIpv4(text);
}

/** The canonical text of an address. */
export function formatIp({ family, bytes }: Ip): string {
  if (family === 4) return bytes.join(".");
  const groups = groupsOf(bytes);
  const { start, length } = longestZeros(groups);
  const text = (part: readonly number[]): string =>
    part.map((group) => group.toString(16)).join(":");
  if (length < 2) return text(groups);
  return `${text(groups.slice(0, start))}::${text(groups.slice(start + length))}`;
}

/** `ADDRESS/BITS`, or an address for itself alone; bits beyond `BITS` are cleared. */
export function parseCidr(text: string): Cidr | undefined {
  const [, address = "", digits] = /^([^/]+)(?:\/(0|[1-9]\d{0,2}))?$/.exec(text) ?? [];
  const ip = parseIp(address);
  if (ip === undefined) return undefined;
  const size = ip.bytes.length * 8;
  if (digits === undefined) return { ip, bits: size };
  // A range within the IPv4 addresses inside IPv6 is a range of IPv4.
  const isMapped = ip.family === 4 && address.includes(":");
  const bits = Number(digits) - (isMapped ? 96 : 0);
  return bits < 0 || bits > size ? undefined : { ip: networkOf(ip, bits), bits };
}

export function formatCidr({ ip, bits }: Cidr): string {
  return `${formatIp(ip)}/${bits}`;
}

/** False for an address of the other family. */
export function isInCidr({ family, bytes }: Ip, { ip, bits }: Cidr): boolean {
  if (family !== ip.family) return false;
  const whole = bits >> 3;
  for (let index = 0; index < whole; index += 1) if (bytes[index] !== ip.bytes[index]) return false;
  const mask = 0xff & ~(0xff >> (bits & 7));
  return (((bytes[whole] ?? 0) ^ (ip.bytes[whole] ?? 0)) & mask) === 0;
}

/** True when every address of `inner` is one of `outer`. */
export function cidrCovers(outer: Cidr, inner: Cidr): boolean {
  return outer.bits <= inner.bits && isInCidr(inner.ip, outer);
}

/**
 * An IPv4 address as the C library's inet_aton reads it: one to four numbers, decimal, octal or
 * hexadecimal, the last of which fills the bytes that are left.
 */
export function parseOldIpv4(text: string): Ip | undefined {
  const parts = text.split(".");
  if (parts.length > 4) return undefined;
  const numbers = parts.map(oldNumber);
  const last = numbers.pop();
  if (last === undefined || numbers.some((part) => part === undefined || part > 255))
    return undefined;
  const room = 4 - numbers.length;
  if (last >= 256 ** room) return undefined;
  const tail = Array.from({ length: room }, (_, index) => {
    return Math.floor(last / 256 ** (room - 1 - index)) % 256;
  });
  return { family: 4, bytes: [...numbers.map((part) => part ?? 0), ...tail] };
}

function oldNumber(text: string): number | undefined {
  if (/^0x[0-9a-f]*$/i.test(text)) return Number(`0x0${text.slice(2)}`);
  if (/^0[0-7]*$/.test(text)) return Number.parseInt(text, 8);
  return /^[1-9]\d*$/.test(text) ? Number(text) : undefined;
}

function parseIpv4(text: string): Ip | undefined {
  const parts = text.split(".");
  if (parts.length !== 4 || !parts.every((part) => /^(?:0|[1-9]\d{0,2})$/.test(part)))
    return undefined;
  const bytes = parts.map(Number);
  return bytes.every((byte) => byte <= 255) ? { family: 4, bytes } : undefined;
}

function parseIpv6(text: string): Ip | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const isCut = halves.length === 2;
  const head = groupsFrom(halves[0] ?? "", !isCut);
  const tail = groupsFrom(halves[1] ?? "", true);
  if (head === undefined || tail === undefined) return undefined;
  const missing = 8 - head.length - tail.length;
  if (isCut ? missing < 1 : missing !== 0) return undefined;
  const groups = [...head, ...Array.from({ length: missing }, () => 0), ...tail];
  const bytes = groups.flatMap((group) => [group >> 8, group & 255]);
  const isMapped = groups[5] === 0xffff && groups.slice(0, 5).every((group) => group === 0);
  return isMapped ? { family: 4, bytes: bytes.slice(12) } : { family: 6, bytes };
}

/** Groups of 16 bits; the last two may be written as an IPv4 address. */
function groupsFrom(text: string, isLast: boolean): number[] | undefined {
  if (text === "") return [];
  const words = text.split(":");
  const hasInside = isLast && text.includes(".");
  const inside = hasInside ? parseIpv4(words.pop() ?? "") : undefined;
  if (hasInside && inside === undefined) return undefined;
  if (!words.every((word) => /^[0-9a-f]{1,4}$/i.test(word))) return undefined;
  const groups = words.map((word) => Number.parseInt(word, 16));
  return inside === undefined ? groups : [...groups, ...groupsOf(inside.bytes)];
}

function groupsOf(bytes: readonly number[]): number[] {
  return Array.from({ length: bytes.length / 2 }, (_, index) => {
    return (bytes[index * 2] ?? 0) * 256 + (bytes[index * 2 + 1] ?? 0);
  });
}

/** The longest run of zeros; of equal ones the first. */
function longestZeros(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  for (let start = 0; start < groups.length; start += 1) {
    let length = 0;
    while (groups[start + length] === 0) length += 1;
    if (length > best.length) best = { start, length };
  }
  return best;
}

function networkOf({ family, bytes }: Ip, bits: number): Ip {
  const masked = bytes.map((byte, index) => {
    const kept = Math.max(0, Math.min(8, bits - index * 8));
    return byte & (0xff & ~(0xff >> kept));
  });
  return { family, bytes: masked };
}
