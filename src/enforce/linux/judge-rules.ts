// The rule table the supervisor judges by: the capabilities themselves, spelled with real paths,
// because that is what it resolves a caller's path to. A table index leads back to the rule of the
// policy.

import { parentOf, resolvePath } from "../../base/paths.ts";
import type { JudgeRule } from "../../bridge/plan.ts";
import {
  type Action,
  type Atom,
  type Capability,
  type Origin,
  pathActions,
} from "../../model/capability.ts";
import type { DiskView } from "./disk-view.ts";
import { everything, isPathAtom, meaningOf } from "./shape.ts";

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

export function ruleTable(capabilities: readonly Capability[], disk: DiskView): RuleTable {
  const rules: JudgeRule[] = [];
  const sources: RuleSource[] = [];
  for (const capability of capabilities) {
    for (const rule of rulesFor(capability, disk)) {
      rules.push(rule);
      sources.push(sourceOf(capability));
    }
  }
  return { rules, sources };
}

type JudgedAction = JudgeRule["actions"][number];

const judgedActions: readonly Action[] = [...pathActions, "NetConnect", "NetBind"];

function isJudged(action: Action): action is JudgedAction {
  return judgedActions.includes(action);
}

function rulesFor(capability: Capability, disk: DiskView): JudgeRule[] {
  const actions = capability.actions.filter(isJudged);
  const { effect } = capability;
  const where: Atom[] = [];
  const names: Atom[] = [];
  let isAbsent = false;
  for (const atom of capability.where) {
    const spelled = realAtom(atom, disk);
    where.push(spelled.atom);
    if (spelled.name !== undefined && !atom.negated) names.push(spelled.name);
    isAbsent ||= spelled.isAbsent && !atom.negated;
  }
  if (effect === "permit") {
    // Landlock has nothing to attach such a permit to, so the row must not say that it allowed
    // anything.
    const kept = isAbsent ? actions.filter((action) => !isPathAction(action)) : actions;
    return kept.length === 0 ? [] : [{ effect, actions: kept, where }];
  }
  if (actions.length === 0) return [];
  return [{ effect, actions, where }, ...names.map((name) => ({ effect, actions, where: [name] }))];
}

function isPathAction(action: Action): boolean {
  return pathActions.some((other) => other === action);
}

interface SpelledAtom {
  readonly atom: Atom;
  /** The link a path was given by: a forbid holds for it as well as for where it leads. */
  readonly name: Atom | undefined;
  readonly isAbsent: boolean;
}

function realAtom(atom: Atom, disk: DiskView): SpelledAtom {
  const plain = { atom, name: undefined, isAbsent: false };
  if (!isPathAtom(atom)) return plain;
  const meaning = meaningOf(atom);
  if (meaning.kind !== "shape") return plain;
  const { path, kind } = meaning.shape;
  const fact = disk.look(path);
  const isAbsent = fact.kind === "absent";
  if (fact.place === path) return { ...plain, isAbsent };
  const { negated } = atom;
  const folder = disk.look(parentOf(path)).place;
  const namePath = resolvePath(folder, path.slice(path.lastIndexOf("/") + 1));
  const name: Atom | undefined = fact.links.includes(namePath)
    ? { kind: "path-equals", path: namePath, negated }
    : undefined;
  if (kind === "tree")
    return { atom: { kind: "path-in", path: fact.place, negated }, name, isAbsent };
  if (kind === "exact") {
    return { atom: { kind: "path-equals", path: fact.place, negated }, name, isAbsent };
  }
  const parts = [fact.place === everything.path ? "/" : `${fact.place}/`, ""];
  return { atom: { kind: "path-like", parts, negated }, name, isAbsent };
}

function sourceOf({ origin, effect }: Capability): RuleSource {
  const { rule, source, line } = origin satisfies Origin;
  return { rule, source, line, effect };
}
