// Whether a request is for the host its connection was made to. A connection granted for one host
// must not reach another one that lives behind the same address.

import { type Host, parseHost } from "./host.ts";
import {
  encodeHead,
  type Field,
  type HttpFlaw,
  type RequestHead,
  valuesOf,
  wordsOf,
} from "./protocol/http-head.ts";

/** What a request says about where it goes. */
export interface Destination {
  readonly host: Host;
  /** As the Host field or the URL says; undefined when none is said. */
  readonly port: number | undefined;
  /** Path without query, for the record. */
  readonly path: string;
}

const httpPort = 80;
/** Fields that belong to one connection and must not be dropped by naming them in Connection. */
const lasting = ["host", "content-length", "transfer-encoding", "cookie", "authorization"];
const pathShownMax = 1024;

/** Where the request wants to go, or why that cannot be said. */
export function destinationOf(head: RequestHead): Destination | HttpFlaw {
  if (head.method === "CONNECT") return wrong("CONNECT inside a connection");
  if (wordsOf(head, "connection").some((word) => lasting.includes(word)))
    return wrong("a Connection field that drops other fields");
  const target = parseTarget(head);
  if ("reason" in target) return target;
  const hosts = valuesOf(head, "host");
  if (hosts.length > 1) return wrong("more than one Host");
  const [text] = hosts;
  if (text === undefined)
    return target.host === undefined || head.version === "1.1"
      ? wrong("no Host")
      : { host: target.host, port: target.port, path: target.path };
  const named = parseAuthority(text);
  if (named === undefined) return wrong("a Host that is no host");
  if (target.host === undefined) return { ...named, path: target.path };
  if (target.host.text !== named.host.text) return wrong("a Host other than the URL's");
  if ((target.port ?? httpPort) !== (named.port ?? httpPort))
    return wrong("a Host with another port than the URL's");
  return { ...named, port: target.port, path: target.path };
}

/** `host` or `host:port`; undefined when it is neither. */
export function parseAuthority(
  text: string,
): { readonly host: Host; readonly port: number | undefined } | undefined {
  const [, name, digits] = /^(\[[^\]]*\]|[^:]*)(?::(\d{1,5}))?$/.exec(text) ?? [];
  const host = name === undefined ? undefined : parseHost(name);
  const port = digits === undefined ? undefined : Number(digits);
  if (host === undefined || (port !== undefined && (port > 65_535 || port === 0))) return undefined;
  return { host, port };
}

/** Words of the Upgrade field, when the request really asks for one. */
export function upgradeOf(head: RequestHead): readonly string[] {
  return wordsOf(head, "connection").includes("upgrade") ? wordsOf(head, "upgrade") : [];
}

/** The same request without the fields, and without their names in Connection. */
export function withoutFields(fields: readonly Field[], dropped: RegExp): readonly Field[] {
  return fields
    .filter(({ name }) => !dropped.test(name))
    .map(({ name, value }) => {
      if (name.toLowerCase() !== "connection") return { name, value };
      const kept = value.split(",").filter((word) => !dropped.test(word.trim()));
      return { name, value: kept.join(",").trim() };
    })
    .filter(({ name, value }) => name.toLowerCase() !== "connection" || value !== "");
}

/** A request to a proxy as the request the server gets; the answer ends the connection. */
export function asOriginRequest(head: RequestHead): Buffer {
  const target = head.target.replace(/^http:\/\/[^/?]*/i, "");
  const path = target.startsWith("/") ? target : `/${target}`;
  const fields = withoutFields(head.fields, /^(proxy-.*|connection|keep-alive|upgrade|http2-.*)$/i);
  const origin = head.method === "OPTIONS" && target === "" ? "*" : path;
  return encodeHead(head, origin, [...fields, { name: "Connection", value: "close" }]);
}

interface ParsedTarget {
  readonly host: Host | undefined;
  readonly port: number | undefined;
  readonly path: string;
}

function parseTarget({ method, target }: RequestHead): ParsedTarget | HttpFlaw {
  if (target.includes("#")) return wrong("a fragment in the target");
  const path = target.split("?")[0] ?? "";
  if (target.startsWith("/")) return { host: undefined, port: undefined, path: shown(path) };
  if (target === "*" && method === "OPTIONS")
    return { host: undefined, port: undefined, path: "*" };
  const [, authority, rest = ""] = /^http:\/\/([^/?#]*)(.*)$/i.exec(target) ?? [];
  if (authority === undefined) return wrong("a target that is neither a path nor an http URL");
  const named = parseAuthority(authority);
  if (named === undefined) return wrong("a URL without a plain host");
  return { ...named, path: shown(rest.split("?")[0] || "/") };
}

function shown(path: string): string {
  return path.length > pathShownMax ? `${path.slice(0, pathShownMax)}…` : path;
}

function wrong(reason: string): HttpFlaw {
  return { status: 400, reason };
}
