// Truth over leaves, and its normal form: a list of clauses, each a conjunction of literals, any of
// which may hold. Knows nothing of what a leaf means; the caller brings the rules that shorten a
// clause.

export type Formula<L> =
  | { readonly kind: "const"; readonly value: boolean }
  | { readonly kind: "leaf"; readonly leaf: L }
  | { readonly kind: "not"; readonly of: Formula<L> }
  | { readonly kind: "and" | "or"; readonly of: readonly Formula<L>[] }
  | { readonly kind: "if"; readonly of: readonly [Formula<L>, Formula<L>, Formula<L>] };

export interface Literal<L> {
  readonly leaf: L;
  readonly negated: boolean;
}
export type Clause<L> = readonly Literal<L>[];

export function constant<L>(value: boolean): Formula<L> {
  return { kind: "const", value };
}

export function leaf<L>(value: L): Formula<L> {
  return { kind: "leaf", leaf: value };
}

export function not<L>(of: Formula<L>): Formula<L> {
  return { kind: "not", of };
}

export function all<L>(...of: readonly Formula<L>[]): Formula<L> {
  return { kind: "and", of };
}

export function any<L>(...of: readonly Formula<L>[]): Formula<L> {
  return { kind: "or", of };
}

/** The second where the first holds, the third where it does not. */
export function choose<L>(
  test: Formula<L>,
  whenTrue: Formula<L>,
  whenFalse: Formula<L>,
): Formula<L> {
  return { kind: "if", of: [test, whenTrue, whenFalse] };
}

/** The formula with every leaf replaced by a formula. */
export function mapLeaves<L, M>(of: Formula<L>, map: (leaf: L) => Formula<M>): Formula<M> {
  switch (of.kind) {
    case "const":
      return of;
    case "leaf":
      return map(of.leaf);
    case "not":
      return not(mapLeaves(of.of, map));
    case "and":
    case "or":
      return { kind: of.kind, of: of.of.map((part) => mapLeaves(part, map)) };
    case "if": {
      const [test, whenTrue, whenFalse] = of.of;
      return choose(mapLeaves(test, map), mapLeaves(whenTrue, map), mapLeaves(whenFalse, map));
    }
  }
}

export interface NormalFormRules<L> {
  /** The same conjunction in its shortest form; undefined when it can never hold. */
  readonly shorten: (clause: Clause<L>) => Clause<L> | undefined;
  /** Equal for literals that mean the same. */
  readonly key: (literal: Literal<L>) => string;
  readonly clausesMax: number;
}

/**
 * The clauses of which one holds exactly when the formula does: `[]` is never, `[[]]` always.
 * Undefined when there would be more than `clausesMax` on the way.
 */
export function normalForm<L>(
  formula: Formula<L>,
  rules: NormalFormRules<L>,
): readonly Clause<L>[] | undefined {
  return expand(formula, false, { rules, known: new Map() });
}

type Clauses<L> = readonly Clause<L>[] | undefined;

interface Expansion<L> {
  readonly rules: NormalFormRules<L>;
  /**
   * What was expanded already, plain and negated: the test of a choice is asked for both ways, so
   * choices within tests of choices would double the work at each level.
   */
  readonly known: Map<Formula<L>, Map<boolean, Clauses<L>>>;
}

function expand<L>(formula: Formula<L>, negated: boolean, expansion: Expansion<L>): Clauses<L> {
  const known = expansion.known.get(formula) ?? new Map<boolean, Clauses<L>>();
  expansion.known.set(formula, known);
  if (!known.has(negated)) known.set(negated, expandAnew(formula, negated, expansion));
  return known.get(negated);
}

function expandAnew<L>(formula: Formula<L>, negated: boolean, expansion: Expansion<L>): Clauses<L> {
  const { rules } = expansion;
  switch (formula.kind) {
    case "const":
      return formula.value === negated ? [] : [[]];
    case "leaf":
      return tidy([[{ leaf: formula.leaf, negated }]], rules);
    case "not":
      return expand(formula.of, !negated, expansion);
    case "and":
    case "or": {
      const parts: (readonly Clause<L>[])[] = [];
      for (const part of formula.of) {
        const clauses = expand(part, negated, expansion);
        if (clauses === undefined) return undefined;
        parts.push(clauses);
      }
      const isOr = (formula.kind === "or") !== negated;
      return isOr ? tidy(parts.flat(), rules) : conjunction(parts, rules);
    }
    case "if": {
      const [test, whenTrue, whenFalse] = formula.of;
      const branches = [
        [expand(test, false, expansion), expand(whenTrue, negated, expansion)],
        [expand(test, true, expansion), expand(whenFalse, negated, expansion)],
      ].map(([a, b]) =>
        a === undefined || b === undefined ? undefined : conjunction([a, b], rules),
      );
      const [first, second] = branches;
      if (first === undefined || second === undefined) return undefined;
      return tidy([...first, ...second], rules);
    }
  }
}

function conjunction<L>(
  parts: readonly (readonly Clause<L>[])[],
  rules: NormalFormRules<L>,
): readonly Clause<L>[] | undefined {
  let product: readonly Clause<L>[] = [[]];
  for (const part of parts) {
    if (isAlways(part)) continue;
    if (isAlways(product)) {
      product = part;
      continue;
    }
    // Products are shortened as they grow, so this bounds the work as well as the result.
    if (product.length * part.length > rules.clausesMax * 16) return undefined;
    const next = tidy(
      product.flatMap((clause) => part.map((other) => [...clause, ...other])),
      rules,
    );
    if (next === undefined) return undefined;
    product = next;
  }
  return product;
}

function isAlways<L>(clauses: readonly Clause<L>[]): boolean {
  return clauses.length === 1 && clauses[0]?.length === 0;
}

/**
 * Shortens every clause and drops those another clause already covers; undefined when too many are
 * left. Long lists of single tests are what policies mostly consist of, so those are compared by
 * name alone.
 */
function tidy<L>(
  clauses: readonly Clause<L>[],
  rules: NormalFormRules<L>,
): readonly Clause<L>[] | undefined {
  const singles = new Map<string, Clause<L>>();
  const longer: { clause: Clause<L>; keys: ReadonlySet<string> }[] = [];
  const order: Clause<L>[] = [];
  for (const clause of clauses) {
    const short = rules.shorten(clause);
    if (short === undefined) continue;
    const [first] = short;
    if (first === undefined) return [[]];
    if (short.length === 1) {
      const key = rules.key(first);
      if (!singles.has(key)) order.push(short);
      singles.set(key, short);
    } else {
      longer.push({ clause: short, keys: new Set(short.map(rules.key)) });
      order.push(short);
    }
    if (order.length > rules.clausesMax * 2) return undefined;
  }
  const covered = new Set<Clause<L>>();
  for (const [index, { clause, keys }] of longer.entries()) {
    const isCovered =
      keys.values().some((key) => singles.has(key)) ||
      longer.some(
        (other, place) =>
          place !== index &&
          !covered.has(other.clause) &&
          other.keys.size <= keys.size &&
          other.keys.isSubsetOf(keys),
      );
    if (isCovered) covered.add(clause);
  }
  const kept = order.filter((clause) => !covered.has(clause));
  return kept.length > rules.clausesMax ? undefined : kept;
}
