// TOML text to values, with the positions Bun's parser does not give. The text may be written by
// anybody who may edit a configuration file.

import { AegisError } from "../base/errors.ts";
import type { DecodePath, Decoder, Problem } from "./decode.ts";

/**
 * Parses and decodes; every problem is named with its line.
 * @throws {AegisError} `config/invalid`
 */
export function readToml<T>(source: string, content: string, decode: Decoder<T>): T {
  const value = parse(source, content);
  const problems: Problem[] = [];
  const decoded = decode(value, [], problems);
  if (decoded !== undefined && problems.length === 0) return decoded;
  const lines = problems.map(({ path, message }) => {
    const { line, column } = position(content, path);
    return `${source}:${line}:${column}: ${keyText(path)} ${message}`;
  });
  throw new AegisError("config/invalid", `Cannot use the configuration: ${lines.join("; ")}`, {
    hint: "correct the named keys, for instance with `aegis config edit`",
  });
}

function parse(source: string, content: string): unknown {
  const readable = markNulls(content);
  try {
    return Bun.TOML.parse(readable);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message.replace(/^TOML Parse error: /, "") : "";
    const line = brokenLine(readable);
    throw new AegisError(
      "config/invalid",
      `Cannot read the configuration: ${source}:${line}: ${why}`,
      {
        hint: "correct the line, for instance with `aegis config edit`",
        cause,
      },
    );
  }
}

/**
 * Replaces a bare `null` after `=` by `+inf`, which is as long and stands for "absent" (decode.ts):
 * the documented example configuration writes `profile_overrides = null`.
 */
function markNulls(content: string): string {
  const tokens = /"""[\s\S]*?"""|'''[\s\S]*?'''|"(?:\\.|[^"\\\n])*"|'[^'\n]*'|#[^\n]*|=\s*null\b/g;
  return content.replace(tokens, (token) =>
    token.startsWith("=") ? token.replace(/null$/, "+inf") : token,
  );
}

/** The line after the longest prefix of whole lines that still parses, 1-based. */
function brokenLine(content: string): number {
  const lines = content.split("\n");
  for (let count = lines.length - 1; count > 0; count--) {
    if (parses(lines.slice(0, count).join("\n"))) return count + 1;
  }
  return 1;
}

function parses(content: string): boolean {
  try {
    Bun.TOML.parse(content);
    return true;
  } catch {
    // ignored: the answer is all that is asked
    return false;
  }
}

/** Where the key of `path` is written, or the nearest table around it; 1-based. */
function position(content: string, path: DecodePath): { line: number; column: number } {
  let best = { line: 1, column: 1, depth: 0 };
  let header: DecodePath = [];
  const occurrences = new Map<string, number>();
  for (const [index, line] of content.split("\n").entries()) {
    const opened = /^\s*(\[\[?)\s*([^\]]+?)\s*\]/.exec(line);
    const key = /^\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=/.exec(
      line,
    );
    let here: DecodePath | undefined;
    if (opened !== null) {
      const name = keyParts(opened[2] ?? "");
      header = opened[1] === "[[" ? [...name, nextIndex(occurrences, name)] : name;
      here = header;
    } else if (key !== null) here = [...header, ...keyParts(key[1] ?? "")];
    if (here !== undefined && here.length > best.depth && isPrefix(here, path))
      best = { line: index + 1, column: line.search(/\S/) + 1, depth: here.length };
  }
  return best;
}

function nextIndex(occurrences: Map<string, number>, name: DecodePath): number {
  const id = name.join("\0");
  const index = occurrences.get(id) ?? 0;
  occurrences.set(id, index + 1);
  return index;
}

function keyParts(dotted: string): string[] {
  const parts = dotted.match(/[\w-]+|"[^"]*"|'[^']*'/g) ?? [];
  return parts.map((part) => part.replaceAll(/^["']|["']$/g, ""));
}

function isPrefix(short: DecodePath, long: DecodePath): boolean {
  return short.every((part, index) => part === long[index]);
}

function keyText(path: DecodePath): string {
  if (path.length === 0) return "the file";
  const parts = path.map((part) => (typeof part === "number" ? `[${part}]` : `.${part}`));
  return `"${parts.join("").replace(/^\./, "")}"`;
}
