// Regular expressions of Seatbelt (a byte-wise subset of POSIX extended ones, searched for anywhere
// in the path) for the patterns of policies. Nothing here relies on what `.` makes of a line break
// or on how classes treat letters of several bytes.

/** Any number of any bytes, a slash and a line break included. */
const anything = "([^/]|/)*";

/** How the fixed text of a pattern is written; `isStart`: nothing comes before it in the path. */
export type TextWriter = (text: string, isStart: boolean) => string;

/**
 * An expression that matches exactly the strings a `like` pattern matches; `parts`, at least two,
 * are the fixed pieces between its stars. `^` and `$` mean the two ends of the whole path.
 */
export function likeRegex(parts: readonly string[], write: TextWriter): string {
  const first = parts[0] ?? "";
  const last = parts.at(-1) ?? "";
  const inner = parts.slice(1, -1).filter((part) => part !== "");
  const start = first === "" ? [] : [`^${write(first, true)}`];
  const end = last === "" ? [] : [`${write(last, false)}$`];
  return [...start, ...inner.map((part) => write(part, false)), ...end].join(anything);
}

/** `text` and nothing else. */
export function exactText(text: string): string {
  return text.replaceAll(/[\\^$.|?*+()[\]{}]/g, "\\$&");
}

/**
 * Letters that one longer or foreign letter is folded to by Unicode, with those letters; longest
 * first.
 */
const ligatures: readonly (readonly [string, readonly string[]])[] = [
  ["ffi", ["\ufb03"]],
  ["ffl", ["\ufb04"]],
  ["ff", ["\ufb00"]],
  ["fi", ["\ufb01"]],
  ["fl", ["\ufb02"]],
  ["ss", ["\u00df", "\u1e9e"]],
  ["st", ["\ufb05", "\ufb06"]],
];
const lookalikes: Readonly<Record<string, string>> = { k: "\u212a", s: "\u017f" };

/**
 * `text` in every spelling a volume that ignores letter case and Unicode normal form takes for it.
 * It matches a little more than such a volume does, so it belongs only where matching more means
 * granting less.
 */
export function foldedText(text: string): string {
  const clusters = text.normalize("NFC").match(/\P{M}\p{M}*|\p{M}+/gu) ?? [];
  let source = "";
  for (let index = 0; index < clusters.length; ) {
    const run = ligatureRun(clusters, index);
    source += run === 0 ? foldedCluster(clusters[index] ?? "") : foldedRun(clusters, index, run);
    index += Math.max(run, 1);
  }
  return source;
}

/**
 * How many clusters from `index` on are tied together by overlapping ligatures; 0 when none starts
 * here.
 */
function ligatureRun(clusters: readonly string[], index: number): number {
  let end = index;
  for (let at = index; at === index || at < end; at++) {
    for (const [letters] of ligatures) {
      if (spells(clusters, at, letters)) end = Math.max(end, at + letters.length);
    }
    if (at >= end) break;
  }
  return end - index;
}

function spells(clusters: readonly string[], at: number, letters: string): boolean {
  return (
    clusters
      .slice(at, at + letters.length)
      .join("")
      .toLowerCase() === letters
  );
}

/** Every way to read a run with or without its ligatures: `ss` is two letters or one ß. */
function foldedRun(clusters: readonly string[], from: number, length: number): string {
  const ways: string[] = [];
  const walk = (at: number, source: string): void => {
    if (at === from + length) {
      ways.push(source);
      return;
    }
    walk(at + 1, source + foldedCluster(clusters[at] ?? ""));
    for (const [letters, glyphs] of ligatures) {
      if (at + letters.length > from + length || !spells(clusters, at, letters)) continue;
      walk(at + letters.length, `${source}(${glyphs.join("|")})`);
    }
  };
  walk(from, "");
  return `(${ways.join("|")})`;
}

function foldedCluster(cluster: string): string {
  const lower = cluster.toLowerCase();
  const upper = lower.toUpperCase();
  if (/^[a-z]$/.test(lower)) {
    const lookalike = lookalikes[lower];
    const pair = `[${lower}${upper}]`;
    return lookalike === undefined ? pair : `(${pair}|${lookalike})`;
  }
  const forms = [cluster, lower, upper].flatMap((form) => [form, form.normalize("NFD")]);
  const ways = [...new Set(forms)].map(exactText);
  // A letter whose capital is spelled differently (ß is SS) equals what that capital folds to,
  // too.
  const folded = upper.toLowerCase();
  if (folded !== lower) ways.push(foldedText(folded));
  return ways.length === 1 ? ways.join("") : `(${ways.join("|")})`;
}
