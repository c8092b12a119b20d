// Source text without its comments, line by line, for a search that should not report what no
// machine runs. Where it is unclear whether something is a comment it stays: better one finding too
// many. Input is anybody's code. Pure.

type Marks = "hash" | "slashes" | "both";

const marksOf: Readonly<Record<string, Marks>> = {
  ".py": "hash",
  ".sh": "hash",
  ".bash": "hash",
  ".rb": "hash",
  ".js": "slashes",
  ".ts": "slashes",
  ".go": "slashes",
  ".php": "both",
};

export const scannedExtensions: readonly string[] = Object.keys(marksOf);

/** As many lines as the text has; comments are cut out of them. */
export function withoutComments(text: string, extension: string): readonly string[] {
  const marks = marksOf[extension] ?? "hash";
  const lines = text.split(/\r\n|\r|\n/);
  if (extension === ".py") return withoutDocstrings(lines, text).map(withoutHash);
  if (marks === "hash") return lines.map(withoutHash);
  return withoutSlashes(lines.join("\n"), marks === "both").split("\n");
}

const docstringOwner = /^\s*(?:async\s+def|def|class)\s[^#]*:\s*$/;
const docstringStart = /^\s*(?:"""|''')/;

/**
 * A text in three quotation marks that stands alone, first in a file or right below `def` or
 * `class`, is for people. Not where the file reads such texts, because it may run them; and not
 * behind another text of that kind, which may hold such lines itself.
 */
function withoutDocstrings(lines: readonly string[], text: string): readonly string[] {
  if (/__doc__|\bgetdoc\b/.test(text)) return lines;
  const kept = [...lines];
  let before: string | undefined;
  for (let at = 0; at < kept.length; at++) {
    const line = kept[at] ?? "";
    const isPlain = line.trim() !== "" && !line.trimStart().startsWith("#");
    const opening = docstringStart.exec(line)?.[0];
    if (opening !== undefined && (before === undefined || docstringOwner.test(before))) {
      at = cutDocstring(kept, at, opening);
      before = kept[at] ?? "";
    } else if (isPlain) before = line;
    if (/"""|'''/.test(kept[at] ?? "")) break;
  }
  return kept;
}

/** @returns the line it ends in; what is never closed stays as it is */
function cutDocstring(lines: string[], from: number, opening: string): number {
  const marks = opening.trim();
  for (let at = from; at < lines.length; at++) {
    const line = lines[at] ?? "";
    const end = line.indexOf(marks, at === from ? opening.length : 0);
    if (end < 0) continue;
    for (let cut = from; cut < at; cut++) lines[cut] = "";
    lines[at] = line.slice(end + marks.length);
    return at;
  }
  return from;
}

/** `#` begins a comment at the start of a word, outside quotation marks that close before it. */
function withoutHash(line: string): string {
  let quote = "";
  for (let at = 0; at < line.length; at++) {
    const letter = line[at] ?? "";
    if (letter === "\\") at++;
    else if (quote !== "") quote = letter === quote ? "" : quote;
    else if (letter === "#" && (at === 0 || /\s/.test(line[at - 1] ?? "")))
      return line.slice(0, at);
    else if (letter === '"' || letter === "'" || letter === "`") quote = letter;
  }
  return line;
}

/** What begins a token at this place, and how far it goes. */
const tokens =
  /"(?:[^"\\\n]|\\[\s\S])*["\n]?|'(?:[^'\\\n]|\\[\s\S])*['\n]?|`(?:[^`\\]|\\[\s\S])*`?|(\/\/[^\n]*|\/\*[\s\S]*?\*\/)|(#[^\n]*)|(\/(?![/*])(?:[^/\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/)|[^"'`/#]+|[\s\S]/g;

function withoutSlashes(text: string, hasHash: boolean): string {
  let kept = "";
  tokens.lastIndex = 0;
  for (let found = tokens.exec(text); found !== null; found = tokens.exec(text)) {
    const [whole, slashes, hash, expression] = found;
    if (slashes !== undefined || (hash !== undefined && hasHash)) {
      const [comment, code] = closedByTag(whole, hasHash);
      kept += comment.replace(/[^\n]+/g, " ");
      tokens.lastIndex -= code.length;
    } else if (expression !== undefined && !isExpression(kept, expression, text)) {
      // A division: only its sign is taken, the rest may hold a string or a comment.
      kept += "/";
      tokens.lastIndex -= expression.length - 1;
    } else if (hash !== undefined) {
      kept += "#";
      tokens.lastIndex -= hash.length - 1;
    } else kept += whole;
  }
  return kept;
}

/** In PHP a comment of one line also ends where the code does. */
function closedByTag(comment: string, isPhp: boolean): readonly [string, string] {
  const end = isPhp && !comment.startsWith("/*") ? comment.indexOf("?>") : -1;
  return end < 0 ? [comment, ""] : [comment.slice(0, end), comment.slice(end)];
}

/**
 * By what stands before it; after a bracket, which may end a condition as well as a number, by what
 * a division has not. Taking one for a division would make a comment of `//` inside it, and of all
 * that follows in its line: of a whole program where that is short of line breaks.
 */
function isExpression(before: string, expression: string, text: string): boolean {
  if (expression.includes("\\/") || mayBeginExpression(before)) return true;
  const after = text.slice(tokens.lastIndex, tokens.lastIndex + 20);
  return /^[a-z]{0,8}\.(?:test|exec)\(/.test(after);
}

const wordsBefore =
  /(?<![\w$.])(?:return|typeof|case|in|of|delete|void|throw|new|else|do|await|yield|instanceof)$/;

function mayBeginExpression(before: string): boolean {
  const close = before.slice(-200).trimEnd();
  const last = close.at(-1);
  if (last === undefined || "(,=:[!&|?{};+-*%<>~^".includes(last)) return true;
  return wordsBefore.test(close);
}
