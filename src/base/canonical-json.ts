// RFC 8785 (JCS): the one text every party hashes. Takes values, never JSON text, and refuses
// whatever has no single JSON meaning, so that nothing is signed that a reader would understand
// differently. Input may come from anyone.

import { AegisError } from "./errors.ts";
import { jsonDepthMax } from "./limits.ts";

/**
 * The canonical text of a JSON value; its UTF-8 form is what gets hashed.
 * @param outerLevels levels of nesting around the value that count towards `jsonDepthMax`
 * @throws {AegisError} `canonical/invalid` for NaN, infinities, lone surrogates, bigint, functions,
 * symbols, undefined, holes, objects that are not plain, symbol keys and nesting beyond
 * `jsonDepthMax`
 */
export function canonicalJson(value: unknown, outerLevels = 0): string {
  const ordered = order(value, outerLevels);
  return ordered === unorderable ? write(value, outerLevels) : JSON.stringify(ordered);
}

/**
 * Same answer as `canonicalJson`, written key by key: the definition that the fast way is tested
 * against.
 */
export function canonicalJsonByKey(value: unknown): string {
  return write(value, 0);
}

/** Some key would be printed out of order by the engine, whatever order it is given in. */
const unorderable = Symbol("unorderable");

// `JSON.stringify` prints numbers and strings the way RFC 8785 asks for; it only has to be handed
// objects whose keys are in order. That is several times as fast as building the text here. A value
// already in order is returned as it is.
function order(value: unknown, depth: number): unknown {
  if (typeof value !== "object" || value === null) {
    checkScalar(value);
    return value;
  }
  if (Array.isArray(value)) {
    checkArray(value, depth);
    return orderArray(value, depth);
  }
  checkRecord(value, depth);
  return orderRecord(value, depth);
}

function orderArray(items: readonly unknown[], depth: number): unknown {
  let copy: unknown[] | undefined;
  for (let i = 0; i < items.length; i++) {
    const item = order(items[i], depth + 1);
    if (item === unorderable) return unorderable;
    if (Object.is(item, items[i])) continue;
    copy ??= items.slice();
    copy[i] = item;
  }
  return copy ?? items;
}

function orderRecord(record: Readonly<Record<string, unknown>>, depth: number): unknown {
  const keys = Object.keys(record);
  let isOrdered = true;
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i] ?? "";
    if (!isPlacedByInsertion(key)) return unorderable;
    checkText(key);
    if (i > 0 && (keys[i - 1] ?? "") > key) isOrdered = false;
  }
  if (!isOrdered) sortInPlace(keys);
  let copy: Record<string, unknown> | undefined = isOrdered ? undefined : {};
  for (const key of keys) {
    const member = order(record[key], depth + 1);
    if (member === unorderable) return unorderable;
    if (copy === undefined && !Object.is(member, record[key])) copy = { ...record };
    if (copy !== undefined) copy[key] = member;
  }
  return copy ?? record;
}

/**
 * Keys that look like array indexes come first in every object, and `__proto__` cannot be
 * assigned.
 */
function isPlacedByInsertion(key: string): boolean {
  const first = key.charCodeAt(0);
  return !(first >= 0x30 && first <= 0x39) && key !== "__proto__";
}

/** Of objects with few keys, as nearly all are, insertion sort beats the built-in one. */
const fewKeysMax = 32;

/** By UTF-16 code unit. Whoever sends an event chooses how many keys there are. */
function sortInPlace(keys: string[]): void {
  if (keys.length > fewKeysMax) {
    keys.sort();
    return;
  }
  for (let i = 1; i < keys.length; i++) {
    const key = keys[i] ?? "";
    let j = i - 1;
    for (; j >= 0 && (keys[j] ?? "") > key; j--) keys[j + 1] = keys[j] ?? "";
    keys[j + 1] = key;
  }
}

function write(value: unknown, depth: number): string {
  if (typeof value !== "object" || value === null) {
    checkScalar(value);
    return JSON.stringify(value);
  }
  if (Array.isArray(value)) {
    checkArray(value, depth);
    return `[${Array.from(value, (item) => write(item, depth + 1)).join(",")}]`;
  }
  checkRecord(value, depth);
  const members = Object.keys(value)
    .sort()
    .map((key) => {
      checkText(key);
      return `${JSON.stringify(key)}:${write(value[key], depth + 1)}`;
    });
  return `{${members.join(",")}}`;
}

function checkScalar(value: unknown): void {
  if (typeof value === "string") checkText(value);
  else if (typeof value === "number") {
    if (!Number.isFinite(value)) throw invalid(`the number ${value} has no JSON form`);
  } else if (typeof value !== "boolean" && value !== null) {
    throw invalid(`a value of type ${typeof value} has no JSON form`);
  }
}

function checkText(text: string): void {
  if (!text.isWellFormed()) {
    throw invalid(`the text ${JSON.stringify(text.slice(0, 80))} holds half of a surrogate pair`);
  }
}

function checkArray(items: readonly unknown[], depth: number): void {
  checkDepth(depth);
  if (Object.getPrototypeOf(items) !== Array.prototype || "toJSON" in items) {
    throw invalid("an array is not a plain one");
  }
}

function checkRecord(
  value: object,
  depth: number,
): asserts value is Readonly<Record<string, unknown>> {
  checkDepth(depth);
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    throw invalid("an object is not a plain one");
  }
  if (Object.getOwnPropertySymbols(value).length > 0) throw invalid("an object has a symbol key");
}

function checkDepth(depth: number): void {
  if (depth >= jsonDepthMax) throw invalid(`it is nested deeper than ${jsonDepthMax} levels`);
}

function invalid(why: string): AegisError {
  return new AegisError("canonical/invalid", `Cannot write the value as canonical JSON: ${why}`);
}
