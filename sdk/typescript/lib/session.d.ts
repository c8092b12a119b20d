import type { AegisClient } from "./client.ts";
import type { Event } from "./schemas/events.ts";
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
export declare function canonicalJson(value: JsonValue): string;
/** As the server seals: the hash before it counts in base64. */
export declare function sealEvent(event: Unsealed): Sealed;
export interface Place {
  readonly tenant_id: string;
  readonly session_id: string;
  readonly user_id?: string;
}
/** Appends to one session; nobody else may at the same time. */
export declare class SessionWriter {
  #private;
  readonly client: AegisClient;
  readonly place: Place;
  private constructor();
  /** Goes on where the session stands; a session without events begins. */
  static open(client: AegisClient, place: Place, options?: CallOptions): Promise<SessionWriter>;
  /** Sealed here, checked and stored there; one after the other. */
  append(event_type: string, payload?: JsonValue, options?: CallOptions): Promise<Sealed>;
}
/** Every event that is asked for, page by page. */
export declare function everyEvent(
  client: AegisClient,
  parameters: Parameters<AegisClient["listEvents"]>[0],
  options?: CallOptions,
): AsyncGenerator<Event, void, void>;
