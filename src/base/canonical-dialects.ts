// The canonical forms that other writers of the same events hash, so that what they sealed can be
// checked: Go's encoder and Python's, both nearly RFC 8785. Ours is canonical-json.ts. Pure.

import { canonicalJson } from "./canonical-json.ts";
import { type JsonTree, NumberText, plainJson } from "./json-text.ts";

/**
 * - `rfc8785`: canonical-json.ts.
 * - `go`: names by code point, `<`, `>`, `&`, U+2028 and U+2029 escaped, minus zero kept.
 * - `python`: names by code point, numbers as they were spelled.
 */
export type Dialect = "rfc8785" | "go" | "python";

export const dialects: readonly Dialect[] = ["rfc8785", "go", "python"];

/** @throws {AegisError} `json/invalid`, `canonical/invalid` */
export function canonicalText(tree: JsonTree, dialect: Dialect): string {
  if (dialect === "rfc8785") return canonicalJson(plainJson(tree));
  return write(tree, dialect === "go" ? goScalar : pythonScalar);
}

/** What OPA hashes of a JSON file that it signs: as `go`, but markup and numbers as they were. */
export function opaText(tree: JsonTree): string {
  return write(tree, opaScalar);
}

type ScalarWriter = (value: null | boolean | string | NumberText) => string;

function write(tree: JsonTree, scalar: ScalarWriter): string {
  if (tree instanceof Map) {
    if (tree.size === 0) return "{}";
    const names = inOrder([...tree.keys()]);
    const members = names.map((name) => {
      return `${scalar(name)}:${write(tree.get(name) ?? null, scalar)}`;
    });
    return `{${members.join(",")}}`;
  }
  if (Array.isArray(tree)) return `[${tree.map((item) => write(item, scalar)).join(",")}]`;
  return scalar(tree as null | boolean | string | NumberText);
}

/** Where the two orders differ: characters that have halves, and those behind these halves. */
const outOfOrder = /[\ud800-\uffff]/;

/** As the bytes of their UTF-8 forms; JavaScript compares halves of characters instead. */
function inOrder(names: string[]): readonly string[] {
  return names.some((name) => outOfOrder.test(name)) ? names.sort(byCodePoint) : names.sort();
}

function byCodePoint(a: string, b: string): number {
  for (let at = 0; ; ) {
    const left = a.codePointAt(at);
    const right = b.codePointAt(at);
    if (left === undefined || right === undefined) return a.length - b.length;
    if (left !== right) return left - right;
    at += left > 0xffff ? 2 : 1;
  }
}

const goEscapes: Readonly<Record<string, string>> = {
  "<": "\\u003c",
  ">": "\\u003e",
  "&": "\\u0026",
  "\u2028": "\\u2028",
  "\u2029": "\\u2029",
};

const goMarks = /[<>&\u2028\u2029]/;
const allGoMarks = new RegExp(goMarks, "g");

function goScalar(value: null | boolean | string | NumberText): string {
  if (typeof value === "string") {
    const text = JSON.stringify(value);
    return goMarks.test(text) ? text.replace(allGoMarks, (mark) => goEscapes[mark] ?? mark) : text;
  }
  if (!(value instanceof NumberText)) return String(value);
  const number = plainJson(value) as number;
  return Object.is(number, -0) ? "-0" : String(number);
}

function pythonScalar(value: null | boolean | string | NumberText): string {
  if (value instanceof NumberText) return value.text;
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}

function opaScalar(value: null | boolean | string | NumberText): string {
  if (value instanceof NumberText) return value.text;
  if (typeof value !== "string") return String(value);
  return JSON.stringify(value).replace(/[\u2028\u2029]/g, (mark) => goEscapes[mark] ?? mark);
}
