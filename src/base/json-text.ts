// JSON text as its writer wrote it: numbers keep their spelling, members their order. Stricter than
// JSON.parse: a name given twice, half a surrogate pair or deep nesting is an error, because two
// readers would understand such a text differently. Input may come from anyone.

import { AegisError } from "./errors.ts";
import { jsonDepthMax } from "./limits.ts";
import { nextTurn } from "./turn.ts";

/** A number as it was spelled, e.g. `1.0` or `1e400`. */
export class NumberText {
  constructor(readonly text: string) {}
}

export type JsonTree = null | boolean | string | NumberText | readonly JsonTree[] | JsonMembers;

/** In the order of the text. */
export type JsonMembers = ReadonlyMap<string, JsonTree>;

export type PlainJson =
  | null
  | boolean
  | number
  | string
  | readonly PlainJson[]
  | { readonly [name: string]: PlainJson };

/**
 * The tree of one JSON text, white space around it allowed.
 * @throws {AegisError} `json/invalid` with the place
 */
export function parseJsonText(text: string): JsonTree {
  const reader = new Reader(text);
  reader.read(Infinity);
  return reader.tree;
}

/** The same of a large text, so many characters at a stretch. @throws {AegisError} as it does */
export async function parseJsonInTurns(text: string, stretch: number): Promise<JsonTree> {
  const reader = new Reader(text);
  for (let until = stretch; !reader.read(until); until += stretch) await nextTurn();
  return reader.tree;
}

/** Undefined where there is none of that name, or no object. */
export function treeMember(tree: JsonTree | undefined, name: string): JsonTree | undefined {
  return tree instanceof Map ? (tree as JsonMembers).get(name) : undefined;
}

declare global {
  /** What the type library lacks. */
  interface JSON {
    /** What `JSON.stringify` prints as this text, which is one number, word or string. */
    rawJSON(text: string): PlainJson;
  }
}

/**
 * As `plainJson`, for `JSON.stringify` alone: it prints each number as it was spelled, also where
 * JavaScript has another one, as for `9007199254740993`.
 */
export function printableJson(tree: JsonTree): PlainJson {
  if (tree instanceof NumberText) return printableNumber(Number(tree.text), tree.text);
  if (tree instanceof Map) return objectOf(tree, printableJson);
  if (Array.isArray(tree)) return tree.map(printableJson);
  return tree as null | boolean | string;
}

/** As `JSON.parse`, for `JSON.stringify` alone: it prints each number as `text` spells it. */
export function parsePrintable(text: string): PlainJson {
  const reviver = (_: string, value: PlainJson, { source }: { readonly source?: string }) =>
    typeof value === "number" && source !== undefined ? printableNumber(value, source) : value;
  return JSON.parse(text, reviver as (name: string, value: unknown) => unknown) as PlainJson;
}

function printableNumber(value: number, text: string): PlainJson {
  return String(value) === text ? value : JSON.rawJSON(text);
}

/**
 * The value as JavaScript has it.
 * @param name of the member that the tree is of, for the message
 * @throws {AegisError} `json/invalid` for a number that is too large to be one, and which it is
 */
export function plainJson(tree: JsonTree, name = ""): PlainJson {
  try {
    return toPlain(tree);
  } catch (error) {
    // Where it is, is looked for only now: this is called for each event.
    throw error instanceof TooLarge ? tooLarge(tree, name) : error;
  }
}

class TooLarge extends Error {}

function toPlain(tree: JsonTree): PlainJson {
  if (tree instanceof NumberText) {
    const number = Number(tree.text);
    if (Number.isFinite(number)) return number;
    throw new TooLarge();
  }
  if (tree instanceof Map) return objectOf(tree, toPlain);
  if (Array.isArray(tree)) return tree.map(toPlain);
  return tree as null | boolean | string;
}

/** Of names that whoever sent the text chose. */
const placeLengthMax = 200;

