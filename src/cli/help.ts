// Help of one command as plain text of at most 80 columns, from its specification.

import { type CommandSpec, type FlagSpec, placeholder } from "./args.ts";

const widthMax = 80;
/** Terms longer than this get their explanation on the next line. */
const termMax = 26;

export function renderHelp(spec: CommandSpec): string {
  const sections = [
    `${wrap(spec.summary, 0)}\n`,
    `Usage:\n  ${spec.program ?? "aegis"} ${usageOf(spec)}\n`,
  ];
  const operands = Object.entries(spec.operands).map(
    ([name, { summary }]) => [name, summary] as const,
  );
  if (operands.length > 0) sections.push(`Arguments:\n${renderTerms(operands)}`);
  sections.push(`Flags:\n${renderTerms([...flagTerms(spec), ["-h, --help", "Show this help"]])}`);
  for (const note of spec.notes ?? []) sections.push(`${wrap(note, 0)}\n`);
  const title = spec.examples.length > 1 ? "Examples" : "Example";
  sections.push(`${title}:\n${spec.examples.map((line) => `  ${line}\n`).join("")}`);
  return sections.join("\n");
}

/** `run [FLAGS] -- CMD...`, without `aegis`. */
export function usageOf(spec: CommandSpec): string {
  const parts = spec.name === "" ? [] : [spec.name];
  if (Object.keys(spec.flags).length > 0) parts.push("[FLAGS]");
  for (const [name, operand] of Object.entries(spec.operands))
    parts.push(operand.required ? name : `[${name}]`);
  if (spec.launches) parts.push(spec.isCommandOptional === true ? "[-- CMD...]" : "-- CMD...");
  return parts.join(" ");
}

/** Flag as shown and what it does, one pair per flag. */
export function flagTerms(spec: CommandSpec): (readonly [string, string])[] {
  return Object.entries(spec.flags).map(([name, flag]) => {
    const short = "short" in flag && flag.short !== undefined ? `-${flag.short}, ` : "";
    const value = flag.kind === "switch" ? switchValue(flag) : ` ${placeholder(flag)}`;
    const text = `${flag.summary}${choicesOf(flag)}${defaultOf(flag)}`;
    return [`${short}--${name}${value}`, text] as const;
  });
}

function switchValue({ isOverFile }: FlagSpec & { readonly kind: "switch" }): string {
  return isOverFile === true ? "[=true|false]" : "";
}

function choicesOf(flag: FlagSpec): string {
  const isListed = flag.kind === "choice" && flag.value !== undefined;
  return isListed ? `: ${flag.choices.join(", ")}` : "";
}

function defaultOf(flag: FlagSpec): string {
  if (flag.kind === "list") return " (repeatable)";
  if (flag.kind === "switch" || flag.default === undefined) return "";
  return ` (default: ${flag.default})`;
}

/** Two columns; what does not fit wraps under its own column. */
export function renderTerms(terms: readonly (readonly [string, string])[]): string {
  const fitting = terms.map(([term]) => term.length).filter((length) => length <= termMax);
  const column = Math.max(...fitting, 8) + 4;
  return terms
    .map(([term, text]) => {
      const body = wrap(text, column).trimStart();
      const head = `  ${term}`;
      if (head.length + 2 <= column) return `${head.padEnd(column)}${body}\n`;
      return `${head}\n${" ".repeat(column)}${body}\n`;
    })
    .join("");
}

function wrap(text: string, indent: number): string {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && indent + line.length + 1 + word.length > widthMax) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  lines.push(line);
  return lines.map((each) => " ".repeat(indent) + each).join("\n");
}
