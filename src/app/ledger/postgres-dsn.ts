// From `postgres://…` to a place: what its parts mean, where the password comes from, and which
// forms are refused because they would mean less than they say. No message repeats a DSN's text.

import { AegisError } from "../../base/errors.ts";
import { type AbsPath, resolvePath } from "../../base/paths.ts";
import type { Environment } from "../../config/location.ts";
import { readSecretFile } from "../../config/secret-file.ts";
import type { PostgresPlace, PostgresTls } from "../../ledger/postgres/place.ts";
import { readSmallFile } from "../control-client.ts";

export function isPostgresDsn(text: string): boolean {
  return /^postgres(ql)?:/i.test(text);
}

/** What to tell whoever gave a DSN in a command, which everybody on this machine may read. */
export function typedPassword(flag: string, dsn: string): readonly string[] {
  if (!hasPassword(dsn)) return [];
  const instead = "PGPASSWORD, or passfile=FILE in it, keeps it to yourself";
  return [`every user of this machine can read the password in ${flag}; ${instead}`];
}

/** For a program that has no business with the ledger, such as a server that is watched. */
export function withoutPostgresPassword(environment: Environment): Environment {
  const { PGPASSWORD: _, PGPASSFILE: __, ...others } = environment;
  return others;
}

function hasPassword(dsn: string): boolean {
  try {
    const { url, query } = partsOf(dsn);
    return url.password !== "" || query.has("password");
  } catch (error) {
    if (error instanceof AegisError) return false;
    throw error;
  }
}

/** @throws {AegisError} `config/invalid` for every form and parameter that is not known here */
export function postgresPlace(
  dsn: string,
  environment: Environment,
  directory: AbsPath,
): PostgresPlace {
  if (!isPostgresDsn(dsn)) throw invalid("it is no postgres:// address");
  const { url, query } = partsOf(dsn);
  for (const name of query.keys()) requireKnown(name, query.getAll(name).length);
  const host =
    query.get("host") ??
    decoded(url.hostname, "host")
      .replace(/^\[(.*)\]$/, "$1")
      .trim();
  const user = query.get("user") ?? decoded(url.username, "user");
  if (host === "") throw invalid("it names no host", "postgres://USER@HOST:PORT/DATABASE");
  if (/[\s,]/.test(host)) throw invalid("it names several hosts, one is possible");
  if (user === "") throw invalid("it names no user", "postgres://USER@HOST:PORT/DATABASE");
  const path = decoded(url.pathname.replace(/^\//, ""), "database");
  const place: Omit<PostgresPlace, "password"> = {
    host,
    port: portOf(query.get("port") ?? url.port),
    database: path === "" ? user : path,
    user,
    tls: tlsOf(query, host, directory),
    searchPath: query.get("search_path") ?? undefined,
    applicationName: query.get("application_name") ?? "aegis",
  };
  const given =
    decoded(url.password, "password") || query.get("password") || environment.PGPASSWORD;
  if (given !== undefined && given !== "") return { ...place, password: given };
  const file = query.get("passfile") ?? environment.PGPASSFILE ?? "";
  const password = file === "" ? undefined : passwordIn(resolvePath(directory, file), place);
  return { ...place, password };
}

const parameters: ReadonlySet<string> = new Set([
  ...["host", "port", "user", "password", "passfile", "sslmode", "sslrootcert"],
  ...["search_path", "application_name"],
]);

function requireKnown(name: string, times: number): void {
  if (!parameters.has(name)) throw invalid(`the parameter "${name}" is not part of this build`);
  if (times > 1) throw invalid(`the parameter "${name}" is given twice`);
}

interface Parts {
  readonly url: URL;
  readonly query: URLSearchParams;
}

function partsOf(dsn: string): Parts {
  try {
    // Without a host a URL can have no user: a blank stands in for one that is absent.
    const url = new URL(dsn.replace(/^(postgres(?:ql)?:\/\/(?:[^/?#]*@)?)(?=[/?#]|$)/i, "$1%20"));
    if (!url.href.includes("://")) throw invalid("it is no URL");
    if (url.hash !== "") throw invalid('it holds a "#", which has to be written %23');
    return { url, query: url.searchParams };
  } catch (error) {
    if (error instanceof AegisError) throw error;
    throw invalid("it is no URL", "postgres://USER@HOST:PORT/DATABASE");
  }
}

function decoded(text: string, what: string): string {
  try {
    const value = decodeURIComponent(text);
    if (!value.includes("\0")) return value;
  } catch {
    // ignored: the error below says so
  }
  throw invalid(`its ${what} is not written as in a URL`);
}

function portOf(text: string): number {
  if (text === "") return 5432;
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port > 0 && port <= 65_535) return port;
  throw invalid("its port is none");
}

function tlsOf(query: URLSearchParams, host: string, directory: AbsPath): PostgresTls | undefined {
  const mode = query.get("sslmode") ?? (isHere(host) ? "disable" : "");
  const file = query.get("sslrootcert");
  const ca = file === null ? undefined : readSmallFile(resolvePath(directory, file));
  if (mode === "disable") return undefined;
  if (mode === "require" && ca === undefined) return { trusts: "nobody", ca };
  // As libpq has it: with a certificate to go by, `require` goes by it.
  if (mode === "verify-full" || mode === "require") return { trusts: "certificate", ca };
  const hint = "sslmode=verify-full; sslmode=disable in a network where nobody else is";
  if (mode === "") throw invalid("it does not say whether to encrypt", hint);
  throw invalid("its sslmode is none of disable, require and verify-full", hint);
}

function isHere(host: string): boolean {
  return host.startsWith("/") || /^(localhost|::1|127(\.\d{1,3}){3})$/.test(host);
}

/** The first line of a password file that fits: host:port:database:user:password. */
function passwordIn(path: AbsPath, place: Omit<PostgresPlace, "password">): string | undefined {
  const { host, port, database, user } = place;
  const wanted = [host.startsWith("/") ? "localhost" : host, String(port), database, user];
  for (const line of readSecretFile(path, (why) => unusable(path, why)).split("\n")) {
    if (line.startsWith("#")) continue;
    const fields = [...line.matchAll(/((?:\\.|[^:\\])*)(?::|$)/g)].map(([, field = ""]) =>
      field.replace(/\\(.)/g, "$1"),
    );
    const isMeant = wanted.every((one, at) => fields[at] === "*" || fields[at] === one);
    if (isMeant && fields.length > wanted.length) return fields[wanted.length];
  }
  return undefined;
}

function unusable(path: AbsPath, why: string): AegisError {
  return new AegisError("config/invalid", `Cannot use the password file "${path}": ${why}`, {
    hint: "it is yours with mode 600",
  });
}

function invalid(why: string, hint?: string): AegisError {
  return new AegisError("config/invalid", `config: invalid dsn: ${why}`, { hint });
}
