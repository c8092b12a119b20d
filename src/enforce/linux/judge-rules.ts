// The rule table the supervisor judges by: the capabilities themselves, spelled with real paths,
// because that is what it resolves a caller's path to. A table index leads back to the rule of the
// policy.

import type { AbsPath } from "../../base/paths.ts";
import type { JudgeRule } from "../../bridge/plan.ts";
import {
  type Action,
  type Atom,
  type Capability,
  type Origin,
  pathActions,
} from "../../model/capability.ts";
import { namePlace, realParts } from "./paths/clause.ts";
import type { DiskView } from "./paths/disk-view.ts";
import { isMeant } from "./paths/grants.ts";
import { everything, isPathAtom, meaningOf, type Shape } from "./paths/shape.ts";

/** Where the rule at the same index of the table comes from. */
export interface RuleSource {
  readonly rule: string;
  readonly source: string;
  readonly line: number;
  readonly effect: "permit" | "forbid";
}

export interface RuleTable {
  readonly rules: readonly JudgeRule[];
  readonly sources: readonly RuleSource[];
}

/**
 * @param grantsAbsent the broker can hold a permit on a path that is not there
 * @param inside permits for what stays in the box's own network
 */
export function ruleTable(
  capabilities: readonly Capability[],
  disk: DiskView,
  grantsAbsent: boolean,
  inside: readonly Capability[] = [],
): RuleTable {
  const rules: JudgeRule[] = [];
  const sources: RuleSource[] = [];
  for (const capability of capabilities) {
    for (const rule of rulesFor(capability, disk, grantsAbsent)) {
      rules.push(rule);
      sources.push(sourceOf(capability));
    }
  }
  for (const capability of inside) {
    const actions = capability.actions.filter(isJudged);
    rules.push({ effect: "permit-inside", actions, where: capability.where });
    sources.push(sourceOf(capability));
  }
  return { rules, sources };
}

type JudgedAction = JudgeRule["actions"][number];

const judgedActions: readonly Action[] = [...pathActions, "NetConnect", "NetBind"];

function isJudged(action: Action): action is JudgedAction {
  return judgedActions.includes(action);
}

function rulesFor(
  capability: Capability,
  disk: DiskView,
  grantsAbsent: boolean,
): readonly JudgeRule[] {
  const actions = capability.actions.filter(isJudged);
  if (actions.length === 0) return [];
  const { effect } = capability;
  const spelled = capability.where.map((atom) => spell(atom, disk));
  const where = spelled.map(({ atom }) => atom);
  if (effect === "forbid") {
    const names = spelled.flatMap(({ name, atom }) =>
      name === undefined || atom.negated ? [] : [{ effect, actions, where: [name] }],
    );
    // A pattern whose folder is a link forbids what has that name as well, should the link become
    // a folder.
    const isPatternMoved = spelled.some(({ pattern }) => pattern !== undefined);
    const named = spelled.map(({ atom, pattern }) => pattern ?? atom);
    return [
      { effect, actions, where },
      ...names,
      ...(isPatternMoved ? [{ effect, actions, where: named }] : []),
    ];
  }
  const isAbsent = spelled.some((entry) => entry.isAbsent && !entry.atom.negated);
  const kept = isAbsent
    ? actions.filter((action) => outlastsAbsence(action, capability, grantsAbsent))
    : actions;
  // What a permit leaves out by a pattern it leaves out under both spellings.
  const also = spelled.flatMap(({ atom, pattern }) =>
    pattern !== undefined && atom.negated ? [pattern] : [],
  );
  const all = [...where, ...also];
  const rules: readonly JudgeRule[] = [
    { effect, actions: kept, where: all },
    // Looking for it in vain is no denial.
    {
      effect: "permit-failing",
      actions: actions.filter((each) => !kept.includes(each)),
      where: all,
    },
  ];
  return rules.filter((rule) => rule.actions.length > 0);
}

/**
 * A permit on what is not there holds where the broker opens, but for running, which is Landlock's
 * matter: it has nothing to attach the permit to, and the row must not say that it allowed
 * anything.
 */
function outlastsAbsence(action: Action, { origin }: Capability, grantsAbsent: boolean): boolean {
  if (!isPathAction(action)) return true;
  return grantsAbsent && action !== "ProcessSpawn" && isMeant(origin);
}

function isPathAction(action: Action): boolean {
  return pathActions.some((other) => other === action);
}

interface SpelledAtom {
  readonly atom: Atom;
  /** The link a path was given by: a forbid holds for it as well as for where it leads. */
  readonly name: Atom | undefined;
  /** A pattern as it was written, when the folder it names lies elsewhere. */
  readonly pattern: Atom | undefined;
  readonly isAbsent: boolean;
}

function spell(atom: Atom, disk: DiskView): SpelledAtom {
  const plain = { atom, name: undefined, pattern: undefined, isAbsent: false };
  if (!isPathAtom(atom)) return plain;
  const meaning = meaningOf(atom);
  if (meaning.kind === "glob") return spellPattern(atom, meaning.parts, disk);
  if (meaning.kind !== "shape") return plain;
  const { path, kind } = meaning.shape;
  const fact = disk.look(path);
  const isAbsent = fact.kind === "absent";
  if (fact.place === path) return { ...plain, isAbsent };
  const { negated } = atom;
  const namePath = namePlace(path, disk);
  const name: Atom | undefined = fact.links.includes(namePath)
    ? { kind: "path-equals", path: namePath, negated }
    : undefined;
  return { ...plain, atom: atomAt(kind, fact.place, negated), name, isAbsent };
}

function spellPattern(atom: Atom, written: readonly string[], disk: DiskView): SpelledAtom {
  const plain = { atom, name: undefined, pattern: undefined, isAbsent: false };
  const parts = realParts(written, disk);
  if (parts === written) return plain;
  return { ...plain, atom: { kind: "path-like", parts, negated: atom.negated }, pattern: atom };
}

function atomAt(kind: Shape["kind"], path: AbsPath, negated: boolean): Atom {
  if (kind === "tree") return { kind: "path-in", path, negated };
  if (kind === "exact") return { kind: "path-equals", path, negated };
  const parts = [path === everything.path ? "/" : `${path}/`, ""];
  return { kind: "path-like", parts, negated };
}

function sourceOf({ origin, effect }: Capability): RuleSource {
  const { rule, source, line } = origin satisfies Origin;
  return { rule, source, line, effect };
}
