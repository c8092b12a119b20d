// What is shown of an error at the end of the log of a run, where somebody may see nothing else:
// the message and what differs, and never more than a few lines.

const linesMax = 14;
const columnsMax = 160;

/** @param keep which end of a long text says what happened */
export function errorLines(text: string, keep: "start" | "end"): readonly string[] {
  const lines = Bun.stripANSI(text)
    .split("\n")
    .map((line) => (line.length > columnsMax ? `${line.slice(0, columnsMax - 1)}…` : line))
    .filter((line) => line.trim() !== "");
  if (lines.length <= linesMax) return lines;
  if (keep === "end") return lines.slice(-linesMax);
  const [first = "", ...rest] = lines;
  // Of two values that differ, only where they do.
  const differing = rest.filter((line) => /^[-+] /.test(line));
  const shown = (differing.length > 0 ? differing : rest).slice(0, linesMax - 3);
  return [first, ...shown, "…", lines.at(-1) ?? ""];
}

/** What a run printed from where it began with `file` to where it began with the next one. */
export function sectionOf(output: string, file: string): string {
  const lines = output.split("\n");
  const start = lines.indexOf(`${file}:`);
  if (start < 0) return "";
  const end = lines.findIndex((line, at) => at > start && /^\S+\.test\.ts:$/.test(line));
  return lines.slice(start + 1, end < 0 ? undefined : end).join("\n");
}
