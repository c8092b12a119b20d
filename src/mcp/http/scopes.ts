// What is under way over HTTP: for each session of the protocol the calls without an answer, and
// what the answered ones were told, because a client that lost its stream may ask for it again.

import type { ServedKey } from "../../app/serve/keys.ts";
import { sha256Hex } from "../../base/hash.ts";
import { uniqueSuffix } from "../../base/ids.ts";
import { idKey, type MessageId, type Request } from "../message.ts";
import type { Permit } from "../permit.ts";
import { createQuestions, type Questions } from "../questions.ts";
import type { CallSession } from "../record.ts";
import { createServerAsks, type ServerAsks, type ServerAsksParts } from "../server-asks.ts";

/** A request that was sent on and has no answer yet. */
export interface HttpRequest {
  readonly id: MessageId;
  /** Of tool calls, and of what fetches their results later. */
  readonly permit: Permit | undefined;
  readonly isTask: boolean;
  /** As it came. */
  readonly message: Request;
  timer: ReturnType<typeof setTimeout> | undefined;
  /** What to say instead of an answer, once there is to be none. */
  readonly over: PromiseWithResolvers<string>;
  /** Its own stream is there; else it may be answered on one that was resumed. */
  isAttached: boolean;
}

export function newRequest(
  message: Request,
  permit: Permit | undefined,
  isTask: boolean,
): HttpRequest {
  const over = Promise.withResolvers<string>();
  const { id } = message;
  return { id, message, permit, isTask, over, timer: undefined, isAttached: true };
}

/** What was said under an id: the hash of what passed, or what to say instead of what comes. */
export type Said = { readonly hash: string } | { readonly instead: string };

/** One session of the protocol, or one request where there is none. */
export interface Scope {
  readonly session: CallSession;
  /** The protocol has no session here: an id means nothing beyond its own request. */
  readonly isLoose: boolean;
  readonly requests: Map<string, HttpRequest>;
  /** Ids of calls that are being decided about. */
  readonly starting: Map<string, AbortController>;
  readonly answers: Map<string, Said>;
  /** What the server asks of its client. */
  readonly asks: ServerAsks;
  readonly questions: Questions;
  /** Resumed streams, to tell of calls that ended while theirs was gone. */
  readonly resumed: Set<(text: string) => void>;
}

export interface Scopes {
  of(key: ServedKey | undefined, mcpSession: string | null): Scope | undefined;
  remove(key: ServedKey | undefined, mcpSession: string): Scope | undefined;
  all(): readonly Scope[];
  /** What servers ask, of all of them and of requests that stand alone. */
  asks(): readonly ServerAsks[];
}

const scopesMax = 10_000;
const answersMax = 1000;
const requestsMax = 1000;
/** Where neither the command line nor a key names one. */
export const defaultTenant = "mcp";

/** @param fixed the session everything belongs to */
export function createScopes(
  fixed: CallSession | undefined,
  parts: Pick<ServerAsksParts, "gate" | "say">,
): Scopes {
  const scopes = new Map<string, Scope>();
  const questions = createQuestions(parts.gate);
  /** Without a session an answer comes in another scope than its request went out. */
  const looseAsks = new Map<string, ServerAsks>();
  const own = uniqueSuffix();

  function sessionOf(key: ServedKey | undefined, mcpSession: string | null): CallSession {
    const user = key?.name ?? "";
    if (fixed !== undefined) return { ...fixed, user };
    // The same again after a restart, and no handle for anyone who reads the ledger.
    const id = mcpSession === null ? own : sha256Hex(mcpSession).slice(0, 32);
    return { tenant: key?.tenant ?? defaultTenant, id: `mcp-${id}`, user };
  }

  return {
    of(key, mcpSession) {
      const name = nameOf(key, mcpSession);
      const known = scopes.get(name);
      if (known !== undefined && mcpSession !== null) {
        scopes.delete(name);
        scopes.set(name, known);
        return known;
      }
      const isLoose = mcpSession === null;
      const session = sessionOf(key, mcpSession);
      const asks =
        (isLoose ? looseAsks.get(name) : undefined) ?? createServerAsks({ ...parts, session });
      const scope: Scope = { session, isLoose, asks, questions, ...emptyScope() };
      if (isLoose) {
        looseAsks.set(name, asks);
        return scope;
      }
      if (scopes.size >= scopesMax) {
        const [idle] = [...scopes].find(([, { requests }]) => requests.size === 0) ?? [];
        if (idle === undefined) return undefined;
        scopes.delete(idle);
      }
      scopes.set(name, scope);
      return scope;
    },
    remove(key, mcpSession) {
      const name = nameOf(key, mcpSession);
      const scope = scopes.get(name);
      scopes.delete(name);
      return scope;
    },
    all: () => [...scopes.values()],
    asks: () => [...[...scopes.values()].map(({ asks }) => asks), ...looseAsks.values()],
  };
}

/** A handle alone says nothing about who holds it. */
function nameOf(key: ServedKey | undefined, mcpSession: string | null): string {
  return JSON.stringify([holderOf(key), mcpSession]);
}

/** Whoever has this key; everybody where there are none. */
export function holderOf(key: ServedKey | undefined): string {
  return JSON.stringify([key?.tenant ?? null, key?.name ?? null]);
}

function emptyScope(): Omit<Scope, "session" | "isLoose" | "asks" | "questions"> {
  return { requests: new Map(), starting: new Map(), answers: new Map(), resumed: new Set() };
}

/** @returns why a request with this id cannot be taken */
export function idProblem({ requests, starting }: Scope, id: MessageId): string | undefined {
  const key = idKey(id);
  if (!requests.has(key) && !starting.has(key)) return undefined;
  return "invalid request: the id is in use for another request";
}

export function addRequest({ requests }: Scope, request: HttpRequest): void {
  requests.set(idKey(request.id), request);
  if (requests.size <= requestsMax) return;
  // What is no call has no time of its own to end.
  const [forgotten] = [...requests].find(([, { timer }]) => timer === undefined) ?? [];
  if (forgotten !== undefined) requests.delete(forgotten);
}

/** @returns false when it had ended before; who gets true says how it ended */
export function endRequest({ requests }: Scope, request: HttpRequest): boolean {
  const key = idKey(request.id);
  if (requests.get(key) !== request) return false;
  requests.delete(key);
  clearTimeout(request.timer);
  return true;
}

export function rememberAnswer({ answers, isLoose }: Scope, id: MessageId, said: Said): void {
  if (isLoose) return;
  const key = idKey(id);
  answers.delete(key);
  answers.set(key, said);
  const [oldest] = answers.keys();
  if (answers.size > answersMax && oldest !== undefined) answers.delete(oldest);
}
