// What an attempt has to look like before it can be judged. A path with dots in it, or a host in
// capitals, would slip past a rule written for the same thing spelled plainly, so anything else
// than the plain form is not judged but refused.

import { matchedForm } from "../base/byte-text.ts";
import { canonicalHost, parseEndpoint } from "../base/host.ts";
import { absPath } from "../base/paths.ts";
import type { Attempt, Resource } from "../model/attempt.ts";
import { type Action, actions, type Protocol, protocols } from "../model/capability.ts";
import { classOf } from "./leaf.ts";

/** Dots, empty steps or a slash at the end; a NUL ends a path for the kernel. */
const unplainPath = /\/\/|\/\.{1,2}(?:\/|$)|.\/$|\0/;
/** What is reached without an address: abstract unix sockets, sockets of other families. */
const otherPeer = /^(?:@[^\sA-Z/\0]+|family:\d+)$/;
/** Where a host is given without one, e.g. to explain a policy. */
const defaultPort = 443;

/** Why an attempt cannot be judged, undefined when it can. */
export function flawOf({ action, resource }: Attempt): string | undefined {
  const { path, host, port, protocol } = resource;
  if (!actions.includes(action)) return `there is no action "${action}"`;
  if (matchedForm(path) === undefined) return "the name is not valid text";
  switch (classOf(action)) {
    case "path":
      if (!path.startsWith("/") || unplainPath.test(path))
        return "the path is not absolute and normalised";
      return undefined;
    case "endpoint":
      if (host === undefined || !isPlainHost(host))
        return "the host is missing or not a plain lower-case name or address";
      if (protocol !== undefined && !protocols.includes(protocol))
        return `there is no protocol "${protocol}"`;
      if (port === undefined || !Number.isInteger(port) || port < 0 || port > 65535)
        return "the port is missing or not between 0 and 65535";
      return undefined;
    case "name":
      return undefined;
  }
}

export function actionNamed(name: string): Action | undefined {
  return actions.find((action) => action === name);
}

/**
 * The resource a person means by `text` when they name an action: a path, `HOST`, `HOST:PORT`,
 * `[ADDRESS]:PORT`, each also behind `tcp:`, `udp:` or `icmp:`, or a URL for network actions (port
 * 443 when none is said), `PORT` for a server on every address, any name else. Undefined when it is
 * none of these.
 */
export function resourceNamed(
  action: Action,
  text: string,
  directory: string,
): Resource | undefined {
  if (text === "") return undefined;
  switch (classOf(action)) {
    case "path": {
      const path = absPath(text.startsWith("/") ? text : `${directory}/${text}`);
      return path === undefined ? undefined : { path, host: undefined, port: undefined };
    }
    case "endpoint": {
      const { protocol, rest } = splitProtocol(text);
      const port = /^:?(\d+)$/.exec(rest)?.[1];
      const where = port === undefined ? rest : action === "NetBind" ? `0.0.0.0:${port}` : "";
      const endpoint = text.includes("://") ? endpointOfUrl(text) : parseEndpoint(where);
      if (endpoint === undefined) return undefined;
      const { host, port: named = protocol === "icmp" ? 0 : defaultPort } = endpoint;
      return { path: host, host, port: named, ...(protocol === undefined ? {} : { protocol }) };
    }
    case "name":
      return { path: text, host: undefined, port: undefined };
  }
}

/** As hosts of attempts are written; everything else is refused rather than judged. */
export function isPlainHost(host: string): boolean {
  return canonicalHost(host) === host || otherPeer.test(host);
}

/** `udp:HOST` as protocol and host; a text without a protocol is all host. */
export function splitProtocol(text: string): {
  readonly protocol: Protocol | undefined;
  readonly rest: string;
} {
  const protocol = protocols.find((name) => text.startsWith(`${name}:`));
  return { protocol, rest: protocol === undefined ? text : text.slice(protocol.length + 1) };
}

function endpointOfUrl(text: string): { host: string; port: number | undefined } | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined) return undefined;
  const port = url.port || (url.protocol === "http:" ? "80" : "443");
  return parseEndpoint(`${url.hostname}:${port}`);
}
