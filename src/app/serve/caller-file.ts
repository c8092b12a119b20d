// Files that say who may call a server, and what each may do: a line `WHO ROLE TENANT NAME` for
// each caller. What WHO is, the kind of file says: keys.ts, peers.ts.

import { closeSync, constants, fstatSync, openSync, readFileSync } from "node:fs";
import { AegisError } from "../../base/errors.ts";
import type { AbsPath } from "../../base/paths.ts";

export const callerRoles = ["agent", "approver", "admin", "monitor"] as const;

/** What a line gives to whom it names. */
export interface Granted {
  readonly role: (typeof callerRoles)[number];
  /** Undefined, `*` in the file: every tenant. */
  readonly tenant: string | undefined;
  readonly name: string;
}

export interface CallerFile<Who> {
  /** Such as `key file`. */
  readonly name: string;
  /** How WHO is written, for messages. */
  readonly form: string;
  readonly hint: string;
  /** Undefined: it is written in another way. */
  readonly whoOf: (text: string) => Who | undefined;
  /** What is told of a line about whom an earlier one is as well. */
  readonly shownOf: (caller: Who & Granted) => string;
}

/** @throws {AegisError} `config/invalid` naming the line */
export function readCallers<Who extends object>(
  path: AbsPath,
  kind: CallerFile<Who>,
): readonly (Who & Granted)[] {
  const lines = readGuarded(path, kind).split("\n");
  const seen = new Set<string>();
  const callers = lines.flatMap((line, at) => {
    const text = line.trim();
    if (text === "" || text.startsWith("#")) return [];
    const caller = callerOf(text, kind);
    const [who = ""] = text.split(/\s+/, 1);
    if (caller !== undefined && !seen.has(who)) {
      seen.add(who);
      return [caller];
    }
    if (caller !== undefined) throw unusable(path, kind, `${kind.shownOf(caller)} is there twice`);
    const form = `"${kind.form} ${callerRoles.join("|")} TENANT|* NAME"`;
    throw unusable(path, kind, `line ${at + 1} is not ${form}`);
  });
  if (callers.length > 0) return callers;
  throw unusable(path, kind, "it names nobody");
}

export function unusable(
  path: AbsPath,
  { name, hint }: Pick<CallerFile<object>, "name" | "hint">,
  why: string,
): AegisError {
  return new AegisError("config/invalid", `Cannot use the ${name} "${path}": ${why}`, { hint });
}

function callerOf<Who extends object>(
  line: string,
  { whoOf }: CallerFile<Who>,
): (Who & Granted) | undefined {
  const [text = "", role, tenant = "", name = "", ...rest] = line.split(/\s+/);
  const known = callerRoles.find((one) => one === role);
  const who = whoOf(text);
  if (who === undefined || known === undefined) return undefined;
  if (tenant === "" || name === "" || rest.length > 0) return undefined;
  return { ...who, role: known, tenant: tenant === "*" ? undefined : tenant, name };
}

function readGuarded<Who>(path: AbsPath, kind: CallerFile<Who>): string {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY);
  } catch (cause) {
    throw unusable(path, kind, cause instanceof Error ? cause.message : String(cause));
  }
  try {
    if ((fstatSync(fd).mode & 0o022) !== 0) throw unusable(path, kind, "others may change it");
    return readFileSync(fd, "utf8");
  } finally {
    closeSync(fd);
  }
}
