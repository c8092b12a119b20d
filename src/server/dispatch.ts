// From a request to its answer: which operation it is for, whether the caller may, what its schemas
// make of it. Everything that fails on the way is an answer with a stable code.

import type { Incoming } from "../app/serve/listener.ts";
import { AegisError } from "../base/errors.ts";
import { bodyTurnBytes } from "../base/limits.ts";
import type { SpelledJson } from "../base/spelled-json.ts";
import { nextTurn } from "../base/turn.ts";
import { ndjson } from "./api/operation.ts";
import { type Caller, type Door, requireRole, requireTenant } from "./auth.ts";
import {
  type Call,
  parseBody,
  parseBodyInTurns,
  parseLines,
  parseLinesInTurns,
  plainValue,
  Refusal,
  type Route,
  readText,
  replyRefusal,
} from "./http.ts";
import { createBodyReader } from "./read-body.ts";
import { createRouter, type Found } from "./router.ts";

export interface Answered {
  readonly response: Response;
  /** Of the operation, as it is declared; `-` for none. */
  readonly path: string;
}

/** Answers a request, and never throws. @param door the way it came in */
export type Dispatch = (request: Incoming, door: Door) => Promise<Answered>;

export function createDispatch(routes: readonly Route[]): Dispatch {
  const router = createRouter(routes);
  const readBody = createBodyReader();
  return async (request, door) => {
    let path = "-";
    try {
      const { path: asked, query } = targetOf(request.url);
      door.admit(request);
      const found = router.find(request.method, asked);
      const { operation, handle } = found.route;
      path = operation.path;
      const caller = callerOf(request, query, found, door);
      // Whoever may not do it was refused before anything of the body is read.
      const bytes = operation.body === undefined ? noBytes : await readBody(request);
      const type = operation.body?.type;
      const isLarge = bytes.length > bodyTurnBytes;
      const texts = isLarge ? await parsedInTurns(bytes, type) : parsed(bytes);
      const size = bytes.length;
      const response = await handle(callFrom(request, found, { query, caller, size }, texts));
      // Of an answer to HEAD the listener sends the head, and cancels what goes on producing.
      return { response, path };
    } catch (error) {
      return { response: failure(error), path };
    }
  };
}

interface Target {
  readonly path: string;
  readonly query: URLSearchParams;
}

/** Without anything that URLs read in another way than it is written, and without a query. */
const plainUrl = /^https?:\/\/[^/?#\\@]*(\/[\w/:-]*)$/;
const noQuery = new URLSearchParams();

/** @throws {Refusal} for a query that is no UTF-8: repaired, it would ask for something else */
function targetOf(url: string): Target {
  const plain = plainUrl.exec(url)?.[1];
  if (plain !== undefined) return { path: plain, query: noQuery };
  // Without a Host, which HTTP/1.0 may leave out, there is a path alone.
  const parsed = URL.parse(url, "http://localhost");
  if (parsed === null) throw new Refusal("host_forbidden", "the host is none");
  const { pathname, search, searchParams } = parsed;
  if (!isDecodable(search)) {
    throw new Refusal("parameter_invalid", "the query is not valid: it is no UTF-8");
  }
  return { path: pathname, query: searchParams };
}

/** A `%` that begins no code stands for itself, as in every form that browsers send. */
function isDecodable(query: string): boolean {
  try {
    decodeURIComponent(query.replaceAll(/%(?![\da-f]{2})/gi, "%25"));
    return true;
  } catch {
    return false;
  }
}

/** @throws {Refusal} for whom the operation, or the tenant that the query names, is not */
function callerOf(
  { headers }: Incoming,
  query: URLSearchParams,
  { route: { operation } }: Found,
  door: Door,
): Caller {
  const caller = door.callerOf(headers, operation);
  requireRole(caller, operation);
  if (caller.tenant !== undefined) requireTenant(caller, query.get("tenant_id") ?? undefined);
  return caller;
}

interface Sent {
  readonly query: URLSearchParams;
  readonly caller: Caller;
  /** Of the body, bytes. */
  readonly size: number;
}

function callFrom(
  request: Incoming,
  { route: { operation }, inputs, params }: Found,
  { query, caller, size }: Sent,
  { json, lines }: Parsed,
): Call {
  const { headers } = request;
  if (caller.tenant !== undefined) {
    const type = operation.body?.type;
    const bodies = type === undefined ? [] : type === ndjson ? lines() : [json()];
    for (const named of bodies.flatMap(tenantsOf)) requireTenant(caller, named);
  }
  inputs.headers(headers);
  const read = operation.body?.isReadByHand === false;
  const signal = operation.method === "GET" ? request.signal : undefined;
  return {
    // The schemas that these were read by are those of the operation whose handler gets them.
    params: inputs.params(params) as Call["params"],
    query: inputs.query(query) as Call["query"],
    body: (read ? inputs.body(plainValue(json())) : undefined) as Call["body"],
    signal: signal as Call["signal"],
    headers,
    caller,
    size,
    json,
    lines,
  };
}

const noBytes = new Uint8Array();

type Parsed = Pick<Call, "json" | "lines">;

function parsed(bytes: Uint8Array): Parsed {
  return {
    json: once(() => parseBody(readText(bytes))),
    lines: once(() => parseLines(readText(bytes))),
  };
}

/** Others are answered meanwhile: reading eight megabytes takes as long as hundreds of requests. */
async function parsedInTurns(bytes: Uint8Array, type: string | undefined): Promise<Parsed> {
  await nextTurn();
  const text = readText(bytes);
  if (type === ndjson) {
    const lines = await parseLinesInTurns(text);
    return { ...parsed(bytes), lines: () => lines };
  }
  const json = await parseBodyInTurns(text);
  await nextTurn();
  return { ...parsed(bytes), json: () => json };
}

/** Every tenant that a body names where one is read. */
function tenantsOf(body: SpelledJson): readonly string[] {
  const session = body.member("session");
  const named = [body.members(), session?.members()].map((one) => one?.get("tenant_id"));
  return named.filter((one) => typeof one === "string");
}

function once<T>(make: () => T): () => T {
  const made: { value?: T } = {};
  return () => {
    made.value ??= make();
    return made.value;
  };
}

function failure(error: unknown): Response {
  if (error instanceof Refusal) return replyRefusal(error);
  if (error instanceof AegisError && error.code.startsWith("ledger/")) {
    const text = `store error: ${error.message}`;
    return replyRefusal(new Refusal("ledger_unavailable", text));
  }
  return replyRefusal(new Refusal("internal", "the request could not be answered"));
}
