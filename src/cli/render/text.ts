// Text made safe for a terminal. Paths, commands and reasons are chosen by the watched program:
// what it wrote into a file name must not move the cursor, retitle the window or hide a row.

/** Controls, line and paragraph separators, and the invisible marks that reorder or join text. */
const unsafe = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** Control characters as `\n`, `\x1b` or `\u{202e}`; a lone surrogate becomes U+FFFD. */
export function escapeControls(text: string, keep: { keepNewlines?: true } = {}): string {
  return text.toWellFormed().replace(unsafe, (mark) => {
    if (mark === "\n" && keep.keepNewlines === true) return mark;
    if (mark === "\n") return "\\n";
    if (mark === "\t") return "\\t";
    if (mark === "\r") return "\\r";
    const code = mark.codePointAt(0) ?? 0;
    if (code < 0x100) return `\\x${code.toString(16).padStart(2, "0")}`;
    return `\\u{${code.toString(16)}}`;
  });
}
