// From capabilities to sets of paths per action: what is granted, what is forbidden, with every
// link resolved. The effect of forbids on grants is in holes.ts; what a kernel rule can hold of the
// result in landlock.ts and mounts.ts.

import { type AbsPath, contains, parentOf } from "../../../base/paths.ts";
import type { Capability, Origin, PathAction } from "../../../model/capability.ts";
import { pathActions } from "../../../model/capability.ts";
import { isOfAgent } from "../../../policy/profiles.ts";
import type { Finding } from "../finding.ts";
import { type Clause, clauseOf, type Pattern } from "./clause.ts";
import type { DiskView } from "./disk-view.ts";
import { covers, type Shape } from "./shape.ts";

/** One action on one set of paths, without the sets in `except`. */
export interface Region {
  readonly action: PathAction;
  readonly shape: Shape;
  readonly except: readonly Shape[];
  readonly origin: Origin;
  /**
   * A grant whose shape is only the smallest one around what the policy says: somebody has to judge
   * each access in it.
   */
  readonly isWider: boolean;
}

/** A forbid. */
export interface Ban {
  readonly action: PathAction;
  readonly shape: Shape;
  readonly except: readonly Shape[];
  /** What a path of `shape` must match, or must not, besides; no kernel rule can say that. */
  readonly patterns: readonly Pattern[];
  /** The same rule forbids reading there. */
  readonly isUnreadable: boolean;
  readonly origin: Origin;
}

export interface Regions {
  readonly grants: readonly Region[];
  /**
   * What is granted where nothing is yet, as the folder in which it would come to be. Only a broker
   * can hold it; without one such a grant is about nothing.
   */
  readonly absent: readonly Region[];
  readonly bans: readonly Ban[];
  readonly findings: readonly Finding[];
}

export function regionsOf(capabilities: readonly Capability[], disk: DiskView): Regions {
  const found: Found = { grants: [], bans: [], findings: [], linked: [] };
  for (const capability of capabilities) {
    if (capability.effect === "permit") addPermit(found, capability, disk);
    else addForbid(found, capability, disk);
  }
  checkLinks(found);
  return { ...found, absent: absentGrants(found.grants, disk) };
}

interface Found {
  readonly grants: Region[];
  readonly bans: Ban[];
  readonly findings: Finding[];
  /** Grants whose path was reached through links. */
  readonly linked: LinkedGrant[];
}

interface LinkedGrant {
  readonly region: Region;
  readonly asked: AbsPath;
  readonly links: readonly AbsPath[];
}

function actionsOf({ actions }: Capability): readonly PathAction[] {
  return pathActions.filter((action) => actions.includes(action));
}

function addPermit(found: Found, capability: Capability, disk: DiskView): void {
  const { origin, where } = capability;
  const actions = actionsOf(capability);
  const clause = actions.length === 0 ? undefined : clauseOf(where, disk);
  if (clause === undefined) return;
  const isWider = clause.patterns.length > 0;
  for (const action of actions) {
    if (isWider) found.findings.push(patternFinding(action, clause, origin));
    if (isWider && action === "ProcessSpawn") continue;
    const region = { action, shape: clause.base, except: clause.except, origin, isWider };
    found.grants.push(isWider ? { ...region, shape: existing(region.shape, disk) } : region);
    if (clause.links.length > 0) {
      found.linked.push({ region, asked: clause.asked, links: clause.links });
    }
  }
}

function addForbid(found: Found, capability: Capability, disk: DiskView): void {
  const { origin, where } = capability;
  const actions = actionsOf(capability);
  const clause = actions.length === 0 ? undefined : clauseOf(where, disk);
  // A pattern whose folder is a link forbids what has that name as well, should the link become a
  // folder.
  const named = actions.length === 0 ? undefined : clauseOf(where, disk, "name");
  const isUnreadable = actions.includes("FileRead");
  for (const action of actions) {
    const add = (shape: Shape, { except, patterns }: Clause) => {
      found.bans.push({ action, shape, except, patterns, isUnreadable, origin });
    };
    if (clause !== undefined) {
      add(clause.base, clause);
      if (clause.patterns.length === 0) {
        for (const shape of clause.linkNames) add(shape, clause);
      }
    }
    if (named !== undefined && named.patterns.length > 0) add(named.base, named);
  }
}

/**
 * Profiles and templates name the places of every system side by side: those that are not there
 * grant nothing. Where somebody wrote a path that is not there, that path is meant; so is what an
 * agent keeps for itself, which it makes when it runs for the first time.
 */
export function isMeant({ source }: Origin): boolean {
  return !/^(profile|template):/.test(source) || isOfAgent(source);
}

/** What of `grants` is about nothing yet, as the folders it would come to be in. */
export function absentGrants(grants: readonly Region[], disk: DiskView): Region[] {
  return grants.flatMap((grant) => absentGrant(grant, grants, disk));
}

/**
 * Programs are left out: running is Landlock's matter, and a rule about the folder would be about
 * its neighbours too.
 */
function absentGrant(grant: Region, grants: readonly Region[], disk: DiskView): Region[] {
  const { action, shape, origin } = grant;
  if (action === "ProcessSpawn" || !isMeant(origin)) return [];
  if (disk.look(shape.path).kind !== "absent") return [];
  const isCovered = grants.some(
    (other) =>
      !other.isWider &&
      other.action === action &&
      covers(other.shape, shape) &&
      disk.look(other.shape.path).kind !== "absent",
  );
  if (isCovered) return [];
  return [{ ...grant, shape: existing(shape, disk), isWider: true }];
}

/** The shape, or the tree of the innermost folder on the way to it that is there. */
function existing(shape: Shape, disk: DiskView): Shape {
  const { missing } = disk.look(shape.path);
  return missing === undefined ? shape : { kind: "tree", path: parentOf(missing) };
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
        !other.isWider &&
        other !== region &&
        other.action === region.action &&
        covers(other.shape, region.shape),
    );
    if (harmless) continue;
    found.findings.push({
      origin: region.origin,
      message:
        `${region.action} of "${asked}" leads to "${region.shape.path}" through the link "${link}", ` +
        "which the policy lets be changed",
      hint: `grant "${region.shape.path}" itself`,
      brokerHolds: false,
    });
  }
}

const changingActions: ReadonlySet<PathAction> = new Set(["FileWrite", "FileDelete", "DirCreate"]);

function patternFinding(action: PathAction, { patterns }: Clause, origin: Origin): Finding {
  return {
    origin,
    message: `${action} cannot be granted by the pattern ${patterns.map(quoted).join(" and ")}`,
    hint: 'grant a folder (resource in Aegis::Resource::"/dir") or one path instead of a pattern',
    brokerHolds: action !== "ProcessSpawn",
  };
}

function quoted({ parts, negated }: Pattern): string {
  return `${negated ? "not " : ""}"${parts.join("*")}"`;
}
