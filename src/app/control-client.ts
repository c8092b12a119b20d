// The control plane's API from the caller's side. Answers come from whatever listens there: they
// are checked for their shape and their size, and never followed elsewhere.

import { AegisError } from "../base/errors.ts";
import { parsePrintable } from "../base/json-text.ts";
import { policySizeMaxBytes } from "../base/limits.ts";
import { type AbsPath, resolvePath } from "../base/paths.ts";
import { readWithin } from "../config/files.ts";
import type { JsonObject, JsonValue } from "../model/event.ts";

/** File names are as typed. */
export interface ServerAccess {
  readonly server: string;
  readonly apiKeyFile: string | undefined;
  /** Who vouches for the server, instead of what the system trusts. */
  readonly caFile: string | undefined;
  /** What the caller shows a server that wants a certificate. */
  readonly certFile: string | undefined;
  readonly keyFile: string | undefined;
}

/**
 * What `fetch` is told of certificates; nothing where there are none.
 * @throws {AegisError} when a file cannot be used, or has nothing to do with the address
 */
export function clientTls(
  base: URL,
  { caFile, certFile, keyFile }: Omit<ServerAccess, "server" | "apiKeyFile">,
  directory: AbsPath,
): { readonly tls?: Readonly<Record<string, string>> } {
  const given = Object.entries({ ca: caFile, cert: certFile, key: keyFile }).flatMap(
    ([name, path]) =>
      path === undefined ? [] : [[name, readSmallFile(resolvePath(directory, path))]],
  );
  if (given.length === 0) return {};
  if (base.protocol === "https:") return { tls: Object.fromEntries(given) };
  throw new AegisError("usage", `Cannot use certificates with "${base}": it is not https`);
}

export interface ControlClient {
  /** @throws {AegisError} named after `what`, for every answer but a good one */
  get(what: string, path: string, query: Query): Promise<JsonObject>;
  post(what: string, path: string, query: Query, body: JsonObject): Promise<JsonObject>;
}

type Query = Readonly<Record<string, string | undefined>>;

const requestTimeoutMs = 60_000;
const shownBodyMax = 2000;

/** @throws {AegisError} when the address or one of the files cannot be used */
export function createControlClient(access: ServerAccess, directory: AbsPath): ControlClient {
  const { base, shown, ...how } = serverAddress(access.server, directory);
  const { apiKeyFile } = access;
  const key =
    apiKeyFile === undefined ? undefined : readSmallFile(resolvePath(directory, apiKeyFile)).trim();
  const tls = clientTls(new URL(shown), access, directory);
  const headers: Record<string, string> = { "Content-Type": "application/json" };
  if (key !== undefined) headers.Authorization = `Bearer ${key}`;

  async function ask(what: string, path: string, query: Query, init: object) {
    const url = new URL(`${base.pathname.replace(/\/+$/, "")}${path}`, base);
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) url.searchParams.set(name, value);
    }
    let status: number;
    let body: string;
    try {
      const response = await fetch(url, {
        ...init,
        headers,
        redirect: "error",
        signal: AbortSignal.timeout(requestTimeoutMs),
        ...tls,
        ...how,
      });
      [status, body] = [response.status, await response.text()];
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new AegisError("internal", `${what}: cannot ask ${shown}: ${why}`, {
        hint: "is the server running there? --server names another one",
        cause,
      });
    }
    return answerOf(what, status, body);
  }

  return {
    get: (what, path, query) => ask(what, path, query, {}),
    post: (what, path, query, body) =>
      ask(what, path, query, { method: "POST", body: JSON.stringify(body) }),
  };
}

function answerOf(what: string, status: number, body: string): JsonObject {
  if (status !== 200 && status !== 201) {
    const shown = body.trimEnd().slice(0, shownBodyMax);
    throw new AegisError("internal", `${what}: server returned ${status}: ${shown}`);
  }
  let answer: JsonValue;
  try {
    // Events are printed again, with every number as it was hashed.
    answer = parsePrintable(body);
  } catch (cause) {
    throw new AegisError("internal", `${what}: the server's answer is no JSON`, { cause });
  }
  if (typeof answer === "object" && answer !== null && !Array.isArray(answer)) {
    return answer as JsonObject;
  }
  throw new AegisError("internal", `${what}: the server's answer is no object`);
}

