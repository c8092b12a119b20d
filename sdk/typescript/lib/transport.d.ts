/** What JSON has. */
export type JsonValue =
  | null
  | boolean
  | number
  | string
  | readonly JsonValue[]
  | {
      readonly [name: string]: JsonValue;
    };
export type JsonObject = {
  readonly [name: string]: JsonValue;
};
export interface ClientOptions {
  /** Default: `http://localhost:8080`. */
  readonly baseUrl?: string;
  readonly apiKey?: string;
  /** Tries after the first one, for 429, 502, 503, 504 and connections that fail; default 3. */
  readonly retriesMax?: number;
  /** Longest pause between two tries, milliseconds; a longer `Retry-After` is an error. */
  readonly pauseMaxMs?: number;
  /** Of each try, milliseconds; default 30,000. Streams have none. */
  readonly timeoutMs?: number;
  /** Default: the platform's. */
  readonly fetch?: typeof fetch;
}
export interface CallOptions {
  readonly signal?: AbortSignal;
}
export interface KeyedOptions extends CallOptions {
  /** Default: a random one for each call, so that another try stores nothing twice. */
  readonly idempotencyKey?: string;
}
/** An answer that refuses. */
export declare class AegisError extends Error {
  readonly status: number;
  /** Stable; empty where something else than the server answered. */
  readonly code: string;
  /** All of it, e.g. `expected_seq`. */
  readonly body: JsonValue;
  /** As the server asked for, milliseconds. */
  readonly retryAfterMs?: number | undefined;
  readonly name = "AegisError";
  constructor(
    status: number,
    /** Stable; empty where something else than the server answered. */
    code: string,
    message: string,
    /** All of it, e.g. `expected_seq`. */
    body: JsonValue,
    /** As the server asked for, milliseconds. */
    retryAfterMs?: number | undefined,
  );
}
export interface Request {
  readonly method: "GET" | "POST";
  /** With parts such as `{id}`. */
  readonly path: string;
  readonly parameters?: Readonly<Record<string, string | number | undefined>>;
  readonly body?: unknown;
  readonly isLines?: boolean;
  readonly accept: string;
  /** Whether doing it twice does no harm; a key makes it so. */
  readonly isRepeatable: boolean;
  readonly idempotencyKey?: string;
}
export interface Transport {
  json<T>(request: Request, options?: CallOptions): Promise<T>;
  lines<T>(request: Request, options?: CallOptions): Promise<readonly T[]>;
  events<T>(request: Request, options?: CallOptions): AsyncGenerator<T, void, void>;
}
export declare function createTransport(options?: ClientOptions): Transport;
