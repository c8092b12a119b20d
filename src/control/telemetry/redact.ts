// What telemetry carries is a copy without secrets: members that are named like one lose their
// value, texts lose mail addresses, telephone numbers and whatever is recognised as a key. Pure.
// Texts come from agents and whoever speaks to them, so every pattern takes linear time.

import { ownText } from "../../base/own-text.ts";
import type { JsonObject, JsonValue } from "../../model/event.ts";
import { isObject } from "../../model/json-object.ts";

/** In small letters, without `-`, `_` and spaces; also at the end of a longer name. */
const secretEndings =
  /(?:(?:password|passwd|passphrase|secret|apikey|privatekey|secretkey|accesskey|accountkey|signingkey|encryptionkey|credential|cookie)s?|token|authorization|creditcard)$/;
/** Numbers of these are counts: `max_tokens`, and how many tests pass. */
const countableNames = /tokens$|(?:^|[-_ ])pass$/i;
const secretNames: ReadonlySet<string> = new Set([
  ...["auth", "ssn", "pwd", "jwt", "bearer", "cvv", "pin", "otp", "sessionkey", "cardnumber"],
]);
/** `--password` and its like, where the value is the next argument. */
const secretOption = /^--?[\w-]{1,64}$/;

const unmarked = `(?!\\s{0,4}\\\\{0,15}["']?\\[(?:REDACTED|EMAIL|PHONE|TOKEN|OMITTED)\\])`;
/**
 * A text in quotes ends at the next one with as many backslashes before it, however deep in other
 * texts it stands: what is inside has more. Where none comes it goes on to the end of the line.
 */
const value =
  "(?:(?<quote>\\\\{0,15}(?:\"\"\"|'''|[\"']))(?:[^\\r\\n]*?(?<!\\\\)\\k<quote>|[^\\r\\n]*)|\\[[^\\]\\r\\n]*\\]?|\\{[^}\\r\\n]*\\}?|[^\\s\"',;&}\\]]+)";
const named =
  "(?:(?:passw(?:or)?d|passphrase|secret|credential)s?|pwd|token|(?:api|access|account|encryption|private|secret|signing)[_-]?key|(?:\\b|_)pass(?==))";
const assigned = `\\\\{0,15}["']?\\s{0,4}(?::=|={1,3}>?|:)(?![=>])${unmarked}\\s{0,4}`;

