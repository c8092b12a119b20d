// Credentials of one launch: the secrets are read, what would show them to the box is kept from it,
// and a host that the policy does not grant ends the launch. Loaded only when there are any. The
// secrets stay in memory: they are in no plan, no message and no row.

import { readFileSync } from "node:fs";
import { AegisError } from "../../base/errors.ts";
import { formatEndpoint } from "../../base/host.ts";
import { readSecretFile } from "../../config/secret-file.ts";
import {
  type Credential,
  type CredentialPlace,
  parseCredential,
} from "../../gateway/credential.ts";
import { loadCredential } from "../../gateway/credential-source.ts";
import { parseHost } from "../../gateway/host.ts";
import { createJudge } from "../../gateway/judge.ts";
import type { Capabilities } from "../../model/capability.ts";
import type { BoxEnvironment } from "../../supervise/environment.ts";
import type { Surroundings } from "../surroundings.ts";
import type { LaunchOptions } from "./options.ts";

export interface LaunchCredentials {
  readonly credentials: readonly Credential[];
  /** Files that hold secrets, which the box must not read. */
  readonly files: readonly string[];
  /** PEM; empty: the usual authorities. */
  readonly authorities: readonly string[];
  /** The environment without the secrets, and with where known programs find their server. */
  censor(environment: BoxEnvironment): BoxEnvironment;
  /** @throws {AegisError} `usage` when a host of a credential cannot be reached */
  requireReach(network: Capabilities | undefined, agent: string): void;
}

/** @throws {AegisError} `usage`, `config/invalid` */
export function launchCredentials(
  texts: readonly string[],
  grants: LaunchOptions["environment"],
  environment: Surroundings["environment"],
): LaunchCredentials {
  const specs = texts.map(specOf);
  const names = specs.map(({ name }) => name);
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined) throw usage(`Cannot use credential "${twice}" twice`, "drop one");
  const sources = specs.flatMap(({ source }) => (source.kind === "variable" ? [source.name] : []));
  const hidden = new Set([...names, ...sources]);
  const both = grants.find(({ name }) => hidden.has(name));
  if (both !== undefined) {
    const why = "--credential keeps it from the box";
    throw usage(`Cannot pass "${both.name}" on: ${why}`, `drop --env ${both.name}`);
  }
  const secrets = { variable: (name: string) => environment[name], file: readSecretFile };
  const credentials = specs.map((spec) => loadCredential(spec, secrets));
  return {
    credentials,
    files: specs.flatMap(({ source }) => (source.kind === "file" ? [source.path] : [])),
    authorities: authoritiesIn(environment.SSL_CERT_FILE),
    censor: (box) => withAddresses(withoutSecrets(box, hidden, credentials), credentials, grants),
    requireReach: (network, agent) => {
      for (const credential of credentials) requireReach(credential, network, agent);
    },
  };
}

function specOf(text: string) {
  const spec = parseCredential(text);
  if (spec.ok) return spec.value;
  throw usage(
    `Cannot use --credential "${text}": ${spec.error}`,
    "write NAME@HOST, or NAME=env:VARIABLE@HOST, NAME=file:/PATH@HOST, NAME=command:PROGRAM@HOST",
  );
}

function usage(message: string, hint: string): AegisError {
  return new AegisError("usage", message, { hint });
}

/** As OpenSSL does: instead of the usual ones. */
function authoritiesIn(path: string | undefined): readonly string[] {
  if (path === undefined || path === "") return [];
  try {
    return [readFileSync(path, "utf8")];
  } catch (cause) {
    throw new AegisError("config/invalid", `Cannot read SSL_CERT_FILE "${path}"`, { cause });
  }
}

/** A shorter secret may be a part of other values by chance. */
const partMinLength = 8;

/** A second variable with the same value would make the placeholder pointless. */
function withoutSecrets(
  { variables, removed }: BoxEnvironment,
  hidden: ReadonlySet<string>,
  credentials: readonly Credential[],
): BoxEnvironment {
  const out: string[] = [];
  // They are in the box, with a placeholder.
  const isThere = (name: string) => credentials.some((credential) => credential.name === name);
  const kept = variables.filter((entry) => {
    const equals = entry.indexOf("=");
    const [name, value] = [entry.slice(0, equals), entry.slice(equals + 1)];
    const holds = credentials.some(
      ({ secret }) =>
        value === secret || (secret.length >= partMinLength && value.includes(secret)),
    );
    if (!holds && !hidden.has(name)) return true;
    out.push(name);
    return false;
  });
  const all = [...new Set([...removed, ...out])];
  return { variables: kept, removed: all.filter((name) => !isThere(name)).sort() };
}

/** Variables by which programs are told another address of the server their key is for. */
const addressVariables: ReadonlyMap<string, { readonly name: string; readonly path: string }> =
  new Map([
    ["OPENAI_API_KEY", { name: "OPENAI_BASE_URL", path: "/v1" }],
    ["ANTHROPIC_API_KEY", { name: "ANTHROPIC_BASE_URL", path: "" }],
    ["ANTHROPIC_AUTH_TOKEN", { name: "ANTHROPIC_BASE_URL", path: "" }],
  ]);

/** What `--env` says of such a variable wins. */
function withAddresses(
  environment: BoxEnvironment,
  credentials: readonly Credential[],
  grants: LaunchOptions["environment"],
): BoxEnvironment {
  const values = new Map<string, string>();
  for (const { name, places } of credentials) {
    const place = places.find(({ isWrapped }) => isWrapped);
    const address = addressVariables.get(name);
    if (place === undefined || address === undefined) continue;
    if (grants.some((grant) => grant.name === address.name)) continue;
    values.set(address.name, `http://${place.host}${address.path}`);
  }
  if (values.size === 0) return environment;
  const others = environment.variables.filter(
    (entry) => !values.has(entry.slice(0, entry.indexOf("="))),
  );
  const own = [...values].map(([name, value]) => `${name}=${value}`);
  return { ...environment, variables: [...others, ...own].sort() };
}

function requireReach(
  { name, places }: Credential,
  network: Capabilities | undefined,
  agent: string,
): void {
  for (const place of places) {
    if (network !== undefined && isGranted(place, network, agent)) continue;
    const shown = formatEndpoint(place.host, place.port);
    throw usage(
      `Cannot use credential "${name}" for ${shown}: no rule grants that host by name`,
      `grant it with --net ${shown}, or drop it from the credential`,
    );
  }
}

function isGranted({ host, port }: CredentialPlace, rules: Capabilities, agent: string): boolean {
  const judge = createJudge(rules, agent);
  const parsed = parseHost(host);
  if (parsed === undefined) return false;
  const target = { host: parsed, port, protocol: "tcp" } as const;
  return judge.connect(target).isAllowed && judge.request(target).isAllowed;
}
