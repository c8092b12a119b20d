// JSON for `--json`: indented, and safe to look at in a terminal without changing what it says.

/** Indented. */
export function jsonText(value: unknown): string {
  return `${escapeJson(JSON.stringify(value, undefined, 2))}\n`;
}

/** On one line. */
export function jsonLine(value: unknown): string {
  return `${escapeJson(JSON.stringify(value))}\n`;
}

/**
 * JSON with controls and marks that reorder text as `\uXXXX`: another spelling of the same value.
 */
export function escapeJson(text: string): string {
  return text.replace(/(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, escapeMark);
}

function escapeMark(mark: string): string {
  return Array.from(
    { length: mark.length },
    (_, at) => `\\u${mark.charCodeAt(at).toString(16).padStart(4, "0")}`,
  ).join("");
}