const patterns: readonly (readonly [RegExp, string])[] = [
  [
    /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----[^-]*(?:-(?!----)[^-]*)*(?:-----END[A-Z0-9 ]{0,60}-----)?/g,
    "[TOKEN]",
  ],
  [new RegExp(`\\b((?:authorization|cookie)${assigned})[^\\r\\n]+`, "gi"), "$1[REDACTED]"],
  [new RegExp(`(${named}${assigned})${value}`, "gi"), "$1[REDACTED]"],
  [
    new RegExp(`((?<![\\w-])--[\\w-]{0,64}${named}[ \\t]{1,4})(?!-)${unmarked}${value}`, "gi"),
    "$1[REDACTED]",
  ],
  [new RegExp(`(<[\\w:.-]{0,64}${named}>)${unmarked}[^<]+`, "gi"), "$1[REDACTED]"],
  [/\b(bearer\s{1,4})[\w.~+/=-]{8,}/gi, "$1[TOKEN]"],
  [/\b([a-z][a-z0-9+.-]{0,20}:\/\/)[^\s/?#]{1,256}@/gi, "$1[REDACTED]@"],
  [
    /\b(?:[sr]k[-_][\w-]{12,}|whsec_[\w+/=]{16,}|gh[pousr]_\w{16,}|github_pat_\w{16,}|gl[a-z]{2,4}-[\w-]{16,}|xox[a-z]-[\w-]{8,}|xapp-[\w-]{8,}|(?:AKIA|ASIA|AROA|AIDA)[0-9A-Z]{12,}|AIza[\w-]{30,}|ya29\.[\w-]{16,}|npm_\w{30,}|pypi-[\w-]{16,}|hf_\w{20,}|AGE-SECRET-KEY-\w{16,}|hv[sbr]\.[\w-]{20,})/g,
    "[TOKEN]",
  ],
  [/(?<![\w-])eyJ[\w-]{8,}\.[\w-]{2,}(?:\.[\w-]*)?/g, "[TOKEN]"],
];
/**
 * What every text has that one of them fits: one look instead of seven for most texts. Where one of
 * them takes letters of either case so does this; a flag for all of it would double what it takes.
 */
const maybeSecret =
  /[:=>]|--[\w-]|[bB][eE][aA][rR][eE][rR]\s|[sr]k[-_]|whsec_|gh[pousr]_|github_pat_|gl[a-z]{2,4}-|xox[a-z]-|xapp-|A[KSR][IO]A|AIDA|AIza|ya29\.|npm_|pypi-|hf_|AGE-SECRET|hv[sbr]\.|eyJ/;
const numbers: readonly (readonly [RegExp, string])[] = [
  [/\+\d(?:[ .()\u00a0\u2010-\u2015\u202f-]{0,2}\d){7,14}\b/g, "[PHONE]"],
  [
    /\b(?:\+?1[ \t.\u00a0\u2010-\u2015\u202f-]?)?\(?\d{3}\)?[ \t.\u00a0\u2010-\u2015\u202f-]?\d{3}[ \t.\u00a0\u2010-\u2015\u202f-]?\d{4}\b/g,
    "[PHONE]",
  ],
  [/\b[0-9A-Fa-f]{32,}\b/g, "[TOKEN]"],
];
/** Any of them: many ids have eight digits, and few of those are a number. */
const number = new RegExp(numbers.map(([{ source }]) => source).join("|"));

const omitted = "[OMITTED]";

/** What one value may cost: whatever lies beyond is left out whole, so that no secret is cut. */
interface Budget {
  characters: number;
  values: number;
}

/** What names became before, of members and of tools: they are few, and come again and again. */
export type KnownNames = Map<string, KnownName>;

interface KnownName {
  readonly shown: string;
  readonly hides: "all" | "texts" | "nothing";
}

const knownNamesMax = 1000;
const knownNameMaxLength = 64;

/**
 * What may be sent away: a copy, or the value itself where nothing in it had to be changed. Arrays
 * and objects are entered, whatever is inside.
 */
export function redact(input: JsonValue, names: KnownNames = new Map()): JsonValue {
  return redactWithin(input, { characters: 64 * 1024, values: 4096 }, names);
}

function redactWithin(input: JsonValue, budget: Budget, names: KnownNames): JsonValue {
  budget.values -= 1;
  if (budget.values < 0) return omitted;
  if (typeof input === "string") {
    budget.characters -= input.length;
    if (budget.characters < 0) return omitted;
    return names.get(input)?.shown ?? redactText(input);
  }
  if (!isObject(input)) return Array.isArray(input) ? redactList(input, budget, names) : input;
  let copy: Record<string, JsonValue> | undefined;
  for (const name in input) {
    const member = input[name];
    if (member === undefined) continue;
    budget.characters -= name.length;
    if (budget.values <= 0 || budget.characters < 0) {
      copy ??= membersBefore(input, name);
      copy[omitted] = omitted;
      break;
    }
    const { shown, hides } = nameIn(names, name);
    const isHidden = hides === "all" || (hides === "texts" && isText(member));
    const value = isHidden ? "[REDACTED]" : redactWithin(member, budget, names);
    if (shown !== name || value !== member) copy ??= membersBefore(input, name);
    if (copy !== undefined) put(copy, shown, value);
  }
  return copy ?? input;
}

/** A copy of those that stand before that one. */
function membersBefore(input: JsonObject, end: string): Record<string, JsonValue> {
  const copy: Record<string, JsonValue> = {};
  for (const name in input) {
    if (name === end) break;
    const member = input[name];
    if (member !== undefined) put(copy, name, member);
  }
  return copy;
}

function put(object: Record<string, JsonValue>, name: string, value: JsonValue): void {
  if (name !== "__proto__") object[name] = value;
  else Object.defineProperty(object, name, { value, enumerable: true });
}

/** As `redactText`, for texts of which there are few, such as names of tools. */
export function redactWord(text: string, names: KnownNames): string {
  return nameIn(names, text).shown;
}

function nameIn(names: KnownNames, name: string): KnownName {
  const known = names.get(name);
  if (known !== undefined) return known;
  const made = { shown: redactText(name), hides: hiddenBy(name) };
  if (names.size >= knownNamesMax) names.clear();
  if (name.length <= knownNameMaxLength) {
    names.set(ownText(name), { ...made, shown: ownText(made.shown) });
  }
  return made;
}

function redactList(items: readonly JsonValue[], budget: Budget, names: KnownNames): JsonValue {
  const copy: JsonValue[] = [];
  let isChanged = false;
  let before: JsonValue | undefined;
  for (const item of items) {
    if (budget.values <= 0) {
      copy.push(omitted);
      isChanged = true;
      break;
    }
    const isValue = typeof before === "string" && secretOption.test(before) && isSecretName(before);
    const shown =
      isValue && typeof item === "string" ? "[REDACTED]" : redactWithin(item, budget, names);
    copy.push(shown);
    isChanged ||= shown !== item;
    before = item;
  }
  return isChanged ? copy : items;
}

export function redactText(text: string): string {
  // Nothing below is shorter: `a@b.cc`.
  if (text.length < 6) return text;
  const rest = withoutAddresses(maybeSecret.test(text) ? replaceAll(patterns, text) : text);
  return mayHoldNumber(rest) && number.test(rest) ? replaceAll(numbers, rest) : rest;
}

/** Whether it has as many characters, or digits, as the shortest of the numbers. */
function mayHoldNumber(text: string): boolean {
  if (text.length >= 32) return true;
  let digits = 0;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit >= 0x30 && unit <= 0x39) digits += 1;
  }
  return digits >= 8;
}

