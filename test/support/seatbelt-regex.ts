// Regular expressions as Seatbelt has them: bytes, not characters; searched for anywhere; no
// counts, no shorthand classes. The expression is checked against that subset, then handed to
// JavaScript's engine over strings of one character a byte.

/** A test for paths. @throws Error when the expression uses anything outside the subset */
export function seatbeltRegex(source: string): (path: string) => boolean {
  const bytes = toBytes(source);
  checkSubset(bytes);
  const compiled = new RegExp(bytes);
  return (path) => compiled.test(toBytes(path));
}

function toBytes(text: string): string {
  return Buffer.from(text, "utf8").toString("latin1");
}

/** Special characters may be escaped; nothing else may. */
const special = /[\\^$.|?*+()[\]{}]/;

function checkSubset(bytes: string): void {
  let depth = 0;
  let canRepeat = false;
  for (let at = 0; at < bytes.length; at++) {
    const char = bytes[at] ?? "";
    if (char === "\\") {
      at += 1;
      if (!special.test(bytes[at] ?? "")) throw unsupported(bytes, at, "an escape");
      canRepeat = true;
    } else if (char === "[") {
      at = checkClass(bytes, at);
      canRepeat = true;
    } else if (char === "(") {
      depth += 1;
      canRepeat = false;
    } else if (char === ")") {
      depth -= 1;
      if (depth < 0) throw unsupported(bytes, at, "a closing parenthesis");
      canRepeat = true;
    } else if (char === "*" || char === "+" || char === "?") {
      if (!canRepeat) throw unsupported(bytes, at, "a repetition of nothing");
      canRepeat = false;
    } else if (char === "{" || char === "}" || char === "]") {
      throw unsupported(bytes, at, "a bare bracket");
    } else {
      canRepeat = char !== "|" && char !== "^" && char !== "$";
    }
  }
  if (depth !== 0) throw unsupported(bytes, bytes.length, "an open parenthesis");
}

/** Classes hold single ASCII bytes and ranges of them. Gives the place of the closing bracket. */
function checkClass(bytes: string, from: number): number {
  const match = /^\[\^?[\x20-\x5a\x5f-\x7e]+\]/.exec(bytes.slice(from));
  if (match === null) throw unsupported(bytes, from, "a class");
  return from + match[0].length - 1;
}

function unsupported(bytes: string, at: number, what: string): Error {
  return new Error(`Seatbelt's expressions have no such thing: ${what} at ${at} of ${bytes}`);
}
