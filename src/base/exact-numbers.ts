// Numbers that are the same for everybody who reads them: 0.1 and 1e2 are, 9007199254740993 is
// ...992 for whoever has doubles. And values with such numbers, told apart all the same. Pure.

import { type JsonMembers, type JsonTree, NumberText } from "./json-text.ts";

export interface FoundNumber {
  readonly text: string;
  /** What a double makes of it. */
  readonly readAs: number;
  /** Names and places on the way to it. */
  readonly path: readonly string[];
}

/** The first number whose value is another one as a double. */
export function inexactNumber(tree: JsonTree): FoundNumber | undefined {
  if (tree instanceof NumberText) {
    const { text } = tree;
    const readAs = Number(text);
    const own = String(readAs);
    if (own === text || decimal(text) === decimal(own)) return undefined;
    return { text, readAs, path: [] };
  }
  if (Array.isArray(tree)) {
    for (let at = 0; at < tree.length; at++) {
      const found = inexactNumber(tree[at]);
      if (found !== undefined) return { ...found, path: [String(at), ...found.path] };
    }
  } else if (tree instanceof Map) {
    for (const [name, member] of tree as JsonMembers) {
      const found = inexactNumber(member);
      if (found !== undefined) return { ...found, path: [name, ...found.path] };
    }
  }
  return undefined;
}

/** Of names that whoever sent the text chose. */
const placeLengthMax = 200;

export function inexactText({ text, readAs, path }: FoundNumber): string {
  const place = JSON.stringify(path.join(".").slice(0, placeLengthMax));
  return `the number ${text.slice(0, 40)} of ${place} would be read as ${readAs}`;
}

/**
 * One text for each value, in whatever order its members are and however its numbers are spelled.
 * Where one of them is no double, no other value has it as its canonical JSON either.
 */
export function exactText(tree: JsonTree): string {
  if (tree instanceof NumberText) return decimal(tree.text) ?? tree.text;
  if (Array.isArray(tree)) return `[${tree.map(exactText).join(",")}]`;
  if (!(tree instanceof Map)) return JSON.stringify(tree);
  const members = tree as JsonMembers;
  const texts = [...members.keys()].sort().map((name) => {
    return `${JSON.stringify(name)}:${exactText(members.get(name) ?? null)}`;
  });
  return `{${texts.join(",")}}`;
}

const spelling = /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]?\d+))?$/i;

/** One spelling for each value; undefined for what is none, such as Infinity. */
function decimal(text: string): string | undefined {
  const [, sign, whole, fraction = "", exponent = "0"] = spelling.exec(text) ?? [];
  if (sign === undefined || whole === undefined) return undefined;
  const digits = `${whole}${fraction}`.replace(/^0+/, "");
  const kept = digits.replace(/0+$/, "");
  if (kept === "") return "0";
  return `${sign}${kept}e${Number(exponent) - fraction.length + digits.length - kept.length}`;
}
