// Decoders for values read from TOML: every problem is collected with the path it stands at,
// unknown keys are problems. Written by hand because launching must not load a schema library;
// knows no file and no key of aegis.

import { nearest } from "../base/nearest.ts";

export type DecodePath = readonly (string | number)[];

export interface Problem {
  readonly path: DecodePath;
  readonly message: string;
}

/**
 * Gives the value, or undefined after noting a problem. An absent value never reaches a decoder.
 */
export type Decoder<T> = (value: unknown, at: DecodePath, problems: Problem[]) => T | undefined;

/** How the absence of a field reads. */
export interface Field<T> {
  readonly decode: Decoder<T>;
  /** Called when the key is absent; notes a problem when it must not be. */
  readonly absent: (at: DecodePath, problems: Problem[]) => T | undefined;
}

export function required<T>(decode: Decoder<T>): Field<T> {
  return {
    decode,
    absent: (at, problems) => note(problems, at, "is missing"),
  };
}

export function optional<T>(decode: Decoder<T>): Field<T | undefined> {
  return { decode, absent: () => undefined };
}

export function defaulted<T>(decode: Decoder<T>, value: T): Field<T> {
  return { decode, absent: () => value };
}

export const text: Decoder<string> = (value, at, problems) =>
  typeof value === "string" && !value.includes("\0") ? value : note(problems, at, "must be a text");

export const flag: Decoder<boolean> = (value, at, problems) =>
  typeof value === "boolean" ? value : note(problems, at, "must be true or false");

export function integer(min: number, max: number): Decoder<number> {
  return (value, at, problems) =>
    Number.isSafeInteger(value) && Number(value) >= min && Number(value) <= max
      ? Number(value)
      : note(problems, at, `must be a whole number from ${min} to ${max}`);
}

/**
 * Compares without regard to case, `_` and `-`, so that `ClaudeCode` and `claude_code` are one
 * word.
 */
export function word<const W extends string>(words: readonly W[]): Decoder<W> {
  return (value, at, problems) => {
    const found =
      typeof value === "string" ? words.find((each) => plain(each) === plain(value)) : undefined;
    return found ?? note(problems, at, `must be one of ${words.join(", ")}`);
  };
}

export function list<T>(item: Decoder<T>): Decoder<readonly T[]> {
  return (value, at, problems) => {
    if (!Array.isArray(value)) return note(problems, at, "must be a list");
    const items: T[] = [];
    for (const [index, each] of value.entries()) {
      const decoded = item(each, [...at, index], problems);
      if (decoded !== undefined) items.push(decoded);
    }
    return items;
  };
}

type Fields = Readonly<Record<string, Field<unknown>>>;
type Decoded<F extends Fields> = {
  readonly [K in keyof F]: F[K] extends Field<infer T> ? T : never;
};

/** A table with exactly these keys. Absent marks (see `isAbsent`) count as not written. */
export function table<F extends Fields>(fields: F): Decoder<Decoded<F>> {
  return (value, at, problems) => {
    if (!isTable(value)) return note(problems, at, "must be a table");
    for (const key of Object.keys(value)) {
      if (!Object.hasOwn(fields, key)) note(problems, [...at, key], unknownKey(key, fields));
    }
    const decoded: Record<string, unknown> = {};
    for (const [key, field] of Object.entries(fields)) {
      const here = [...at, key];
      const given = Object.hasOwn(value, key) ? value[key] : undefined;
      decoded[key] =
        given === undefined || isAbsent(given)
          ? field.absent(here, problems)
          : field.decode(given, here, problems);
    }
    // Every key was decoded by its own field; where one failed a problem is noted and the caller
    // throws.
    return decoded as Decoded<F>;
  };
}

export function isTable(value: unknown): value is Readonly<Record<string, unknown>> {
  return (
    typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype
  );
}

/**
 * TOML has no null; `readToml` gives infinity where one was written, and no key of aegis takes a
 * fraction.
 */
export function isAbsent(value: unknown): boolean {
  return value === Number.POSITIVE_INFINITY;
}

/** Notes a problem; gives undefined so that a decoder can return it. */
export function note(problems: Problem[], path: DecodePath, message: string): undefined {
  problems.push({ path, message });
  return undefined;
}

function unknownKey(key: string, fields: Fields): string {
  const close = nearest(key, Object.keys(fields));
  return `is not a known key${close === undefined ? "" : ` (did you mean "${close}"?)`}`;
}

function plain(text: string): string {
  return text.toLowerCase().replaceAll(/[_-]/g, "");
}
