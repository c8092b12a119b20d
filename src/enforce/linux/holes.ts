// What forbids leave of grants. A forbid around a grant ends it or cuts it down; a forbid inside a
// grant is a hole, which Landlock cannot have and a mount must cover.

import type { Origin, PathAction } from "../../model/capability.ts";
import type { Finding } from "./finding.ts";
import type { Region, Regions } from "./grants.ts";
import { covers, intersect, mayMatch, overlaps, type Shape } from "./shape.ts";

/** Paths inside a grant that the policy takes out of it. */
export interface Hole {
  readonly action: PathAction;
  readonly shape: Shape;
  readonly origin: Origin;
}

export interface Lowered {
  /** In force, without `except` sets that another grant gives back. */
  readonly grants: readonly Region[];
  readonly holes: readonly Hole[];
  readonly findings: readonly Finding[];
}

export function lower(regions: Regions): Lowered {
  const findings = [...regions.findings];
  const holes = new HoleSet();
  const afterOwn = regions.grants.map((grant) => settleExceptions(grant, regions, holes, findings));
  const grants: Region[] = [];
  for (const grant of afterOwn) grants.push(...applyBans(grant, regions.bans, holes, findings));
  for (const ban of regions.globBans) {
    const hit = grants.find(
      (grant) => grant.action === ban.action && mayMatch(ban.parts, grant.shape),
    );
    if (hit !== undefined) findings.push(globFinding(ban.parts, ban.action, ban.origin, hit));
  }
  return { grants, holes: holes.all(), findings };
}

/** True when some grant lets `action` happen somewhere in `shape`. */
export function permitsIn(grants: readonly Region[], action: PathAction, shape: Shape): boolean {
  return grants.some((grant) => {
    if (grant.action !== action) return false;
    const common = intersect(grant.shape, shape);
    return common !== undefined && !grant.except.some((hole) => covers(hole, common));
  });
}

class HoleSet {
  readonly #holes = new Map<string, Hole>();

  add(hole: Hole): void {
    const key = `${hole.action} ${hole.shape.kind} ${hole.shape.path}`;
    if (!this.#holes.has(key)) this.#holes.set(key, hole);
  }

  all(): Hole[] {
    return [...this.#holes.values()];
  }
}

/**
 * What a permit itself leaves out stays granted when another permit covers it, for permits add up;
 * it is a hole when none does. Half of each is more than a mount can say.
 */
function settleExceptions(
  grant: Region,
  regions: Regions,
  holes: HoleSet,
  findings: Finding[],
): Region {
  const except = grant.except.filter((out) => {
    const others = regions.grants.filter(
      (other) => other !== grant && other.action === grant.action && overlaps(other.shape, out),
    );
    const givesBack = others.some(
      ({ shape, except }) => covers(shape, out) && !except.some((hole) => overlaps(hole, out)),
    );
    if (givesBack) return false;
    const real = others.filter(({ shape, except }) => {
      const common = intersect(shape, out);
      return common !== undefined && !except.some((hole) => covers(hole, common));
    });
    if (real.length > 0) findings.push(partFinding(grant, out, real[0]?.origin));
    holes.add({ action: grant.action, shape: out, origin: grant.origin });
    return true;
  });
  return { ...grant, except };
}

function applyBans(
  grant: Region,
  bans: readonly Region[],
  holes: HoleSet,
  findings: Finding[],
): Region[] {
  let pieces: Region[] = [grant];
  for (const ban of bans) {
    if (ban.action !== grant.action) continue;
    pieces = pieces.flatMap((piece) => applyBan(piece, ban, holes, findings));
  }
  return pieces;
}

function applyBan(piece: Region, ban: Region, holes: HoleSet, findings: Finding[]): Region[] {
  const common = intersect(piece.shape, ban.shape);
  if (common === undefined || ban.except.some((out) => covers(out, common))) return [piece];
  const kept = ban.except.filter((out) => overlaps(out, common));
  if (covers(ban.shape, piece.shape)) {
    // The forbid is all around: what is left are the parts it leaves out.
    return kept.flatMap((out) => {
      const shape = intersect(piece.shape, out);
      if (shape === undefined) return [];
      return [{ ...piece, shape, except: piece.except.filter((hole) => overlaps(hole, shape)) }];
    });
  }
  if (kept.length > 0) findings.push(reopenFinding(ban, kept[0]));
  holes.add({ action: piece.action, shape: common, origin: ban.origin });
  return [{ ...piece, except: [...piece.except, common] }];
}

function globFinding(
  parts: readonly string[],
  action: PathAction,
  origin: Origin,
  grant: Region,
): Finding {
  return {
    origin,
    message: `${action} cannot be forbidden by the pattern "${parts.join("*")}" inside "${grant.shape.path}", granted by "${grant.origin.rule}"`,
    hint: "forbid the files or folders by name; patterns in a forbid are not enforced yet",
  };
}

function reopenFinding(ban: Region, out: Shape | undefined): Finding {
  return {
    origin: ban.origin,
    message: `${ban.action} cannot be forbidden in "${ban.shape.path}" but not in "${out?.path}" below it`,
    hint: "forbid the other folders by name instead",
  };
}

function partFinding(grant: Region, out: Shape, other: Origin | undefined): Finding {
  return {
    origin: grant.origin,
    message: `${grant.action} leaves out "${out.path}", of which "${other?.rule}" grants a part`,
    hint: "leave out what no other rule grants",
  };
}