function tooLarge(tree: JsonTree, name: string): AegisError {
  const { text = "", names = [] } = overflowIn(tree) ?? {};
  const place = [...(name === "" ? [] : [name]), ...names].join(".").slice(0, placeLengthMax);
  const of = place === "" ? "" : ` of ${JSON.stringify(place)}`;
  const most = `the largest is ${Number.MAX_VALUE}`;
  return invalid(`the number ${text.slice(0, 40)}${of} is too large: ${most}`);
}

/** The first one, and the names and places on the way to it. */
function overflowIn(
  tree: JsonTree,
): { readonly text: string; readonly names: readonly string[] } | undefined {
  if (tree instanceof NumberText) {
    return Number.isFinite(Number(tree.text)) ? undefined : { text: tree.text, names: [] };
  }
  const isList = Array.isArray(tree);
  const below = tree instanceof Map ? tree : isList ? tree.entries() : [];
  for (const [name, member] of below) {
    const found = overflowIn(member);
    if (found !== undefined) return { ...found, names: [String(name), ...found.names] };
  }
  return undefined;
}

/** Why a text was refused, without what was to be done with it; undefined for other errors. */
export function jsonProblem(error: unknown): string | undefined {
  if (!(error instanceof AegisError) || error.code !== "json/invalid") return undefined;
  return error.message.slice(action.length);
}

const action = "Cannot read the JSON text: ";

function objectOf(members: JsonMembers, read: (tree: JsonTree) => PlainJson): PlainJson {
  const object: Record<string, PlainJson> = {};
  for (const [name, member] of members) {
    const value = read(member);
    if (name !== "__proto__") object[name] = value;
    else
      Object.defineProperty(object, name, {
        value,
        enumerable: true,
        configurable: true,
        writable: true,
      });
  }
  return object;
}

const escapes: Readonly<Record<string, string>> = {
  '"': '"',
  "\\": "\\",
  "/": "/",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
};

const numberPattern = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const quote = 0x22;
const backslash = 0x5c;
const spaces: ReadonlySet<number> = new Set([0x20, 0x09, 0x0a, 0x0d]);
/** A spelling that is longer says nothing more. */
const numberLengthMax = 400;

/** One for all: a text may have millions. */
const noMembers: JsonMembers = new Map();

/** An object or list whose end was not read yet. */
type Open =
  | { readonly members: Map<string, JsonTree>; name: string }
  | { readonly members: undefined; readonly items: JsonTree[] };

/** Keeps what is open itself, not on the stack: so it can stop anywhere and go on later. */
class Reader {
  #at = 0;
  readonly #open: Open[] = [];
  #tree: JsonTree = null;

  constructor(readonly text: string) {}

