// What forbids leave of grants. A forbid around a grant ends it or cuts it down; a forbid inside a
// grant is a hole, which Landlock cannot have: a mount must cover it, or a broker has to judge each
// access. Grants that a broker has to judge stay as wide as they are.

import type { Origin, PathAction } from "../../../model/capability.ts";
import type { Finding } from "../finding.ts";
import { remaining } from "./clause.ts";
import type { Ban, Region, Regions } from "./grants.ts";
import { RegionIndex } from "./region-index.ts";
import { covers, intersect, overlaps, type Shape } from "./shape.ts";

/** Paths inside a grant that the policy takes out of it, all of them. */
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
  const findings = new FindingSet(regions.findings);
  const holes = new HoleSet();
  // Patterns last: they concern only what the others leave.
  const bans = [
    ...regions.bans.filter(({ patterns }) => patterns.length === 0),
    ...regions.bans.filter(({ patterns }) => patterns.length > 0),
  ];
  const permits = new RegionIndex(regions.grants);
  const forbids = new RegionIndex(bans);
  const grants = regions.grants
    .map((grant) => settleExceptions(grant, permits, holes, findings))
    .flatMap((grant) => applyBans(grant, forbids, holes, findings));
  return { grants, holes: holes.all(), findings: findings.all() };
}

/** True when some grant lets `action` happen somewhere in `shape`. */
export function permitsIn(grants: RegionIndex<Region>, action: PathAction, shape: Shape): boolean {
  return grants.near(action, shape.path).some((grant) => {
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

/** The same is said once, however many grants it concerns. */
class FindingSet {
  readonly #findings = new Map<string, Finding>();

  constructor(findings: readonly Finding[]) {
    for (const finding of findings) this.add(`${finding.origin?.rule} ${finding.message}`, finding);
  }

  add(key: string, finding: Finding): void {
    if (!this.#findings.has(key)) this.#findings.set(key, finding);
  }

  all(): Finding[] {
    return [...this.#findings.values()];
  }
}

/**
 * What a permit itself leaves out stays granted when another permit covers it, for permits add up;
 * it is a hole when none does. Half of each is more than a mount can say.
 */
function settleExceptions(
  grant: Region,
  permits: RegionIndex<Region>,
  holes: HoleSet,
  findings: FindingSet,
): Region {
  const except = grant.except.filter((out) => {
    const others = permits
      .near(grant.action, out.path)
      .filter((other) => other !== grant && overlaps(other.shape, out));
    const givesBack = others.some(
      ({ shape, except, isWider }) =>
        !isWider && covers(shape, out) && !except.some((hole) => overlaps(hole, out)),
    );
    if (givesBack) return false;
    const real = others.filter(({ shape, except }) => {
      const common = intersect(shape, out);
      return common !== undefined && !except.some((hole) => covers(hole, common));
    });
    if (real.length > 0) {
      findings.add(`part ${grant.origin.rule} ${grant.action} ${out.path}`, {
        origin: grant.origin,
        message: `${grant.action} leaves out "${out.path}", of which "${real[0]?.origin.rule}" grants a part`,
        hint: "leave out what no other rule grants",
        brokerHolds: grant.action !== "ProcessSpawn",
      });
      return false;
    }
    holes.add({ action: grant.action, shape: out, origin: grant.origin });
    return true;
  });
  return { ...grant, except };
}

function applyBans(
  grant: Region,
  forbids: RegionIndex<Ban>,
  holes: HoleSet,
  findings: FindingSet,
): Region[] {
  let pieces: Region[] = [grant];
  for (const ban of forbids.near(grant.action, grant.shape.path)) {
    pieces = pieces.flatMap((piece) => applyBan(piece, ban, holes, findings));
  }
  return pieces;
}

function applyBan(piece: Region, ban: Ban, holes: HoleSet, findings: FindingSet): Region[] {
  const common = intersect(piece.shape, ban.shape);
  if (common === undefined || ban.except.some((out) => covers(out, common))) return [piece];
  const patterns = remaining(ban.patterns, common);
  if (patterns === undefined) return [piece];
  if (patterns.length > 0) {
    findings.add(`pattern ${ban.origin.rule} ${ban.action}`, globFinding(ban, piece));
    return [piece];
  }
  const kept = ban.except.filter((out) => overlaps(out, common));
  if (covers(ban.shape, piece.shape)) {
    // The forbid is all around: what is left are the parts it leaves out.
    return kept.flatMap((out) => {
      const shape = intersect(piece.shape, out);
      if (shape === undefined) return [];
      return [{ ...piece, shape, except: piece.except.filter((hole) => overlaps(hole, shape)) }];
    });
  }
  const [first] = kept;
  if (first !== undefined) {
    findings.add(`reopen ${ban.origin.rule} ${ban.action}`, reopenFinding(ban, first));
    return [piece];
  }
  holes.add({ action: piece.action, shape: common, origin: ban.origin });
  return [{ ...piece, except: [...piece.except, common] }];
}

/** Who may neither read nor run a program gains little by running it; who may read it runs it. */
function holdsByJudging({ action, isUnreadable }: Ban): boolean {
  return action !== "ProcessSpawn" || isUnreadable;
}

function globFinding(ban: Ban, grant: Region): Finding {
  const text = ban.patterns.map(({ parts, negated }) => {
    return `${negated ? "not " : ""}"${parts.join("*")}"`;
  });
  return {
    origin: ban.origin,
    message: `${ban.action} cannot be forbidden by the pattern ${text.join(" and ")} inside "${grant.shape.path}", granted by "${grant.origin.rule}"`,
    hint: "forbid the files or folders by name",
    brokerHolds: holdsByJudging(ban),
    isRunning: ban.action === "ProcessSpawn",
  };
}

function reopenFinding(ban: Ban, out: Shape): Finding {
  return {
    origin: ban.origin,
    message: `${ban.action} cannot be forbidden in "${ban.shape.path}" but not in "${out.path}" below it`,
    hint: "forbid the other folders by name instead",
    brokerHolds: holdsByJudging(ban),
    isRunning: ban.action === "ProcessSpawn",
  };
}
