// Looking into JSON values that somebody else wrote. Pure.

import type { JsonObject, JsonValue } from "./event.ts";

export function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Absent where the holder is absent or no object; a holder of another type has no members. */
export function memberOf(holder: JsonValue | undefined, name: string): JsonValue | undefined {
  return isObject(holder) && Object.hasOwn(holder, name) ? holder[name] : undefined;
}
