// Where values stand in a JSON text, so that a diagnostic about one can point at it. Reads only
// texts JSON.parse accepted.

/** Path of a value, e.g. `permissions.fs.read_roots.0`, to the offset of its first character. */
export type ValueOffsets = ReadonlyMap<string, number>;

const token = /"(?:[^"\\]|\\.)*"|[{}[\]:,]|[^\s{}[\]:,"]+/g;

interface Level {
  readonly path: string;
  readonly isArray: boolean;
  /** Name or number of the value that comes next. */
  key: string;
}

export function locateValues(json: string): ValueOffsets {
  const offsets = new Map<string, number>();
  const levels: Level[] = [];
  let isKey = false;
  for (const { 0: text, index } of json.matchAll(token)) {
    const level = levels.at(-1);
    if (text === "}" || text === "]") {
      levels.pop();
      isKey = false;
    } else if (text === ",") {
      if (level?.isArray) level.key = String(Number(level.key) + 1);
      isKey = level !== undefined && !level.isArray;
    } else if (text === ":") isKey = false;
    else if (isKey && level !== undefined) level.key = String(JSON.parse(text));
    else {
      const path = level === undefined ? "" : pathBelow(level);
      offsets.set(path, index);
      if (text === "{" || text === "[") levels.push({ path, isArray: text === "[", key: "0" });
      isKey = text === "{";
    }
  }
  return offsets;
}

function pathBelow({ path, key }: Level): string {
  return path === "" ? key : `${path}.${key}`;
}