/** Names that programs gave: as they are where they are a number in hex, as most ids are. */
export function redactId(text: string): string {
  return /^[0-9A-Fa-f-]{1,64}$/.test(text) ? text : redactText(text);
}

function replaceAll(list: readonly (readonly [RegExp, string])[], text: string): string {
  return list.reduce((rest, [pattern, mark]) => rest.replace(pattern, mark), text);
}

/** By hand: as one pattern this takes quadratic time where there are many characters and no `@`. */
function withoutAddresses(text: string): string {
  if (!text.includes("@")) return text;
  let copied = "";
  let from = 0;
  for (const match of text.matchAll(/@[A-Za-z0-9.\u0080-\uffff-]*\.[A-Za-z\u0080-\uffff]{2,}/g)) {
    let start = match.index;
    while (start > from && /[\w.%+\u0080-\uffff-]/.test(text.charAt(start - 1))) start -= 1;
    if (start === match.index) continue;
    copied += `${text.slice(from, start)}[EMAIL]`;
    from = match.index + match[0].length;
  }
  return copied + text.slice(from);
}

function hiddenBy(name: string): KnownName["hides"] {
  if (isSecretName(name)) return "all";
  return countableNames.test(name) ? "texts" : "nothing";
}

function isText(value: JsonValue): boolean {
  return typeof value === "string" || Array.isArray(value);
}

function isSecretName(name: string): boolean {
  if (name.length > 256) return false;
  const plain = name.toLowerCase().replace(/[-_ ]/g, "");
  return secretNames.has(plain) || secretEndings.test(plain);
}
