// JSON for `--json`: indented, and safe to look at in a terminal without changing what it says.

/** Controls beyond ASCII and marks that reorder text as `\uXXXX`; the value stays the same. */
export function jsonText(value: unknown): string {
  const text = JSON.stringify(value, undefined, 2);
  return `${text.replace(/(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, escapeMark)}\n`;
}

/** As `jsonText`, on one line. */
export function jsonLine(value: unknown): string {
  return `${JSON.stringify(value).replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, escapeMark)}\n`;
}

function escapeMark(mark: string): string {
  return Array.from(
    { length: mark.length },
    (_, at) => `\\u${mark.charCodeAt(at).toString(16).padStart(4, "0")}`,
  ).join("");
}
