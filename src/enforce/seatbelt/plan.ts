// Capabilities to a Seatbelt profile. Pure: real paths, letter case and the base come in as
// arguments. Order carries the meaning: base, permits, then forbids, because in a profile the last
// rule that matches decides. What SBPL cannot say is a diagnostic naming the rule; nothing is left
// out.

import { err, ok, type Result } from "../../base/result.ts";
import type { Capability, Origin } from "../../model/capability.ts";
import { type Diagnostic, errorAt } from "../../policy/diagnostic.ts";
import { baseRules, type NetworkNeed, typingDenial } from "./base.ts";
import { connectsByName } from "./by-name.ts";
import { mergeLoopback } from "./loopback.ts";
import { type HeldStill, heldRoots, heldStill } from "./moves.ts";
import { endpointFilter, reachesBeyondLoopback } from "./net-filter.ts";
import { type OperationGroup, pathOperations } from "./operations.ts";
import { type ClauseSpelling, clauseFilter, type Spelling } from "./path-filter.ts";
import { Reach } from "./reach.ts";
import {
  all,
  always,
  any,
  type Filter,
  isDirectory,
  never,
  type ProfileText,
  type SbplRule,
  writeProfile,
} from "./sbpl.ts";

export interface SeatbeltInput {
  /** The base profile included, every path real. */
  readonly capabilities: readonly Capability[];
  /** Cedar principal. */
  readonly agent: string;
  /**
   * How tests that grant less the more they match spell names: folded where volumes ignore letter
   * case.
   */
  readonly wide: Spelling;
  /** The kernel can tell one terminal request from another (macOS 13 and later). */
  readonly tellsIoctls: boolean;
}

export interface SeatbeltPlan {
  readonly profile: ProfileText;
  /** What the number in a denial's message stands for; 0 is the default denial. */
  readonly denials: readonly DenialReason[];
  /** Connections go through the gateway, whose port the profile is rendered with. */
  readonly byName: boolean;
}

export interface DenialReason {
  readonly rule: string;
  readonly reason: string;
}

export function compileSeatbelt(input: SeatbeltInput): Result<SeatbeltPlan, readonly Diagnostic[]> {
  const concerned = mergeLoopback(
    input.capabilities.filter(({ agent }) => agent === undefined || agent === input.agent),
  );
  const byName = connectsByName(concerned);
  const capabilities = byName?.capabilities ?? concerned;
  const permits = capabilities.filter(({ effect }) => effect === "permit");
  const forbids = capabilities.filter(({ effect }) => effect === "forbid");
  const draft = new Draft(input.wide, new Reach(permits));
  draft.defaultDeny();
  for (const rule of baseRules(networkNeed(permits, byName !== undefined)))
    draft.add(rule, undefined);
  for (const family of families(permits)) draft.permit(family);
  for (const family of families(permits)) draft.holdRoots(family);
  for (const family of families(forbids)) draft.forbid(family);
  if (byName !== undefined) draft.reachGateway(byName.problems);
  if (input.tellsIoctls) draft.denyTyping();
  return draft.finish();
}

/**
 * Capabilities of one rule that differ in their clauses alone: `resource in ["/a", "/b"]` is two of
 * them.
 */
type Family = readonly [Capability, ...Capability[]];

function families(capabilities: readonly Capability[]): Family[] {
  const groups: [Capability, ...Capability[]][] = [];
  for (const capability of capabilities) {
    const last = groups.at(-1);
    if (last !== undefined && kinship(last[0]) === kinship(capability)) last.push(capability);
    else groups.push([capability]);
  }
  return groups;
}

function kinship({ actions, origin }: Capability): string {
  return JSON.stringify([actions, origin]);
}

function networkNeed(permits: readonly Capability[], byName: boolean): NetworkNeed {
  const sockets = permits.filter(({ actions }) =>
    actions.some((name) => name === "NetConnect" || name === "NetBind"),
  );
  const connects = sockets.filter(({ actions }) => actions.includes("NetConnect"));
  return {
    any: sockets.length > 0 || byName,
    byName,
    beyondLoopback: connects.some(({ where }) => reachesBeyondLoopback(where)),
  };
}

class Draft {
  /** The spelling of a test that grants less the more it matches. */
  readonly #wide: Spelling;
  readonly #reach: Reach;
  readonly #rules: SbplRule[] = [];
  /** The capability each rule comes from. */
  readonly #origins: (Origin | undefined)[] = [];
  readonly #denials: DenialReason[] = [];
  readonly #problems: Diagnostic[] = [];
  /** Held-still filters already written: protected names share most of their parents. */
  readonly #held = new Set<string>();
  #byName = false;

  constructor(wide: Spelling, reach: Reach) {
    this.#wide = wide;
    this.#reach = reach;
  }

  add(rule: SbplRule, origin: Origin | undefined): void {
    this.#rules.push(rule);
    this.#origins.push(origin);
  }

  defaultDeny(): void {
    const message = this.#denial({ rule: "", reason: "no permit matched" });
    this.#deny({ operations: ["default"], filter: always }, message, undefined);
  }

  denyTyping(): void {
    const { operation, filter, reason } = typingDenial;
    const message = this.#denial({ rule: "protected:terminal", reason });
    this.#deny({ operations: [operation], filter }, message, undefined);
  }

