// Hosts as they are compared: a name in lower case, ASCII and without a dot at its end, or the
// canonical text of an address. Every spelling a resolver would take for the same host becomes the
// same text here, so that no rule is passed by writing its host another way. Pure; texts come from
// policies and from whoever is confined.

import { formatIp, parseIp, parseOldIpv4 } from "./ip.ts";

/**
 * The canonical text of a host: a name, an address in any spelling, an IPv6 address with or without
 * brackets. Undefined when it is neither: blanks, control characters, a zone, a part of a URL.
 */
export function canonicalHost(text: string): string | undefined {
  if (text.includes(":")) {
    const address = /^\[(.*)\]$/s.exec(text)?.[1] ?? text;
    const ip = address.includes(":") ? parseIp(address) : undefined;
    return ip && formatIp(ip);
  }
  const isPlain = isAscii(text) && !/(?:^|\.)xn--/i.test(text);
  return isPlain ? canonicalName(text) : canonicalForeignName(text);
}

/** True when the canonical host is an address. */
export function isAddress(host: string): boolean {
  return /^[\d.]+$/.test(host) || host.includes(":");
}

/**
 * `HOST`, `HOST:PORT`, `ADDRESS`, `ADDRESS:PORT`, `[ADDRESS]:PORT`; the host canonical, the port 0
 * to 65535.
 */
export function parseEndpoint(
  text: string,
): { host: string; port: number | undefined } | undefined {
  const isBareAddress = !text.startsWith("[") && text.split(":").length > 2;
  const [, bracketed, plain, digits] =
    /^(?:(\[[^\]]+\])|([^:]+))(?::(\d{1,5}))?$/s.exec(text) ?? [];
  const host = canonicalHost((isBareAddress ? text : (bracketed ?? plain)) ?? "");
  if (host === undefined) return undefined;
  const port = isBareAddress || digits === undefined ? undefined : Number(digits);
  return port !== undefined && port > 65_535 ? undefined : { host, port };
}

/** `HOST:PORT` as `parseEndpoint` reads it. */
export function formatEndpoint(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

const labelMaxLength = 63;
const nameMaxLength = 253;

function canonicalName(text: string): string | undefined {
  const name = text.toLowerCase().replace(/\.$/, "");
  const labels = name.split(".");
  // What ends in a number is an address to every resolver, or nothing at all.
  if (/^(?:\d+|0x[0-9a-f]*)$/.test(labels.at(-1) ?? "")) {
    const ip = parseOldIpv4(name);
    return ip && formatIp(ip);
  }
  if (name.length > nameMaxLength) return undefined;
  const isName = labels.every((label) => {
    return label.length <= labelMaxLength && /^[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?$/.test(label);
  });
  return isName ? name : undefined;
}

/** Letters outside ASCII in the form they are asked for: RFC 3492, as browsers map them. */
function canonicalForeignName(text: string): string | undefined {
  // A URL would take these for its own; what is left in the name is all the parser gets.
  if (/[\p{Cc}\p{Z}/\\?#@%:[\]<>^|`{}"]/u.test(text) || !text.isWellFormed()) return undefined;
  const url = `http://${text}/`;
  if (!URL.canParse(url)) return undefined;
  const { hostname } = new URL(url);
  return isAscii(hostname) ? canonicalName(hostname) : undefined;
}

function isAscii(text: string): boolean {
  return /^[\0-\x7f]*$/.test(text);
}
