// What the server offers, as data: an `Operation` for each method and path. Requests are validated
// by it; /openapi.json and /docs are made of it. To add one: declare it in the file of its group
// beside this one, list it in operations.ts, and give the server its handler by
// `route(operation, handle)` in `routesOf` (server.ts). Whoever calls has been checked by then, and
// `query`, `params` and `body` are what the schemas say. A new code goes into codes.ts. Examples
// are run by test/integration/serve/api-examples.test.ts, in the order of operations.ts; the
// TypeScript client is made anew by `bun scripts/generate-client.ts`.

import type { z } from "zod";
import type { JsonObject, JsonValue } from "../../model/event.ts";
import type { Code } from "./codes.ts";

/** `agent` may record and ask, `approver` may also decide about tool calls, `admin` everything. */
export const roles = ["agent", "approver", "admin"] as const;
/** `monitor` may read /metrics and nothing else. */
export type Role = (typeof roles)[number] | "monitor";
export const monitors: readonly Role[] = ["monitor", "admin"];
export const approvers: readonly Role[] = ["approver", "admin"];

export interface Operation {
  /** Its name in the document and in clients. */
  readonly id: string;
  readonly method: "GET" | "POST";
  /** With parts such as `{id}`. */
  readonly path: string;
  readonly tag: Tag;
  /** One line, without a full stop. */
  readonly summary: string;
  readonly details?: string;
  /** `open`: needs no key, and its query is not looked at. */
  readonly roles: readonly Role[] | "open";
  readonly params?: z.ZodObject;
  /** Numbers are written in decimal. Absent: no parameters. */
  readonly query?: z.ZodObject;
  /** Names in lower case. */
  readonly headers?: z.ZodObject;
  readonly body?: Body;
  /** By status. */
  readonly answers: Readonly<Record<number, Answer>>;
  /** Besides those that every operation may answer with. */
  readonly codes: readonly Code[];
  /** Of a POST: that it is done twice does no harm. GET never does. */
  readonly isRepeatable?: true;
  readonly examples: readonly Example[];
}

export const tags = {
  Events: "Sealed events in, sealed events out.",
  Sessions: "What the events of a session add up to, and whether they are what was recorded.",
  Policy: "May this tool be called?",
  Approvals: "Tool calls that wait for a person.",
  Manifests: "What a tool's publisher declares.",
  Service: "Whether the server works, and what it offers.",
} as const;
export type Tag = keyof typeof tags;

export type Body = {
  /** Of the value, or of each line. */
  readonly schema: z.ZodType;
  readonly type: "application/json" | "application/x-ndjson";
  /**
   * The handler reads `json()` or `lines()` itself because that is faster; a test holds what it
   * takes against the schema. Else the handler is given `body`.
   */
  readonly isReadByHand: boolean;
};

export interface Answer {
  readonly description: string;
  /** By media type. */
  readonly content: Readonly<Record<string, Content>>;
}

export interface Content {
  /** Of the value; for lines and event streams of each one. */
  readonly schema: z.ZodType;
}

/**
 * One exchange. Examples are run in the order in which they stand here, against one server.
 * A text of 16 characters or more in an answer that its schema knows by `volatile` differs each
 * time: what the server said stands for it from there on.
 */
export interface Example {
  readonly name: string;
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string | number>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** A list for lines. */
  readonly body?: JsonValue;
  readonly status: number;
  /** A list for lines; absent where there is nothing to compare. */
  readonly answer?: JsonValue;
  /** Media type of the answer, when it is not the first one. */
  readonly type?: string;
  /** Members of the answer, at any depth, that differ each time. */
  readonly volatile?: readonly string[];
}

export const json = "application/json";
export const ndjson = "application/x-ndjson";
export const eventStream = "text/event-stream";
export const prometheusText = "text/plain; version=0.0.4; charset=utf-8";
/** What the reference daemon answers: capitalised members, payload and hashes in base64. */
export const legacyType = "application/vnd.aegis.v0+json";

export function answers(schema: z.ZodType, legacy?: z.ZodType): Answer["content"] {
  return {
    [json]: { schema },
    ...(legacy === undefined ? {} : { [legacyType]: { schema: legacy } }),
  };
}

/** An example's answer that refuses. */
export function refusal(code: Code, error: string, more: JsonObject = {}): JsonObject {
  return { error, code, ...more };
}
