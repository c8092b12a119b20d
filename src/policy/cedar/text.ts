// A policy file as text: where each policy starts, and where in it something stands. Cedar's engine
// takes a whole file or one policy, and only the second way tells of every broken policy at once,
// so files are cut here.

import { policyNestingMax, policyOperatorsMax } from "../../base/limits.ts";

export interface PolicyText {
  /** From the first token to the `;`, comments inside included. */
  readonly text: string;
  /** Characters before it in the file. */
  readonly offset: number;
}

/** Strings, comments, names and numbers, `::` and operators; blanks separate. */
const token =
  /\/\/[^\n]*|"(?:[^"\\]|\\[\s\S])*"?|[A-Za-z_][A-Za-z0-9_]*|[0-9]+|::|[=!<>]=|&&|\|\||[^\s]/g;

/** The policies of a file in their order. The last one may lack its `;`: the parser says so. */
export function splitPolicies(source: string): readonly PolicyText[] {
  const policies: PolicyText[] = [];
  let start: number | undefined;
  let end = 0;
  for (const { 0: text, index } of source.matchAll(token)) {
    if (text.startsWith("//")) continue;
    start ??= index;
    end = index + text.length;
    if (text !== ";") continue;
    policies.push({ text: source.slice(start, end), offset: start });
    start = undefined;
  }
  if (start !== undefined) policies.push({ text: source.slice(start, end), offset: start });
  return policies;
}

export interface Position {
  readonly line: number;
  readonly column: number;
}

/** Line and column, both from 1, of characters of a text. */
export function positionsIn(source: string): (offset: number) => Position {
  const starts = [0];
  for (let at = source.indexOf("\n"); at >= 0; at = source.indexOf("\n", at + 1))
    starts.push(at + 1);
  return (offset) => {
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    const column = [...source.slice(starts[low], offset)].length + 1;
    return { line: low + 1, column };
  };
}

/** Why a policy is more than the engine can take, undefined when it is not. */
export function excessOf(policy: string): string | undefined {
  if (!policy.isWellFormed()) return "is not valid text";
  let depth = 0;
  let operators = 0;
  for (const token of splitTokens(policy)) {
    if (token === "(" || token === "[" || token === "{") depth += 1;
    if (token === ")" || token === "]" || token === "}") depth -= 1;
    if (/^(?:&&|\|\||[-+*!.]|if)$/.test(token)) operators += 1;
    if (depth > policyNestingMax) return `is nested more than ${policyNestingMax} deep`;
  }
  return operators > policyOperatorsMax
    ? `has more than ${policyOperatorsMax} operators`
    : undefined;
}

/** Characters before the byte with this number in the UTF-8 form of `text`. */
export function offsetOfByte(text: string, byte: number): number {
  return new TextDecoder().decode(new TextEncoder().encode(text).subarray(0, byte)).length;
}

/**
 * Where `clause`, as Cedar prints it, stands in `policy`, as a person wrote it: the tokens are
 * compared without blanks, comments and parentheses. Undefined when it was written another way.
 */
export function findClause(policy: string, clause: string): number | undefined {
  const wanted = significant(clause);
  const written = significant(policy);
  for (let start = 0; start + wanted.length <= written.length; start += 1) {
    const isHere = wanted.every(({ text }, index) => written[start + index]?.text === text);
    if (isHere && wanted.length > 0) return written[start]?.offset;
  }
  return undefined;
}

/** The tokens of a text without comments. */
export function splitTokens(source: string): readonly string[] {
  return [...source.matchAll(token)]
    .map(({ 0: text }) => text)
    .filter((text) => !text.startsWith("//"));
}

function significant(source: string): { text: string; offset: number }[] {
  return [...source.matchAll(token)]
    .filter(({ 0: text }) => !text.startsWith("//") && text !== "(" && text !== ")")
    .map(({ 0: text, index }) => ({ text, offset: index }));
}
