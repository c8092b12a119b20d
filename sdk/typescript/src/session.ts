// Sealing events on the client's side: canonical JSON (RFC 8785), the hash chain of a session, and
// a writer that goes on where the session stands.

import { createHash } from "node:crypto";
import type { AegisClient } from "./client.ts";
import type { Event, EventDraft, Stored } from "./schemas/events.ts";
import type { CallOptions, JsonValue } from "./transport.ts";

/** An event with everything that its hash is over. */
export interface Unsealed {
  readonly tenant_id: string;
  readonly user_id: string;
  readonly session_id: string;
  readonly seq: number;
  readonly ts_unix_ms: number;
  readonly event_type: string;
  readonly payload: JsonValue;
  /** Hex; empty for the first of a session. */
  readonly prev_hash: string;
}

export interface Sealed extends Unsealed {
  /** Hex. */
  readonly hash: string;
}

/**
 * RFC 8785.
 * @throws {TypeError} for what JSON has not: `undefined`, numbers that are none, half characters
 */
export function canonicalJson(value: JsonValue): string {
  if (value === null || typeof value === "boolean") return String(value);
  if (typeof value === "number") {
    if (Number.isFinite(value)) return JSON.stringify(value);
    throw new TypeError(`Cannot write ${value} as JSON`);
  }
  if (typeof value === "string") return canonicalText(value);
  if (isList(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (typeof value !== "object") throw new TypeError(`Cannot write ${typeof value} as JSON`);
  const members = Object.keys(value)
    .sort()
    .map((name) => `${canonicalText(name)}:${canonicalJson(value[name] as JsonValue)}`);
  return `{${members.join(",")}}`;
}

function isList(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value);
}

function canonicalText(text: string): string {
  if (text.isWellFormed()) return JSON.stringify(text);
  throw new TypeError("Cannot write half a character as JSON");
}

/** As the server seals: the hash before it counts in base64. */
export function sealEvent(event: Unsealed): Sealed {
  const { prev_hash, ...rest } = event;
  const before = prev_hash === "" ? {} : { prev_hash: base64Of(prev_hash) };
  const hash = createHash("sha256")
    .update(canonicalJson({ ...rest, ...before }))
    .digest("hex");
  return { ...event, hash };
}

function base64Of(hex: string): string {
  return Buffer.from(hex, "hex").toString("base64");
}

export interface Place {
  readonly tenant_id: string;
  readonly session_id: string;
  readonly user_id?: string;
}

/** Appends to one session; nobody else may at the same time. */
export class SessionWriter {
  #seq: number;
  #hash: string;
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(
    readonly client: AegisClient,
    readonly place: Place,
    at: { readonly seq: number; readonly hash: string },
  ) {
    this.#seq = at.seq;
    this.#hash = at.hash;
  }

  /** Goes on where the session stands; a session without events begins. */
  static async open(
    client: AegisClient,
    place: Place,
    options: CallOptions = {},
  ): Promise<SessionWriter> {
    const { tenant_id, session_id } = place;
    try {
      const head = await client.getSession({ id: session_id, tenant_id }, options);
      return new SessionWriter(client, place, { seq: head.last_seq + 1, hash: head.last_hash });
    } catch (error) {
      const isNew = (error as { readonly code?: unknown }).code === "session_not_found";
      if (isNew) return new SessionWriter(client, place, { seq: 0, hash: "" });
      throw error;
    }
  }

  /** Sealed here, checked and stored there; one after the other. */
  append(
    event_type: string,
    payload: JsonValue = null,
    options: CallOptions = {},
  ): Promise<Sealed> {
    const done = this.#turn.then(() => this.#append(event_type, payload, options));
    // The next one has its turn whatever became of this one.
    this.#turn = done.catch(() => undefined);
    return done;
  }

  async #append(event_type: string, payload: JsonValue, options: CallOptions): Promise<Sealed> {
    const sealed = sealEvent({
      user_id: "",
      ...this.place,
      seq: this.#seq,
      ts_unix_ms: Date.now(),
      event_type,
      payload,
      prev_hash: this.#hash,
    });
    const draft: EventDraft = sealed;
    const stored: Stored = await this.client.postEvent(draft, options);
    this.#seq = stored.seq + 1;
    this.#hash = stored.hash;
    return sealed;
  }
}

/** Every event that is asked for, page by page. */
export async function* everyEvent(
  client: AegisClient,
  parameters: Parameters<AegisClient["listEvents"]>[0],
  options: CallOptions = {},
): AsyncGenerator<Event, void, void> {
  let token = parameters.page_token ?? "";
  do {
    const page = await client.listEvents({ ...parameters, page_token: token }, options);
    yield* page.Events;
    token = page.NextToken;
  } while (token !== "");
}
