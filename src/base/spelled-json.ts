// A JSON value as it was spelled and as JavaScript has it, each made when it is first asked for.
// Most texts are spelled as JavaScript would spell them, and the engine reads those several times
// as fast as parseJsonText: nothing in them can be understood in two ways. Input may come from
// anyone.

import { canonicalText, type Dialect } from "./canonical-dialects.ts";
import { canonicalJson } from "./canonical-json.ts";
import { inexactNumber } from "./exact-numbers.ts";
import {
  type JsonMembers,
  type JsonTree,
  NumberText,
  type PlainJson,
  parseJsonInTurns,
  parseJsonText,
  plainJson,
} from "./json-text.ts";
import { jsonDepthMax } from "./limits.ts";
import { nextTurn } from "./turn.ts";

/** Members of an object, by name and in the order of the text. */
export interface Members {
  get(name: string): JsonTree | undefined;
  keys(): Iterable<string>;
}

export class SpelledJson {
  #tree: JsonTree | undefined;
  #plain: PlainJson | undefined;
  #forms: Partial<Record<Dialect, string>> | undefined;
  #isExact: boolean | undefined;

  /** Of one of them: the other follows from it. */
  constructor(tree: JsonTree | undefined, plain: PlainJson | undefined) {
    this.#tree = tree;
    this.#plain = plain;
    // What the engine read is spelled as it spells it.
    this.#isExact = tree === undefined ? true : undefined;
  }

  /** @throws {AegisError} `json/invalid` with the place */
  static parse(text: string): SpelledJson {
    const plain = ownSpelling(text);
    return plain === undefined
      ? SpelledJson.of(parseJsonText(text))
      : new SpelledJson(undefined, plain);
  }

  /** The same of a large text, so many characters at a stretch. */
  static async parseInTurns(text: string, stretch: number): Promise<SpelledJson> {
    const plain = ownSpelling(text);
    if (plain !== undefined) return new SpelledJson(undefined, plain);
    await nextTurn();
    return SpelledJson.of(await parseJsonInTurns(text, stretch));
  }

  static of(tree: JsonTree): SpelledJson {
    return new SpelledJson(tree, undefined);
  }

  get tree(): JsonTree {
    this.#tree ??= treeOf(this.#plain ?? null);
    return this.#tree;
  }

  /** As `plainJson`. @throws {AegisError} `json/invalid` */
  plain(name = ""): PlainJson {
    this.#plain ??= plainJson(this.#tree ?? null, name);
    return this.#plain;
  }

  /** What is hashed of it within an envelope, which counts as a level of nesting. */
  form(dialect: Dialect): string {
    this.#forms ??= {};
    const known = this.#forms[dialect];
    if (known !== undefined) return known;
    const isOurs = dialect === "rfc8785";
    const made = isOurs ? canonicalJson(this.plain(), 1) : canonicalText(this.tree, dialect);
    this.#forms[dialect] = made;
    return made;
  }

  /** The tree, where a number in it is none that a double holds; else `plain` says all of it. */
  inexact(): JsonTree | undefined {
    this.#isExact ??= inexactNumber(this.tree) === undefined;
    return this.#isExact ? undefined : this.#tree;
  }

  isNull(): boolean {
    return (this.#tree ?? this.#plain ?? null) === null;
  }

  /** Undefined where it is no object. */
  members(): Members | undefined {
    const tree = this.#tree;
    if (tree !== undefined) return tree instanceof Map ? (tree as JsonMembers) : undefined;
    const plain = this.#plain;
    return isObject(plain) ? membersOf(plain) : undefined;
  }

  /** Undefined where there is none of that name. */
  member(name: string): SpelledJson | undefined {
    const tree = this.#tree;
    if (tree !== undefined) {
      const found = tree instanceof Map ? (tree as JsonMembers).get(name) : undefined;
      return found === undefined ? undefined : SpelledJson.of(found);
    }
    const plain = this.#plain;
    if (!isObject(plain)) return undefined;
    const found = ownMember(plain, name);
    return found === undefined ? undefined : new SpelledJson(undefined, found);
  }
}

/** Of what may have been read already. */
export function treeIn(value: JsonTree | SpelledJson): JsonTree {
  return value instanceof SpelledJson ? value.tree : value;
}

/** As `SpelledJson.inexact`. */
export function inexactIn(value: JsonTree | SpelledJson): JsonTree | undefined {
  if (value instanceof SpelledJson) return value.inexact();
  return inexactNumber(value) === undefined ? undefined : value;
}

/** With what is made of it kept, where that was not so yet. */
export function spelledOf(value: JsonTree | SpelledJson): SpelledJson {
  return value instanceof SpelledJson ? value : SpelledJson.of(value);
}

/** As `plainJson`. @throws {AegisError} `json/invalid` */
export function plainIn(value: JsonTree | SpelledJson, name?: string): PlainJson {
  return value instanceof SpelledJson ? value.plain(name) : plainJson(value, name);
}

/**
 * The value of a text that JavaScript writes as the very same text: so no name in it is given
 * twice, and no number says more than JavaScript has. Undefined for every other one, sound or not.
 */
function ownSpelling(text: string): PlainJson | undefined {
  // Half a surrogate pair is only ever written like this; and with spaces, as Python and people
  // write it, none is the same text: trying it would be a third of reading it by hand.
  if (text.includes("\\ud") || text.includes('": ')) return undefined;
  try {
    const value = JSON.parse(text) as PlainJson;
    return isWithin(value, jsonDepthMax) && JSON.stringify(value) === text ? value : undefined;
  } catch {
    // ignored: what is no JSON is read again by hand, which says where and why
    return undefined;
  }
}

function isWithin(value: PlainJson, levels: number): boolean {
  if (typeof value !== "object" || value === null) return true;
  if (levels === 0) return false;
  if (Array.isArray(value)) return value.every((item: PlainJson) => isWithin(item, levels - 1));
  for (const name in value) {
    const member = (value as ObjectJson)[name];
    if (member !== undefined && !isWithin(member, levels - 1)) return false;
  }
  return true;
}

/** Numbers are spelled as JavaScript spells them. */
function treeOf(value: PlainJson): JsonTree {
  if (typeof value === "number") return new NumberText(String(value));
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(treeOf);
  return new Map(Object.entries(value).map(([name, member]) => [name, treeOf(member)]));
}

function membersOf(value: ObjectJson): Members {
  return {
    get(name) {
      const found = ownMember(value, name);
      return found === undefined ? undefined : treeOf(found);
    },
    keys: () => Object.keys(value),
  };
}

type ObjectJson = Extract<PlainJson, { readonly [name: string]: PlainJson }>;

function isObject(value: PlainJson | undefined): value is ObjectJson {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function ownMember(value: ObjectJson, name: string): PlainJson | undefined {
  return Object.hasOwn(value, name) ? value[name] : undefined;
}