/** A path of a Unix socket, as typed behind `unix:`; undefined for another kind of address. */
export function socketPath(server: string, directory: AbsPath): AbsPath | undefined {
  const path = /^unix:(.+)$/s.exec(server)?.[1];
  return path === undefined ? undefined : resolvePath(directory, path);
}

/** On a socket the host is a matter of form. */
export const socketBase = "http://localhost";

interface ServerAddress {
  readonly base: URL;
  /** For messages. */
  readonly shown: string;
  readonly unix?: string;
}

function serverAddress(text: string, directory: AbsPath): ServerAddress {
  const unix = socketPath(text, directory);
  if (unix !== undefined) return { base: new URL(socketBase), shown: `unix:${unix}`, unix };
  const base = URL.parse(text);
  if (base !== null && /^https?:$/.test(base.protocol) && base.username === "") {
    return { base, shown: base.origin };
  }
  throw new AegisError(
    "usage",
    `Cannot use "${text}" as a server: it is no http or https address, and no unix:PATH`,
    { hint: "for instance http://localhost:8080" },
  );
}

/** @throws {AegisError} `config/not-found` */
export function readSmallFile(path: AbsPath): string {
  let text: string | undefined;
  try {
    text = readWithin(path, policySizeMaxBytes);
  } catch (cause) {
    if (cause instanceof AegisError) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new AegisError("config/not-found", `Cannot read "${path}": ${why}`, { cause });
  }
  if (text !== undefined) return text;
  throw new AegisError("config/not-found", `Cannot read "${path}": there is no such file`);
}

export interface SessionName {
  readonly tenant: string;
  readonly session: string;
}

export interface Verified {
  readonly valid: boolean;
  readonly firstBadSeq: number;
  readonly error: string;
  /** A session nobody wrote to is valid as well. */
  readonly isEmpty: boolean;
}

export async function verifySession(
  client: ControlClient,
  { tenant, session }: SessionName,
): Promise<Verified> {
  const path = `/v1/sessions/${encodeURIComponent(session)}/verify`;
  const answer = await client.get("verify", path, { tenant_id: tenant });
  const { valid, first_bad_seq: seq, error } = answer;
  if (typeof valid !== "boolean") {
    throw new AegisError(
      "internal",
      "verify: the server's answer does not say whether it is valid",
    );
  }
  const query = { tenant_id: tenant, session_id: session, limit: "1" };
  const { Events } = await client.get("verify", "/v1/events", query);
  return {
    valid,
    firstBadSeq: typeof seq === "number" ? seq : 0,
    error: typeof error === "string" ? error : "",
    isEmpty: !Array.isArray(Events) || Events.length === 0,
  };
}

/** @returns the server's DiffReport */
export async function replaySession(
  client: ControlClient,
  { tenant, session }: SessionName,
  mode: "exact" | "live",
): Promise<JsonObject> {
  const path = `/v1/sessions/${encodeURIComponent(session)}/replay`;
  const report = await client.get("replay", path, { tenant_id: tenant, mode });
  if (typeof report.identical === "boolean") return report;
  throw new AegisError("internal", "replay: the server's answer does not say what differs");
}

/** Every event of a session, a page at a time. */
export async function* sessionEvents(
  client: ControlClient,
  { tenant, session }: SessionName,
): AsyncGenerator<readonly JsonValue[]> {
  const seen = new Set<string>();
  for (let token = ""; ; ) {
    const query = { tenant_id: tenant, session_id: session, limit: "1000" };
    const more = token === "" ? {} : { page_token: token };
    const page = await client.get("export", "/v1/events", { ...query, ...more });
    const { Events = null, NextToken = "" } = page;
    if (Array.isArray(Events)) yield Events;
    else if (Events !== null) throw new AegisError("internal", "export: the answer has no events");
    if (NextToken === "" || NextToken === null) return;
    if (typeof NextToken !== "string" || seen.has(NextToken)) {
      throw new AegisError("internal", "export: the server's pages do not end");
    }
    seen.add(NextToken);
    token = NextToken;
  }
}
