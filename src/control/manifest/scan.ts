// Findings in one file's text. Pure; the walk over a folder is in app/.

import { withoutComments } from "./comments.ts";
import { patterns, type Severity } from "./patterns.ts";

/** Field names are those of the report. */
export interface Finding {
  readonly file: string;
  /** 1-based. */
  readonly line: number;
  readonly pattern: string;
  readonly snippet: string;
  readonly severity: Severity;
  readonly category: string;
}

const snippetSizeMax = 120;
/** A longer line is searched in pieces that overlap, so that no pattern takes long on it. */
const pieceSize = 4000;
const pieceOverlap = 1500;

export function scanText(file: string, text: string, extension: string): readonly Finding[] {
  const original = text.split(/\r\n|\r|\n/);
  return withoutComments(text, extension).flatMap((line, at) => {
    const snippet = shortened((original[at] ?? line).trim());
    return patterns
      .filter(({ expression }) => piecesOf(line).some((piece) => expression.test(piece)))
      .map(({ id, severity, category }) => ({
        file,
        line: at + 1,
        pattern: id,
        snippet,
        severity,
        category,
      }));
  });
}

function piecesOf(line: string): readonly string[] {
  if (line.length <= pieceSize) return [line];
  const pieces: string[] = [];
  for (let at = 0; at < line.length; at += pieceSize - pieceOverlap) {
    pieces.push(line.slice(at, at + pieceSize));
  }
  return pieces;
}

function shortened(text: string): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= snippetSizeMax) return text;
  return `${bytes
    .subarray(0, snippetSizeMax)
    .toString("utf8")
    .replace(/\ufffd$/, "")}…`;
}
