// Numbers that are the same for everybody who reads them: 0.1 and 1e2 are, 9007199254740993 is
// ...992 for whoever has doubles. Pure.

import { type JsonTree, NumberText } from "./json-text.ts";

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
    return decimal(text) === decimal(String(readAs)) ? undefined : { text, readAs, path: [] };
  }
  const isList = Array.isArray(tree);
  const below = tree instanceof Map ? tree : isList ? tree.entries() : [];
  for (const [name, member] of below) {
    const found = inexactNumber(member);
    if (found !== undefined) return { ...found, path: [String(name), ...found.path] };
  }
  return undefined;
}

/** Of names that whoever sent the text chose. */
const placeLengthMax = 200;

export function inexactText({ text, readAs, path }: FoundNumber): string {
  const place = JSON.stringify(path.join(".").slice(0, placeLengthMax));
  return `the number ${text.slice(0, 40)} of ${place} would be read as ${readAs}`;
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
