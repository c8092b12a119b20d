// Rules about files as text, whatever their language. Each gives one line for every breach.

import type { TextFile } from "./source.ts";

const code = /\.(ts|c|h|py|sh)$|^\.ci\/run$/;
export const columnsMax = 100;
export const linesMax = 400;

/**
 * Longer than the limit for a reason: made by a script, or one table that nobody reads in parts.
 */
export const longFiles: ReadonlySet<string> = new Set([
  "src/enforce/linux/filter/syscalls.ts",
  "test/fixtures/attempt.c",
]);

/**
 * @param unbreakable `path:line` of lines that may be longer; so may rows of a table in a comment
 */
export function longLines(
  files: readonly TextFile[],
  unbreakable: ReadonlySet<string> = new Set(),
): string[] {
  return files
    .filter(({ path }) => code.test(path))
    .flatMap(({ path, text }) =>
      text.split("\n").flatMap((line, index) => {
        const columns = [...line.replaceAll("\t", "        ")].length;
        const place = `${path}:${index + 1}`;
        const isFree = unbreakable.has(place) || /^\s*(\/\/|\*|#) \|/.test(line);
        return columns > columnsMax && !isFree ? [`${place}: ${columns} columns`] : [];
      }),
    );
}

export function oversizedFiles(files: readonly TextFile[]): string[] {
  return files
    .filter(({ path }) => code.test(path) && !longFiles.has(path))
    .map(({ path, text }) => ({ path, lines: text.split("\n").length - 1 }))
    .filter(({ lines }) => lines > linesMax)
    .map(({ path, lines }) => `${path}: ${lines} lines`);
}

/** Every source file says first what lives in it; a test file's path and titles do. */
export function missingHeaders(files: readonly TextFile[]): string[] {
  return files
    .filter(({ path }) => /^(src|scripts|test|bench)\/.*\.ts$/.test(path))
    .filter(({ path }) => !path.endsWith(".test.ts"))
    .filter(({ text }) => !/^(#!.*\n)?(\/\/ .+\n){1,8}(?!\/\/)/.test(text))
    .map(({ path }) => `${path}: no header comment of one to eight lines`);
}

const leftovers = /\b(TODO|FIXME|XXX|HACK)\b|^<{7} |^>{7} /m;

/**
 * Notes of the moment, and names of places that exist only where the project is written or built.
 */
const foreign =
  /\/work\/(main|shared)\b|registry\.npmjs|pypi\.org|crates\.io|proxy\.golang|deb\.debian|\bthe brief\b|\bintegrator\b|\bcolleague|\b(this|previous|earlier) session of\b|\bas an AI\b|\blanguage model\b|\bworkplace\b/i;

export function leftoverNotes(files: readonly TextFile[]): string[] {
  return breaches(files, leftovers, "a leftover");
}

export function foreignWords(files: readonly TextFile[]): string[] {
  return breaches(files, foreign, "speaks of something outside the project");
}

function breaches(files: readonly TextFile[], pattern: RegExp, what: string): string[] {
  return files
    .filter(({ path }) => !/(^|\/)tidy(\/|[.-])/.test(path))
    .flatMap(({ path, text }) =>
      text.split("\n").flatMap((line, index) => {
        const found = pattern.exec(line)?.[0];
        return found === undefined ? [] : [`${path}:${index + 1}: ${what}: "${found}"`];
      }),
    );
}

/** Numbers a C header names: `#define NAME 4096u`, `#define NAME (1u << 20)`, `NAME = 125,`. */
export function numbersInC(text: string): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  const plain = /(?:#define\s+)?\b(AE_\w+)\s*=?\s+(\d+)u?\b/g;
  const shifted = /#define\s+(AE_\w+)\s+\((\d+)u? << (\d+)\)/g;
  for (const [, name = "", value] of text.matchAll(plain)) found.set(name, Number(value));
  for (const [, name = "", value, by] of text.matchAll(shifted))
    found.set(name, Number(value) * 2 ** Number(by));
  return found;
}
