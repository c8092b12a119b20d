// Text made safe for a terminal. Paths, commands and reasons are chosen by the watched program:
// what it wrote into a file name must not move the cursor, retitle the window or hide a row.

/** Controls, line and paragraph separators, and the invisible marks that reorder or join text. */
const unsafe = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/**
 * Control characters as `\n`, `\x1b` or `\u{202e}`; a lone surrogate becomes U+FFFD.
 * @param lines which line breaks stay: those before an indented line cannot pass for a line of ours
 */
export function escapeControls(text: string, lines: "none" | "indented" | "all" = "none"): string {
  return text.toWellFormed().replace(unsafe, (mark, at: number, whole: string) => {
    if (mark === "\n" && staysIn(lines, whole.slice(at + 1, at + 3))) return mark;
    if (mark === "\n") return "\\n";
    if (mark === "\t") return "\\t";
    if (mark === "\r") return "\\r";
    const code = mark.codePointAt(0) ?? 0;
    if (code < 0x100) return `\\x${code.toString(16).padStart(2, "0")}`;
    return `\\u{${code.toString(16)}}`;
  });
}

function staysIn(lines: "none" | "indented" | "all", following: string): boolean {
  return lines === "all" || (lines === "indented" && following === "  ");
}
