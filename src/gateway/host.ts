// A host as the gateway meets it, in a URL, a Host field, a TLS or a SOCKS message: its canonical
// text, and its address when it is one. The text comes from the watched program.

import { canonicalHost } from "../base/host.ts";
import { formatIp, type Ip, parseIp } from "../base/ip.ts";

export interface Host {
  /** The name, or the canonical text of the address. */
  readonly text: string;
  /** Undefined for a name. */
  readonly ip: Ip | undefined;
}

/** Longer than every host, also in the spellings that are mapped. */
const spellingMax = 1024;

/** Undefined when the text is no host. */
export function parseHost(text: string): Host | undefined {
  const host = text.length > spellingMax ? undefined : canonicalHost(text);
  return host === undefined ? undefined : { text: host, ip: parseIp(host) };
}

export function hostOfIp(ip: Ip): Host {
  return { text: formatIp(ip), ip };
}
