// One canonical spelling for every way to write a host: names in lower case and punycode without a
// dot at the end, addresses as the canonical text of their bytes, however they were written. The
// text comes from the watched program.

import { type Address, formatAddress, parseAddress } from "../base/address.ts";

export interface Host {
  /** The name, or the canonical text of the address. */
  readonly text: string;
  /** Undefined for a name. */
  readonly address: Address | undefined;
}

const nameMax = 253;
const plainName = /^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/;
const labelMax = 63;
/** Names whose last part starts with a digit may be addresses, `xn--` needs to be valid. */
const needsCare = /(^|\.)(xn--|\d[^.]*\.?$)/;
/** What no host has: controls, and whatever separates a host from the rest of a URL. */
const foreign = /[\0-\x20\x7f"#%/:<>?@[\\\]^`{|}]/;

/**
 * A host as it stands in a URL, a Host header, a TLS or a SOCKS message. IPv6 addresses may have
 * brackets; zones are refused, because an address with a zone is another one on every machine.
 */
export function parseHost(text: string): Host | undefined {
  const isBracketed = text.startsWith("[") && text.endsWith("]");
  const inner = isBracketed ? text.slice(1, -1) : text;
  if (isBracketed || inner.includes(":")) return ofAddress(inner.includes(":") ? inner : "");
  if (inner === "" || inner.length > 1024 || foreign.test(inner) || !inner.isWellFormed())
    return undefined;
  return parseName(inner);
}

export function hostOfAddress(address: Address): Host {
  return { text: formatAddress(address), address };
}

function ofAddress(text: string): Host | undefined {
  const address = parseAddress(text);
  return address === undefined ? undefined : hostOfAddress(address);
}

function parseName(text: string): Host | undefined {
  const lower = text.toLowerCase();
  if (isPlain(lower) && !needsCare.test(lower)) return { text: lower, address: undefined };
  // The URL parser knows every spelling of an IPv4 address and the mapping of international names.
  if (!URL.canParse(`http://${text}/`)) return undefined;
  const { hostname } = new URL(`http://${text}/`);
  const address = parseAddress(hostname);
  if (address !== undefined) return hostOfAddress(address);
  const name = hostname.replace(/\.$/, "");
  return isPlain(name) ? { text: name, address: undefined } : undefined;
}

function isPlain(name: string): boolean {
  return (
    name.length <= nameMax &&
    plainName.test(name) &&
    name.split(".").every((label) => label.length <= labelMax)
  );
}
