// What a front-end has to say about a text it was given. Diagnostics are values: a compiler returns
// all of them at once.

import type { Origin } from "../model/capability.ts";

export interface Diagnostic {
  /** An error stops the compilation; a warning comes with its result. */
  readonly severity: "error" | "warning";
  /** Name of the policy source. */
  readonly file: string;
  /** 1-based; 0 when there is no text (a flag). Columns count characters. */
  readonly line: number;
  readonly column: number;
  /** Id of the policy it is about, empty when the text did not get as far as having one. */
  readonly rule: string;
  readonly message: string;
  /** The smallest fix, empty when the message says it all. */
  readonly hint: string;
}

/** `file:line:column: error: message`, followed by the rule where there is one. */
export function diagnosticText(diagnostic: Diagnostic): string {
  const { file, line, column, severity, rule, message } = diagnostic;
  const place = line === 0 ? file : `${file}:${line}:${column}`;
  return `${place}: ${severity}: ${message}${rule === "" ? "" : ` (rule "${rule}")`}`;
}

/** An error at the place a rule came from. */
export function errorAt(origin: Origin, message: string, hint = ""): Diagnostic {
  return { ...placeOf(origin), severity: "error", message, hint };
}

export function warningAt(origin: Origin, message: string, hint = ""): Diagnostic {
  return { ...placeOf(origin), severity: "warning", message, hint };
}

export function isError(diagnostic: Diagnostic): boolean {
  return diagnostic.severity === "error";
}

function placeOf(origin: Origin): Pick<Diagnostic, "file" | "line" | "column" | "rule"> {
  return { file: origin.source, line: origin.line, column: origin.column, rule: origin.rule };
}
