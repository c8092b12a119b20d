// What reading one policy knows and gathers, and what its operands are. Types only.

import type { Formula } from "../formula.ts";
import type { Leaf } from "../leaf.ts";
import type { RealPath } from "../links.ts";
import type { PathProblem, Places } from "../places.ts";
import type { AddressValue } from "./address.ts";
import type { Expression } from "./expression.ts";

export interface Reading {
  readonly places: Places;
  readonly linkTarget: RealPath;
  readonly effect: "permit" | "forbid";
  /**
   * Whether the rule is about any action on paths, or on hosts: only then its literals must be
   * paths, or hosts.
   */
  readonly judgesPaths: boolean;
  readonly judgesHosts: boolean;
  /** A text of ours, whose paths were found and not written by a person: a star is a name's. */
  readonly isOwn: boolean;
  /** Filled while reading: clauses that are no test, by the number their opaque leaf has. */
  readonly opaque: Expression[];
  readonly problems: PathProblem[];
  /** What is allowed and hardly meant. */
  readonly doubts: PathProblem[];
}

export type Tests = Formula<Leaf>;

/** What an operand of a comparison is. */
export type Subject =
  | { readonly kind: "resource" | "path" | "host" | "port" | "ip" | "protocol" }
  | { readonly kind: "principal" | "action" }
  | { readonly kind: "address"; readonly value: AddressValue }
  | { readonly kind: "literal"; readonly value: boolean | number | string }
  | { readonly kind: "entity"; readonly type: string; readonly id: string }
  | { readonly kind: "place"; readonly path: string }
  | { readonly kind: "place-path"; readonly path: string };
