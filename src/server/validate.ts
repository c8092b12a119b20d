// Requests against the schemas of their operation. What it gives on is what the schemas say, and
// what it refuses has a code and names the member or parameter.

import { z } from "zod";
import type { JsonValue } from "../model/event.ts";
import type { Operation } from "./api/operation.ts";
import { Refusal } from "./http.ts";

/** Reads what an operation is called with; made once for each. */
export interface Inputs {
  /** @throws {Refusal} */
  query(given: URLSearchParams): Readonly<Record<string, unknown>>;
  /** @throws {Refusal} */
  params(given: Readonly<Record<string, string>>): Readonly<Record<string, unknown>>;
  /** @throws {Refusal} */
  headers(given: Headers): void;
  /** @throws {Refusal} */
  body(given: JsonValue): unknown;
}

export function inputsOf(operation: Operation): Inputs {
  const { query, params, headers, body, roles } = operation;
  const numbers = query === undefined ? new Map<string, Bounds>() : numbersOf(query);
  const schema = query ?? z.strictObject({});
  const headerNames = Object.keys(headers?.shape ?? {});
  const needsHeader = headers?.safeParse({}).success === false;
  return {
    query(given) {
      if (roles === "open" || (query === undefined && given.size === 0)) return {};
      const texts = new Map<string, unknown>();
      for (const [name, text] of given) {
        if (texts.has(name)) {
          throw new Refusal("parameter_repeated", `${shown(name)} is given more than once`);
        }
        const bounds = numbers.get(name);
        texts.set(name, bounds === undefined ? text : countIn(name, text, bounds));
      }
      return parameters(schema, Object.fromEntries(texts));
    },
    params: (given) => (params === undefined ? {} : parameters(params, given)),
    headers(given) {
      if (headers === undefined) return;
      const names = headerNames.filter((name) => given.has(name));
      if (names.length === 0 && !needsHeader) return;
      parameters(headers, Object.fromEntries(names.map((name) => [name, given.get(name)])));
    },
    body(given) {
      if (body === undefined) return undefined;
      const read = body.schema.safeParse(given);
      if (read.success) return read.data;
      throw bodyRefusal(read.error.issues[0]);
    },
  };
}

interface Bounds {
  readonly least: number;
  readonly most: number;
}

/** Parameters that are numbers, which a query can only spell. */
function numbersOf(query: z.ZodObject): ReadonlyMap<string, Bounds> {
  const { properties = {} } = z.toJSONSchema(query, { io: "input" });
  const numbers = new Map<string, Bounds>();
  for (const [name, schema] of Object.entries(properties)) {
    if (typeof schema !== "object" || schema.type !== "integer") continue;
    const { minimum = 0, maximum = Number.MAX_SAFE_INTEGER } = schema;
    numbers.set(name, { least: minimum, most: maximum });
  }
  return numbers;
}

function countIn(name: string, text: string, { least, most }: Bounds): number {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : -1;
  if (value >= least && value <= most) return value;
  throw new Refusal("parameter_invalid", `${name} must be a number from ${least} to ${most}`);
}

function parameters(
  schema: z.ZodObject,
  given: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const read = schema.safeParse(given);
  if (read.success) return read.data;
  const issue = read.error.issues[0];
  if (issue?.code === "unrecognized_keys") {
    throw new Refusal("parameter_unknown", `${shown(issue.keys[0] ?? "")} is not known here`);
  }
  const name = String(issue?.path[0] ?? "");
  const value = given[name];
  if (value === undefined || value === "") {
    throw new Refusal("parameter_missing", `${name} required`);
  }
  throw new Refusal("parameter_invalid", `${name} is not valid: ${reason(issue)}`);
}

/** What a caller is told of the first thing a body's schema found. */
export function bodyRefusal(issue: z.core.$ZodIssue | undefined): Refusal {
  const place = issue?.path.join(".") ?? "";
  if (issue?.code === "unrecognized_keys") {
    const name = [...issue.path, issue.keys[0] ?? ""].join(".");
    return new Refusal("member_unknown", `invalid JSON: ${shown(name)} is not known here`);
  }
  if (place === "") return new Refusal("json_invalid", "invalid JSON: the body is no object");
  const isMissing =
    (issue?.code === "invalid_type" && issue.message.includes("received undefined")) ||
    (issue?.code === "too_small" && issue.origin === "string");
  if (isMissing) return new Refusal("member_missing", `${place} is required`);
  return new Refusal(
    "type_invalid",
    `invalid JSON: ${shown(place)} is not valid: ${reason(issue)}`,
  );
}

function reason(issue: z.core.$ZodIssue | undefined): string {
  const message = issue?.message ?? "";
  return message.slice(0, 1).toLowerCase() + message.slice(1);
}

function shown(name: string): string {
  return JSON.stringify(name.slice(0, 80));
}
