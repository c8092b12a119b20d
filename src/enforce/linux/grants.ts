// From capabilities to sets of paths per action: what is granted, what is forbidden, with every
// link resolved. The effect of forbids on grants is in holes.ts; what a kernel rule can hold of the
// result in landlock.ts and mounts.ts.

import { type AbsPath, contains, parentOf, resolvePath } from "../../base/paths.ts";
import type { Atom, Capability, Origin, PathAction } from "../../model/capability.ts";
import { pathActions } from "../../model/capability.ts";
import { isLike } from "../../policy/like.ts";
import type { DiskView } from "./disk-view.ts";
import type { Finding } from "./finding.ts";
import {
  covers,
  everything,
  intersect,
  isPathAtom,
  mayMatch,
  meaningOf,
  overlaps,
  type Shape,
} from "./shape.ts";

/** One action on one set of paths, without the sets in `except`. */
export interface Region {
  readonly action: PathAction;
  readonly shape: Shape;
  readonly except: readonly Shape[];
  readonly origin: Origin;
}

/** A forbid whose paths no mount or Landlock rule can name. */
export interface GlobBan {
  readonly action: PathAction;
  readonly parts: readonly string[];
  readonly origin: Origin;
}

export interface Regions {
  readonly grants: readonly Region[];
  readonly bans: readonly Region[];
  readonly globBans: readonly GlobBan[];
  readonly findings: readonly Finding[];
}

export function regionsOf(capabilities: readonly Capability[], disk: DiskView): Regions {
  const found: Found = { grants: [], bans: [], globBans: [], findings: [], linked: [] };
  for (const capability of capabilities) addCapability(found, capability, disk);
  checkLinks(found);
  return found;
}

interface Found {
  readonly grants: Region[];
  readonly bans: Region[];
  readonly globBans: GlobBan[];
  readonly findings: Finding[];
  /** Grants whose path was reached through links. */
  readonly linked: LinkedGrant[];
}

interface LinkedGrant {
  readonly region: Region;
  readonly asked: AbsPath;
  readonly links: readonly AbsPath[];
}

type Pattern = { readonly parts: readonly string[]; readonly negated: boolean };

interface Clause {
  readonly base: Shape;
  readonly except: readonly Shape[];
  readonly patterns: readonly Pattern[];
  /**
   * Places of links that were given as paths; forbids hold for the name as well as for what it
   * leads to.
   */
  readonly linkNames: readonly Shape[];
  readonly asked: AbsPath;
  readonly links: readonly AbsPath[];
}

function addCapability(found: Found, capability: Capability, disk: DiskView): void {
  const actions = pathActions.filter((action) => capability.actions.includes(action));
  if (actions.length === 0) return;
  const clause = clauseOf(capability.where, disk);
  if (clause === undefined) return;
  if (capability.effect === "permit") addPermit(found, capability, actions, clause);
  else addForbid(found, capability, actions, clause);
}

function addPermit(
  found: Found,
  { origin }: Capability,
  actions: readonly PathAction[],
  clause: Clause,
): void {
  const pattern = clause.patterns[0];
  if (pattern !== undefined) {
    found.findings.push({
      origin,
      message: `${actions.join(", ")} cannot be granted by the pattern ${quoted(pattern)}`,
      hint: 'grant a folder (resource in Aegis::Resource::"/dir") or one path instead of a pattern',
    });
    return;
  }
  for (const action of actions) {
    const region = { action, shape: clause.base, except: clause.except, origin };
    found.grants.push(region);
    if (clause.links.length > 0) {
      found.linked.push({ region, asked: clause.asked, links: clause.links });
    }
  }
}

function addForbid(
  found: Found,
  { origin }: Capability,
  actions: readonly PathAction[],
  clause: Clause,
): void {
  for (const action of actions) {
    for (const { parts } of clause.patterns) found.globBans.push({ action, parts, origin });
    if (clause.patterns.length > 0) continue;
    for (const shape of [clause.base, ...clause.linkNames]) {
      const except = clause.except.filter((hole) => overlaps(hole, shape));
      found.bans.push({ action, shape, except, origin });
    }
  }
}

/**
 * Undefined when no path satisfies the clause. An atom on a host or a port does not hold for a
 * path, so its negation does.
 */
function clauseOf(where: readonly Atom[], disk: DiskView): Clause | undefined {
  let base: Shape = everything;
  const except: Shape[] = [];
  const patterns: Pattern[] = [];
  const linkNames: Shape[] = [];
  const links: AbsPath[] = [];
  let asked = everything.path;
  for (const atom of where) {
    if (!isPathAtom(atom)) {
      if (atom.negated) continue;
      return;
    }
    const meaning = meaningOf(atom);
    if (meaning.kind === "nothing") {
      if (atom.negated) continue;
      return;
    }
    if (meaning.kind === "glob") {
      patterns.push({ parts: meaning.parts, negated: atom.negated });
      continue;
    }
    const fact = disk.look(meaning.shape.path);
    const shape: Shape = { kind: meaning.shape.kind, path: fact.place };
    if (atom.negated) {
      except.push(shape);
      continue;
    }
    const common = intersect(base, shape);
    if (common === undefined) return;
    if (common === shape) {
      asked = meaning.shape.path;
      links.push(...fact.links);
      const name = namePlace(asked, disk);
      if (fact.links.includes(name)) linkNames.push({ kind: "exact", path: name });
    }
    base = common;
  }
  return settle({ base, except, patterns, linkNames, asked, links });
}

/**
 * Decides patterns that one exact path answers, and drops exceptions and patterns that concern no
 * path of the clause.
 */
function settle(clause: Clause): Clause | undefined {
  const { base } = clause;
  if (clause.except.some((shape) => covers(shape, base))) return undefined;
  const except = clause.except.filter((shape) => overlaps(shape, base));
  const patterns: Pattern[] = [];
  for (const pattern of clause.patterns) {
    if (base.kind === "exact") {
      if (isLike(pattern.parts, base.path) === pattern.negated) return undefined;
    } else if (mayMatch(pattern.parts, base)) patterns.push(pattern);
    else if (!pattern.negated) return undefined;
  }
  return { ...clause, except, patterns };
}

/** Where the name `path` lies, links of its parents resolved, itself not followed. */
function namePlace(path: AbsPath, disk: DiskView): AbsPath {
  const folder = disk.look(parentOf(path)).place;
  return resolvePath(folder, path.slice(path.lastIndexOf("/") + 1));
}

/**
 * A link that the box could replace must not decide what the next box may reach: an agent would
 * point it at the home directory and wait. Where such a link only leads to what is granted anyway,
 * it does no harm.
 */
function checkLinks(found: Found): void {
  const changeable = found.grants.filter(({ action }) => changingActions.has(action));
  for (const { region, asked, links } of found.linked) {
    const link = links.find((place) => {
      const folder = parentOf(place);
      return changeable.some(({ shape }) => shape.kind !== "exact" && contains(shape.path, folder));
    });
    if (link === undefined) continue;
    const harmless = found.grants.some(
      (other) =>
        other !== region && other.action === region.action && covers(other.shape, region.shape),
    );
    if (harmless) continue;
    found.findings.push({
      origin: region.origin,
      message:
        `${region.action} of "${asked}" leads to "${region.shape.path}" through the link "${link}", ` +
        "which the policy lets be changed",
      hint: `grant "${region.shape.path}" itself`,
    });
  }
}

const changingActions: ReadonlySet<PathAction> = new Set(["FileWrite", "FileDelete", "DirCreate"]);

function quoted({ parts, negated }: Pattern): string {
  return `${negated ? "not " : ""}"${parts.join("*")}"`;
}
