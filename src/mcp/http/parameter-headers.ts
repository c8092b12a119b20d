// Headers that repeat arguments (`Mcp-Param-…`), where a person changed the arguments. Which header
// is which argument stands in the schema of a tool, which is not known here: it is the argument
// that has its value. Where that cannot be told, or nothing is left to repeat, the header goes, and
// a server that wants it refuses the call. Pure.

import { type JsonTree, NumberText } from "../../base/json-text.ts";

export const parameterPrefix = "mcp-param-";

/** @returns what the header is to say; undefined: nothing */
export function editedParameter(
  value: string,
  before: JsonTree,
  after: JsonTree,
): string | undefined {
  const places = textsOf(before).filter(([, text]) => text === value);
  const now = new Map(textsOf(after));
  const [said, ...others] = new Set(places.map(([place]) => now.get(place)));
  return others.length === 0 ? said : undefined;
}

/** Every text, number and truth value below, by its place. */
function textsOf(tree: JsonTree, place = ""): [string, string][] {
  if (typeof tree === "string") return [[place, tree]];
  if (typeof tree === "boolean") return [[place, String(tree)]];
  if (tree instanceof NumberText) return [[place, tree.text]];
  if (!(tree instanceof Map)) return [];
  return [...tree].flatMap(([name, value]) => textsOf(value, `${place}/${JSON.stringify(name)}`));
}
