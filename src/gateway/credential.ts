// Secrets the box uses without having them: it sees a placeholder, and the real value is put into
// its requests to the hosts the credential is for, outside of the box. Anywhere else a placeholder
// is a word without meaning. Requests come from the watched program; nothing here is ever logged
// but the credential's name.

import { parseEndpoint } from "../base/host.ts";
import { err, ok, type Result } from "../base/result.ts";
import type { Field, RequestHead } from "./protocol/http-head.ts";

/** Where a real secret may go. */
export interface CredentialPlace {
  readonly host: string;
  readonly port: number;
  /** The box speaks plain HTTP to port 80 of the host, the gateway TLS to `port`. */
  readonly isWrapped: boolean;
}

export type CredentialSource =
  | { readonly kind: "variable"; readonly name: string }
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "command"; readonly argv: readonly string[] };

/** What a person asked for; holds no secret. */
export interface CredentialSpec {
  /** Of the variable in the box, and in the record. */
  readonly name: string;
  readonly source: CredentialSource;
  readonly places: readonly CredentialPlace[];
}

export interface Credential {
  readonly name: string;
  readonly placeholder: string;
  readonly secret: string;
  readonly places: readonly CredentialPlace[];
}

const variableName = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/;
const wrappedPort = 443;
export const plainPort = 80;

/**
 * `NAME[=SOURCE]@HOST[,HOST]`. SOURCE is `env:VARIABLE`, `file:/PATH` or `command:PROGRAM WORDS`
 * (words between spaces, no shell), without it the variable NAME; HOST is `HOST[:PORT]`, reached by
 * TLS, or `http://HOST[:PORT]`.
 */
export function parseCredential(text: string): Result<CredentialSpec, string> {
  const full = /^[^=@]*@/.test(text)
    ? text.replace(/^[^@]*/, (name) => `${name}=env:${name}`)
    : text;
  const [, name = "", sourceText = "", hosts = ""] = /^([^=]*)=(.*)@([^@]*)$/s.exec(full) ?? [];
  if (!variableName.test(name)) return err("it does not start with NAME@ or NAME=");
  const source = parseSource(sourceText);
  if (source === undefined)
    return err("the source is none of env:VARIABLE, file:/PATH, command:PROGRAM");
  const places: CredentialPlace[] = [];
  for (const host of hosts.split(",")) {
    const place = parsePlace(host);
    if (place === undefined) return err(`"${host}" is no host`);
    places.push(place);
  }
  return ok({ name, source, places });
}

function parseSource(text: string): CredentialSource | undefined {
  const [, kind, value = ""] = /^(env|file|command):(.+)$/s.exec(text) ?? [];
  if (kind === "env")
    return variableName.test(value) ? { kind: "variable", name: value } : undefined;
  if (kind === "file") return value.startsWith("/") ? { kind: "file", path: value } : undefined;
  const argv = value.split(" ").filter((word) => word !== "");
  return kind === "command" && argv.length > 0 ? { kind: "command", argv } : undefined;
}

function parsePlace(text: string): CredentialPlace | undefined {
  const plain = /^http:\/\/([^/]+)\/?$/.exec(text)?.[1];
  const endpoint = parseEndpoint(plain ?? text);
  if (endpoint === undefined || endpoint.port === 0) return undefined;
  const { host, port } = endpoint;
  const usual = plain === undefined ? wrappedPort : plainPort;
  return { host, port: port ?? usual, isWrapped: plain === undefined };
}

/** Where the gateway speaks TLS for a box that speaks plain HTTP to this host. */
export function wrappedPlace(
  credentials: readonly Credential[],
  host: string,
  port: number,
): CredentialPlace | undefined {
  if (port !== plainPort) return undefined;
  return credentials
    .flatMap(({ places }) => places)
    .find((place) => place.isWrapped && place.host === host);
}

export interface Filled {
  readonly target: string;
  readonly fields: readonly Field[];
  /** Names of those put in. */
  readonly used: readonly string[];
  /** Names of those whose placeholder went to a host they are not for. */
  readonly strayed: readonly string[];
}

/** The request with the real values of the credentials that are for this place. */
export function fillCredentials(
  credentials: readonly Credential[],
  { target, fields }: Pick<RequestHead, "target" | "fields">,
  place: CredentialPlace,
): Filled {
  let filled: Filled = { target, fields, used: [], strayed: [] };
  for (const credential of credentials) {
    if (!mentions(filled, credential.placeholder)) continue;
    const { name } = credential;
    const isFor = credential.places.some((own) => arePlacesEqual(own, place));
    filled = isFor
      ? { ...replaced(filled, credential), used: [...filled.used, name] }
      : { ...filled, strayed: [...filled.strayed, name] };
  }
  return filled;
}

function arePlacesEqual(one: CredentialPlace, other: CredentialPlace): boolean {
  return one.host === other.host && one.port === other.port && one.isWrapped === other.isWrapped;
}

function mentions({ target, fields }: Filled, placeholder: string): boolean {
  if (target.includes(placeholder)) return true;
  return fields.some(
    ({ value }) => value.includes(placeholder) || basicOf(value)?.includes(placeholder) === true,
  );
}

function replaced(filled: Filled, { placeholder, secret }: Credential): Filled {
  const fields = filled.fields.map(({ name, value }) => {
    const basic = basicOf(value);
    if (basic?.includes(placeholder) === true) {
      const text = basic.replaceAll(placeholder, () => secret);
      return { name, value: `Basic ${Buffer.from(text, "latin1").toString("base64")}` };
    }
    return { name, value: value.replaceAll(placeholder, () => secret) };
  });
  const target = filled.target.replaceAll(placeholder, () => encodeURIComponent(secret));
  return { ...filled, fields, target };
}

/** The `user:password` of a value that holds one. */
function basicOf(value: string): string | undefined {
  const encoded = /^basic +([A-Za-z0-9+/=_-]+)$/i.exec(value)?.[1];
  return encoded === undefined ? undefined : Buffer.from(encoded, "base64").toString("latin1");
}
