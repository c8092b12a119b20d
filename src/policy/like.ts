// Cedar's `like`: literal pieces with `*` between them, where `*` stands for any text, slashes
// included.

/** True when `text` is the pieces in order, with anything between them ("a*b" is ["a", "b"]). */
export function isLike(parts: readonly string[], text: string): boolean {
  const count = parts.length;
  const first = parts[0] ?? "";
  if (count < 2) return text === first;
  const last = parts[count - 1] ?? "";
  if (text.length < first.length + last.length) return false;
  if (!text.startsWith(first) || !text.endsWith(last)) return false;
  // The leftmost place for each piece leaves most room for those after it, so no other choice has
  // to be tried.
  const end = text.length - last.length;
  let at = first.length;
  for (let index = 1; index < count - 1; index += 1) {
    const part = parts[index] ?? "";
    const found = text.indexOf(part, at);
    if (found < 0 || found + part.length > end) return false;
    at = found + part.length;
  }
  return true;
}

/** Pieces without those that change nothing: two stars in a row are one. */
export function simplifyParts(parts: readonly string[]): readonly string[] {
  return parts.filter((part, index) => part !== "" || index === 0 || index === parts.length - 1);
}