  permit(family: Family): void {
    const [{ origin }] = family;
    const spelling: ClauseSpelling = { plain: "exact", negated: this.#wide };
    for (const { operations, filter } of this.#groups(family, spelling)) {
      const comment = describe(origin);
      this.add({ effect: "allow", operations, filter, message: undefined, comment }, origin);
    }
  }

  holdRoots(family: Family): void {
    const [{ origin }] = family;
    const held = family.map((permit) => heldRoots(permit, this.#reach));
    const reason = `the folder ${origin.rule} grants stays in place`;
    this.#hold(held, origin, { rule: "protected:granted-folders", reason });
  }

  forbid(family: Family): void {
    const [{ origin }] = family;
    const spelling: ClauseSpelling = { plain: this.#wide, negated: "exact" };
    const groups = families(family.flatMap((forbid) => this.#mattering(forbid))).flatMap((part) =>
      this.#groups(part, spelling),
    );
    if (groups.length > 0) {
      const message = this.#denial({ rule: origin.rule, reason: `denied by ${origin.rule}` });
      for (const group of groups) this.#deny(group, message, origin);
    }
    const context = { spelling, reach: this.#reach };
    const held = family.map((forbid) => heldStill(forbid, context));
    this.#hold(held, origin, { rule: origin.rule, reason: `held in place by ${origin.rule}` });
  }

  /** After every forbid, which are about what lies behind the gateway. */
  reachGateway(problems: readonly Diagnostic[]): void {
    this.#byName = true;
    this.#problems.push(...problems);
    const filter = {
      kind: "endpoint",
      side: "remote",
      protocol: "tcp",
      host: "localhost",
      port: "gateway",
    } as const;
    const comment = "the gateway, which judges connections by name";
    const operations = ["network-outbound"];
    this.add({ effect: "allow", operations, filter, message: undefined, comment }, undefined);
  }

  finish(): Result<SeatbeltPlan, readonly Diagnostic[]> {
    const profile = writeProfile(this.#rules);
    if (!profile.ok) {
      for (const { rule, message } of profile.error) {
        const origin = (rule === undefined ? undefined : this.#origins[rule]) ?? wholePolicy;
        const hint = "name fewer or shorter paths, or a folder instead of its files";
        this.#problems.push(errorAt(origin, `macOS would refuse the profile: ${message}`, hint));
      }
    }
    if (!profile.ok || this.#problems.length > 0) return err(distinct(this.#problems));
    return ok({ profile: profile.value, denials: this.#denials, byName: this.#byName });
  }

  /**
   * The forbid with the actions some permit grants where it holds; none when there is no such
   * action.
   */
  #mattering(forbid: Capability): Capability[] {
    const actions = forbid.actions.filter((action) => this.#reach.meets(action, forbid.where));
    return actions.length === 0 ? [] : [{ ...forbid, actions }];
  }

  #hold(held: readonly HeldStill[], origin: Origin, denial: DenialReason): void {
    const fresh = (use: keyof HeldStill) => this.#fresh(use, held);
    const pinned = any(...fresh("unlink"), all(isDirectory, any(...fresh("unlinkDirectory"))));
    const reserved = any(...fresh("create"), all(isDirectory, any(...fresh("createDirectory"))));
    if (pinned.kind === "never" && reserved.kind === "never") return;
    const message = this.#denial(denial);
    this.#deny({ operations: ["file-write-unlink"], filter: pinned }, message, origin);
    this.#deny({ operations: ["file-write-create"], filter: reserved }, message, origin);
  }

  #fresh(use: keyof HeldStill, held: readonly HeldStill[]): Filter[] {
    return held
      .flatMap((one) => one[use])
      .filter((filter) => {
        const key = `${use} ${JSON.stringify(filter)}`;
        if (filter.kind === "never" || this.#held.has(key)) return false;
        this.#held.add(key);
        return true;
      });
  }

  #deny(group: OperationGroup, message: number, origin: Origin | undefined): void {
    const comment = origin === undefined ? "" : describe(origin);
    this.add({ effect: "deny", ...group, message, comment }, origin);
  }

  #denial(denial: DenialReason): number {
    return this.#denials.push(denial) - 1;
  }

  /**
   * Everything a family says about the kernel; tool calls and the like are not the kernel's to
   * judge.
   */
  #groups(family: Family, spelling: ClauseSpelling): OperationGroup[] {
    const [{ actions }] = family;
    const paths = any(...family.map(({ where }) => clauseFilter(where, spelling)));
    const groups = pathOperations(actions, paths);
    const sockets = (side: "remote" | "local", operations: readonly string[]) => {
      const filters = family.map((capability) => this.#endpoints(capability, side));
      groups.push({ operations, filter: any(...filters) });
    };
    if (actions.includes("NetConnect")) sockets("remote", ["network-outbound"]);
    if (actions.includes("NetBind")) sockets("local", ["network-bind", "network-inbound"]);
    return groups;
  }

  #endpoints({ where, origin }: Capability, side: "remote" | "local"): Filter {
    const filter = endpointFilter(where, side);
    if (filter.ok) return filter.value;
    this.#problems.push(errorAt(origin, filter.error, endpointHint));
    return never;
  }
}

const wholePolicy: Origin = { rule: "", source: "policy", line: 0, column: 0 };

const endpointHint =
  'use the host "localhost" or "*" and single ports; other hosts need a proxy on localhost';

function describe({ rule, source, line }: Origin): string {
  return line === 0 ? `${rule} (${source})` : `${rule} (${source}:${line})`;
}

function distinct(problems: readonly Diagnostic[]): Diagnostic[] {
  const byText = new Map(problems.map((problem) => [JSON.stringify(problem), problem]));
  return [...byText.values()];
}
