// Whom a request calls, and which page sent it: a page in a browser, which anybody may have made,
// has to reach neither a port of this machine nor a server whose key the browser's user has. Such a
// page is told apart by `Origin` and `Sec-Fetch-Site`; or, after its name was made to point here,
// by `Host` (DNS rebinding). Programs send the first two not at all.

import { AegisError } from "../../base/errors.ts";
import { canonicalHost, isAddress, parseEndpoint } from "../../base/host.ts";

/** A port that is undefined: whichever. */
export interface HostName {
  readonly host: string;
  readonly port: number | undefined;
}

export interface OwnHosts {
  /** Canonical names that this server has on its own machine. */
  readonly local: ReadonlySet<string>;
  /** Where it listens. */
  readonly port: number;
  /** What clients call it besides, as whoever started it says: behind a proxy, in a container. */
  readonly named: readonly HostName[];
  /** Callers have keys, which no page knows; else it is reached from this machine alone. */
  readonly isGuarded: boolean;
}

/** @throws {AegisError} `config/invalid` */
export function readHostNames(texts: readonly string[]): readonly HostName[] {
  return texts.map((text) => {
    const named = parseEndpoint(text);
    if (named !== undefined) return named;
    throw new AegisError("config/invalid", `config: invalid hosts: "${text}" is no NAME[:PORT]`);
  });
}

export function ownHosts(hostname: string, rest: Omit<OwnHosts, "local">): OwnHosts {
  const given = canonicalHost(hostname);
  const local = ["localhost", "127.0.0.1", "::1", ...(given === undefined ? [] : [given])];
  return { ...rest, local: new Set(local) };
}

/** @returns why a request that is sent to this name is not for this server */
export function foreignHost(headers: Headers, hosts: OwnHosts): string | undefined {
  const text = headers.get("Host") ?? "";
  // Browsers always send one, programs that speak HTTP/1.0 need not.
  if (text === "") return hosts.isGuarded ? undefined : "the request names no host";
  const called = parseEndpoint(text);
  if (called !== undefined && isOwn(called, hosts)) return undefined;
  const shown = JSON.stringify(text.slice(0, 100));
  return `host ${shown} is not served here; the server has to be started with --host ${shown}`;
}

function isOwn({ host, port }: HostName, { local, named, isGuarded, ...own }: OwnHosts): boolean {
  if (local.has(host) && (isGuarded || port === undefined || port === own.port)) return true;
  // A name can be made to point anywhere, an address is where it is.
  if (isGuarded && isAddress(host)) return true;
  return named.some((one) => one.host === host && isPort(one.port, port));
}

const defaultPorts = { http: 80, https: 443 } as const;
const defaultPortsOfAny: readonly number[] = Object.values(defaultPorts);

/** @param called undefined: the default one of a scheme that only a proxy in front may know */
function isPort(named: number | undefined, called: number | undefined): boolean {
  if (named === undefined || named === called) return true;
  return called === undefined && defaultPortsOfAny.includes(named);
}

/** @returns why a page may not send this; undefined for programs and for pages of our own */
export function foreignPage(
  { method, headers }: Pick<Request, "method" | "headers">,
  hosts: OwnHosts,
): string | undefined {
  const origin = headers.get("Origin");
  const isKnown =
    origin === null ? isFromOwnPage(method, headers) : isOwnPage(origin, headers, hosts);
  return isKnown ? undefined : "requests of other pages are not answered";
}

/** Of the very host and port that the request is sent to, or of one that is ours by name. */
function isOwnPage(origin: string, headers: Headers, { local, named, port }: OwnHosts): boolean {
  const [, scheme, place = ""] = /^(https?):\/\/([^/]+)$/.exec(origin) ?? [];
  const page = parseEndpoint(place);
  if (page === undefined || (scheme !== "http" && scheme !== "https")) return false;
  const called = parseEndpoint(headers.get("Host") ?? "");
  const same = (one: HostName): boolean => one.host === page.host && one.port === page.port;
  if (called !== undefined && same(called)) return true;
  const pagePort = page.port ?? defaultPorts[scheme];
  if (local.has(page.host) && pagePort === port) return true;
  return named.some((one) => same(one) || (one.host === page.host && one.port === pagePort));
}

/** Requests that need no `Origin`, pictures and scripts, are told apart by what browsers add. */
function isFromOwnPage(method: string, headers: Headers): boolean {
  const site = headers.get("Sec-Fetch-Site");
  if (site === null || site === "none" || site === "same-origin") return true;
  // A link that somebody followed: the page that had it does not see the answer.
  const isRead = method === "GET" || method === "HEAD";
  const isLink = headers.get("Sec-Fetch-Dest") === "document";
  return isRead && isLink && headers.get("Sec-Fetch-Mode") === "navigate";
}
