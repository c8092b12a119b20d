// Paths as policies write them. A path is absolute and normalised, or starts with a folder that is
// only known when a command starts: `$workspace`, `$home` (also `~`) and `$tmp`. Anything else
// could never match and is refused with the reason.

import { absPath, contains } from "../base/paths.ts";
import { err, ok, type Result } from "../base/result.ts";

/** The folders of Cedar's `context`, canonical: absolute, normalised, links resolved. */
export interface Places {
  readonly workspace: string;
  readonly home: string;
  /** Private to the run. */
  readonly tmp: string;
}

export interface PathProblem {
  readonly message: string;
  readonly hint: string;
}

const placeNames = ["workspace", "home", "tmp"] as const;
export type PlaceName = (typeof placeNames)[number];

export function isPlaceName(name: string): name is PlaceName {
  return placeNames.some((place) => place === name);
}

/** The path a literal of a policy stands for. */
export function bindPath(text: string, places: Places): Result<string, PathProblem> {
  const bound = bindPrefix(text, places);
  if (!bound.ok) return bound;
  const path = absPath(bound.value);
  if (path === bound.value) return ok(path);
  if (path === undefined) return err(relative(text));
  return err({
    message: `Path "${text}" can never match: it is not normalised`,
    hint: `write "${path}"`,
  });
}

/** The same for the literal pieces of a `like` pattern. */
export function bindPattern(
  parts: readonly string[],
  places: Places,
): Result<readonly string[], PathProblem> {
  const [first = "", ...rest] = parts;
  if (rest.length === 0) {
    const exact = bindPath(first, places);
    return exact.ok ? ok([exact.value]) : exact;
  }
  const bound = first === "" ? ok(first) : bindPrefix(first, places);
  if (!bound.ok) return bound;
  const pattern = parts.join("*");
  if (first !== "" && !bound.value.startsWith("/")) return err(relative(pattern));
  const pieces = [bound.value, ...rest];
  const hasEmptyStep = pieces.some((piece) => /\/\/|\/\.{1,2}\//.test(piece));
  if (hasEmptyStep || /\/\.{0,2}$/.test(pieces.at(-1) ?? ""))
    return err({
      message: `Pattern "${pattern}" can never match: paths have no "//", "." or ".."`,
      hint: "write the path as it is after all links and dots are resolved",
    });
  return ok(pieces);
}

/**
 * A star in a path is one of its name: only `like` reads patterns. A forbid with one would hold for
 * a file that hardly anybody has, and for nothing that was meant.
 */
export function starProblem(text: string): PathProblem | undefined {
  if (!text.includes("*")) return undefined;
  const pattern = /^[/~$*]/.test(text) ? text : `$workspace/${text}`;
  return {
    message: `Path "${text}" is a name with a star in it, no pattern`,
    hint: `write resource.path like "${pattern}" for a pattern, with \\* in it for a star itself`,
  };
}

/**
 * Why a permit must not follow a link: commands of an earlier run could write the workspace, so a
 * link in there that leads out of it may be theirs.
 */
export function strayingLink(
  path: string,
  { workspace, tmp }: Places,
  linkTarget: (path: string) => string | undefined,
): PathProblem | undefined {
  const target = linkTarget(path);
  const isInside = (where: string): boolean => contains(workspace, where) || contains(tmp, where);
  if (target === undefined || !isInside(path) || isInside(target)) return undefined;
  return {
    message: `Path "${path}" is a link that leads out of the workspace, to "${target}"`,
    hint: `name "${target}" itself if that is meant`,
  };
}

function bindPrefix(text: string, places: Places): Result<string, PathProblem> {
  if (text !== "~" && !text.startsWith("~/") && !text.startsWith("$")) return ok(text);
  const slash = text.indexOf("/");
  const prefix = slash < 0 ? text : text.slice(0, slash);
  const rest = slash < 0 ? "" : text.slice(slash);
  const name = prefix === "~" ? "home" : prefix.slice(1);
  if (!isPlaceName(name))
    return err({
      message: `Path "${text}" starts with "${prefix}", which is no folder a policy knows`,
      hint: 'use "$workspace", "$home" or "$tmp", or an absolute path',
    });
  const place = places[name];
  return ok(place === "/" && rest !== "" ? rest : `${place}${rest}`);
}

function relative(text: string): PathProblem {
  return {
    message: `Path "${text}" can never match: it is not absolute`,
    hint: `write "$workspace/${text.replace(/^(\.\/)+/, "")}" for a path in the workspace`,
  };
}
