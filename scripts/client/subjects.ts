// Which file a named type of the client lies in: that of the subject (the tag of the OpenAPI
// document) whose operations alone lead to it, or the one for what several of them share.

import type { JsonObject, JsonValue } from "../../src/model/event.ts";
import { objectOf, typeName } from "./types.ts";

/** Of types that more than one subject uses. */
export const shared = "common";

export interface ClientOperation {
  readonly id: string;
  readonly verb: string;
  readonly path: string;
  /** In lower case. */
  readonly subject: string;
  readonly operation: JsonObject;
}

export function operationsOf({ paths }: JsonObject): readonly ClientOperation[] {
  return Object.entries(objectOf(paths)).flatMap(([path, verbs]) =>
    Object.entries(objectOf(verbs)).map(([verb, found]) => {
      const operation = objectOf(found);
      const [tag] = Array.isArray(operation.tags) ? operation.tags : [];
      const id = String(operation.operationId);
      const subject = String(tag).toLowerCase();
      return { id, verb: verb.toUpperCase(), path, subject, operation };
    }),
  );
}

/** Name of a type → its subject. */
export function subjectsOf(document: JsonObject): ReadonlyMap<string, string> {
  const schemas = objectOf(objectOf(document.components).schemas);
  const subjects = new Map<string, string>();
  for (const { subject, operation } of operationsOf(document)) {
    for (const name of reached(operation, schemas)) {
      const known = subjects.get(typeName(name)) ?? subject;
      subjects.set(typeName(name), known === subject ? subject : shared);
    }
  }
  for (const name of Object.keys(schemas)) {
    if (!subjects.has(typeName(name))) subjects.set(typeName(name), shared);
  }
  return subjects;
}

/** Every schema that a part of the document leads to, also through others. */
function reached(part: JsonValue, schemas: JsonObject): ReadonlySet<string> {
  const names = new Set<string>();
  const waiting: JsonValue[] = [part];
  for (let one = waiting.pop(); one !== undefined; one = waiting.pop()) {
    if (Array.isArray(one)) waiting.push(...one);
    const { $ref, ...members } = objectOf(one);
    waiting.push(...Object.values(members));
    if (typeof $ref !== "string") continue;
    const name = $ref.slice($ref.lastIndexOf("/") + 1);
    const schema = schemas[name];
    if (names.has(name) || schema === undefined) continue;
    names.add(name);
    waiting.push(schema);
  }
  return names;
}

/** `import` lines for the types that a text uses and that lie in other files than its own. */
export function importsFor(
  text: string,
  types: ReadonlyMap<string, string>,
  { own, folder }: { readonly own: string; readonly folder: string },
): string {
  const used = new Set([...text.matchAll(/\b[A-Z]\w+\b/g)].map(([name]) => name));
  const bySubject = new Map<string, string[]>();
  for (const [name, subject] of types) {
    if (subject === own || !used.has(name)) continue;
    bySubject.set(subject, [...(bySubject.get(subject) ?? []), name]);
  }
  const lines = [...bySubject].sort().map(([subject, names]) => {
    return `import type { ${names.sort().join(", ")} } from "${folder}${subject}.ts";\n`;
  });
  return lines.join("");
}
