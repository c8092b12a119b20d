// The OpenAPI 3.1 document of the operations. Lines of JSON have the schema of the list of their
// values, as OpenAPI 3.2 reads it; event streams that of one event's data.

import { z } from "zod";
import { aegisVersion } from "../base/version.ts";
import type { JsonObject, JsonValue } from "../model/event.ts";
import { type Code, codes, statusOf } from "./api/codes.ts";
import { type Example, json, type Operation, tags } from "./api/operation.ts";
import { failure } from "./api/schemas.ts";

/** @param isGuarded whether a key is needed */
export function openApiDocument(operations: readonly Operation[], isGuarded: boolean): JsonObject {
  const paths: Record<string, Record<string, JsonValue>> = {};
  for (const operation of operations) {
    const { method, path } = operation;
    paths[path] = { ...paths[path], [method.toLowerCase()]: operationObject(operation) };
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "aegis control plane",
      version: aegisVersion,
      description:
        "Asks before a tool is called, and records what was done, in a ledger that can be proven untouched.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "/" }],
    security: isGuarded ? [{ bearer: [] }, { key: [] }] : [],
    tags: Object.entries(tags).map(([name, description]) => ({ name, description })),
    paths,
    components: {
      schemas: components(),
      securitySchemes: {
        bearer: { type: "http", scheme: "bearer" },
        key: { type: "apiKey", in: "header", name: "X-API-Key" },
      },
    },
  };
}

/** Every code that an operation may answer with. */
export function codesOf(operation: Operation): readonly Code[] {
  const { roles, params, query, headers, body } = operation;
  const own = new Set<Code>(operation.codes);
  const add = (...more: readonly Code[]) => {
    for (const code of more) own.add(code);
  };
  if (roles !== "open") {
    add("parameter_invalid", "parameter_repeated", "parameter_unknown", "ledger_unavailable");
    add("unauthorized", "role_forbidden", "tenant_forbidden");
  }
  if (query !== undefined) add("parameter_missing");
  if (params !== undefined || headers !== undefined) add("parameter_missing", "parameter_invalid");
  if (body !== undefined)
    add("body_incomplete", "body_too_large", "encoding_unsupported", "request_timeout");
  add("peer_forbidden", "host_forbidden", "origin_forbidden", "internal");
  return (Object.keys(codes) as Code[]).filter((code) => own.has(code));
}

function operationObject(operation: Operation): JsonObject {
  const { id, method, tag, summary, details, roles, body, examples } = operation;
  return {
    operationId: id,
    tags: [tag],
    summary,
    ...(details === undefined ? {} : { description: details }),
    ...(roles === "open" ? { security: [] } : { "x-roles": roles }),
    "x-repeatable": method === "GET" || operation.isRepeatable === true,
    parameters: parameters(operation),
    ...(body === undefined
      ? {}
      : {
          requestBody: {
            required: true,
            content: {
              [body.type]: {
                schema: schemaObject(body.schema),
                ...named(examples, ({ body: sent }) => sent),
              },
            },
          },
        }),
    responses: responses(operation),
  };
}

function parameters(operation: Operation): readonly JsonObject[] {
  const { params, query, headers, examples } = operation;
  const places = [
    { place: "path", schema: params, of: ({ params }: Example) => params },
    { place: "query", schema: query, of: ({ query }: Example) => query },
    { place: "header", schema: headers, of: ({ headers }: Example) => headers },
  ] as const;
  return places.flatMap(({ place, schema, of }) => {
    const { properties = {}, required = [] } =
      schema === undefined ? {} : z.toJSONSchema(schema, { io: "input" });
    return Object.entries(properties).map(([name, property]) => {
      const { description, ...rest } = property as JsonObject & { description?: string };
      const given = named(examples, (example) => givenAs(of(example), name));
      return {
        name: place === "header" ? headerName(name) : name,
        in: place,
        required: place === "path" || required.includes(name),
        ...(description === undefined ? {} : { description }),
        schema: rest,
        ...given,
      };
    });
  });
}

function givenAs(
  values: Readonly<Record<string, string | number>> | undefined,
  name: string,
): string | number | undefined {
  const found = Object.entries(values ?? {}).find(([one]) => one.toLowerCase() === name);
  return found?.[1];
}

function headerName(name: string): string {
  return name.replace(/(^|-)[a-z]/g, (letters) => letters.toUpperCase());
}

function responses(operation: Operation): JsonObject {
  const { answers, examples } = operation;
  const all: Record<string, JsonValue> = {};
  for (const [status, { description, content }] of Object.entries(answers)) {
    const types = Object.entries(content).map(([type, { schema }], at) => {
      const shown = examples.filter(
        (one) => one.status === Number(status) && (one.type ?? (at === 0 ? type : "")) === type,
      );
      const value = { schema: schemaObject(schema), ...named(shown, ({ answer }) => answer) };
      return [type, value] as const;
    });
    all[status] = { description, content: Object.fromEntries(types) };
  }
  const refused = codesOf(operation).filter((code) => all[statusOf(code)] === undefined);
  for (const status of new Set(refused.map(statusOf))) {
    const own = refused.filter((code) => statusOf(code) === status);
    const shown = examples.filter((one) => one.status === status);
    all[status] = {
      description: own.map((code) => `\`${code}\`: ${codes[code].meaning}`).join("\n\n"),
      content: {
        [json]: {
          schema: {
            allOf: [schemaObject(failure), { properties: { code: { enum: own } } }],
          },
          ...named(shown, ({ answer }) => answer),
        },
      },
    };
  }
  return all;
}

function named(
  examples: readonly Example[],
  take: (example: Example) => JsonValue | undefined,
): JsonObject {
  const shown = examples.flatMap((example) => {
    const value = take(example);
    return value === undefined ? [] : [[example.name, { value }] as const];
  });
  return shown.length === 0 ? {} : { examples: Object.fromEntries(shown) };
}

/** Every schema that has a name, by it. */
export function components(): JsonObject {
  const uri = (id: string) => `#/components/schemas/${id}`;
  const { schemas: all } = z.toJSONSchema(z.globalRegistry, { uri, io: "input" });
  const sorted = Object.entries(all).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(sorted.map(([id, schema]) => [id, bare(schema)]));
}

/** Schemas with a name are referred to. */
export function schemaObject(schema: z.ZodType): JsonObject {
  const name = z.globalRegistry.get(schema)?.id;
  if (name !== undefined) return { $ref: `#/components/schemas/${name}` };
  const made = z.toJSONSchema(schema, { io: "input" });
  const text = JSON.stringify(bare(made)).replaceAll('"#/$defs/', '"#/components/schemas/');
  return JSON.parse(text) as JsonObject;
}

function bare(schema: object): JsonObject {
  const {
    $schema: _,
    $id: __,
    $defs: ___,
    id: ____,
    ...rest
  } = schema as Record<string, JsonValue>;
  return rest;
}