  /**
   * Reads on up to this character, or a little further.
   * @returns whether that was all
   */
  read(until: number): boolean {
    while (this.#at < until) {
      const value = this.#begun();
      if (value === undefined || !this.#put(value)) continue;
      this.#space();
      if (this.#at < this.text.length) throw this.#unexpected("the end");
      return true;
    }
    return false;
  }

  get tree(): JsonTree {
    return this.#tree;
  }

  /** A value; undefined where one was only opened, and its first one follows. */
  #begun(): JsonTree | undefined {
    this.#space();
    const first = this.text[this.#at];
    if (first === '"') return this.#string();
    if (first === "{") return this.#object();
    if (first === "[") return this.#array();
    if (first === "t") return this.#word("true", true);
    if (first === "f") return this.#word("false", false);
    if (first === "n") return this.#word("null", null);
    return this.#number();
  }

  #object(): JsonMembers | undefined {
    this.#enter();
    if (this.#closes("}")) return noMembers;
    const members = new Map<string, JsonTree>();
    this.#open.push({ members, name: this.#name(members) });
    return undefined;
  }

  #array(): readonly JsonTree[] | undefined {
    this.#enter();
    if (this.#closes("]")) return [];
    this.#open.push({ members: undefined, items: [] });
    return undefined;
  }

  #enter(): void {
    if (this.#open.length >= jsonDepthMax) {
      throw invalid(`it is nested deeper than ${jsonDepthMax}`, this.#at);
    }
    this.#at += 1;
  }

  #name(members: JsonMembers): string {
    this.#space();
    if (this.text[this.#at] !== '"') throw this.#unexpected("a name in quotes");
    const start = this.#at;
    const name = this.#string();
    if (members.has(name)) {
      this.#at = start;
      throw invalid(`the name ${JSON.stringify(name.slice(0, 40))} is given twice`, start);
    }
    this.#expect(":");
    return name;
  }

  /**
   * Where it belongs, and what ends with it likewise.
   * @returns whether it is the value of the whole text
   */
  #put(read: JsonTree): boolean {
    for (let value = read; ; ) {
      const into = this.#open.at(-1);
      if (into === undefined) {
        this.#tree = value;
        return true;
      }
      if (into.members === undefined) into.items.push(value);
      else into.members.set(into.name, value);
      if (!this.#closes(into.members === undefined ? "]" : "}")) {
        this.#expect(",");
        if (into.members !== undefined) into.name = this.#name(into.members);
        return false;
      }
      this.#open.pop();
      value = into.members ?? into.items;
    }
  }

  #string(): string {
    const start = this.#at;
    this.#at += 1;
    let value = this.#plain();
    while (this.text.charCodeAt(this.#at) !== quote) {
      if (this.text.charCodeAt(this.#at) !== backslash)
        throw this.#unexpected("the rest of the text in quotes");
      value += this.#escape();
      value += this.#plain();
    }
    this.#at += 1;
    if (!value.isWellFormed()) throw invalid("it holds half a character", start);
    return value;
  }

  /** What stands for itself, up to a quote, a backslash or what no string may hold. */
  #plain(): string {
    const from = this.#at;
    const { text } = this;
    let at = from;
    for (; at < text.length; at++) {
      const unit = text.charCodeAt(at);
      if (unit === quote || unit === backslash || unit < 0x20) break;
    }
    this.#at = at;
    return text.slice(from, at);
  }

  #escape(): string {
    const letter = this.text[this.#at + 1] ?? "";
    const simple = Object.hasOwn(escapes, letter) ? escapes[letter] : undefined;
    if (simple !== undefined) {
      this.#at += 2;
      return simple;
    }
    const digits = this.text.slice(this.#at + 2, this.#at + 6);
    if (letter !== "u" || !/^[0-9a-fA-F]{4}$/.test(digits)) throw this.#unexpected("an escape");
    this.#at += 6;
    return String.fromCharCode(Number.parseInt(digits, 16));
  }

  #number(): NumberText {
    numberPattern.lastIndex = this.#at;
    const text = numberPattern.exec(this.text)?.[0] ?? "";
    this.#at += text.length;
    if (text === "") throw this.#unexpected("a value");
    if (text.length > numberLengthMax) throw invalid("a number is too long", this.#at);
    return new NumberText(text);
  }

  #word<T>(word: string, value: T): T {
    if (!this.text.startsWith(word, this.#at)) throw this.#unexpected("a value");
    this.#at += word.length;
    return value;
  }

  #closes(end: string): boolean {
    this.#space();
    if (this.text[this.#at] !== end) return false;
    this.#at += 1;
    return true;
  }

  #expect(mark: string): void {
    this.#space();
    if (this.text[this.#at] !== mark) throw this.#unexpected(`"${mark}"`);
    this.#at += 1;
  }

  #space(): void {
    for (;;) {
      const unit = this.text.charCodeAt(this.#at);
      // Most of what is not space is told by one comparison.
      if (unit > 0x20 || !spaces.has(unit)) return;
      this.#at += 1;
    }
  }

  #unexpected(wanted: string): AegisError {
    const rest = this.text.slice(this.#at, this.#at + 12);
    const found = rest === "" ? "it ends" : `there is ${JSON.stringify(rest)}`;
    return invalid(`${found} where ${wanted} should be`, this.#at);
  }
}

function invalid(why: string, at?: number): AegisError {
  const place = at === undefined ? "" : ` at character ${at}`;
  return new AegisError("json/invalid", `${action}${why}${place}`);
}
