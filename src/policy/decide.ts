// Capabilities and an attempt to a verdict: a forbid that matches beats every permit, no match is a
// deny, and so is any error on the way. The one place where a verdict is made; kernel plans are
// compared against it.

import { hasLoneBytes, matchedForm } from "../base/byte-text.ts";
import { isInCidr, parseCidr, parseIp } from "../base/ip.ts";
import { contains } from "../base/paths.ts";
import { assert } from "../base/result.ts";
import type { Attempt } from "../model/attempt.ts";
import type { Action, Atom, Capabilities, Capability, Origin } from "../model/capability.ts";
import type { Outcome, Verdict } from "../model/verdict.ts";
import { flawOf } from "./attempt.ts";
import type { DecisionPermit } from "./decision-permit.ts";
import { isLike } from "./like.ts";

export interface Decider {
  readonly decide: (attempt: Attempt) => Verdict;
  /** Every capability that matches, in the order of the capabilities. */
  readonly matching: (attempt: Attempt) => readonly Capability[];
}

/** For one verdict; whoever needs several prepares a decider. */
export function decide(capabilities: Capabilities, attempt: Attempt): Verdict {
  return prepareDecider(capabilities).decide(attempt);
}

/** Sorts the capabilities so that an attempt meets only those that could match it. */
export function prepareDecider(
  { capabilities }: Capabilities,
  decisionPermits: readonly DecisionPermit[] = [],
): Decider {
  const indexes = new Map<Action, Index>();
  const indexFor = (action: Action): Index => {
    const found = indexes.get(action) ?? buildIndex(capabilities, action);
    indexes.set(action, found);
    return found;
  };
  return {
    decide: (attempt) => {
      try {
        return judge(attempt, indexFor, decisionPermits);
      } catch (error) {
        const cause = error instanceof Error ? error.message : String(error);
        return { outcome: "deny", rule: undefined, reason: `could not be judged: ${cause}` };
      }
    },
    matching: (attempt) =>
      flawOf(attempt) === undefined
        ? capabilities.filter((capability) => matches(capability, asMatched(attempt)))
        : [],
  };
}

/** The sentence of a verdict; the same wherever verdicts are written. */
export function reasonFor(outcome: Outcome, rule: Origin | undefined): string {
  if (rule === undefined) return "no permit matched";
  return `${outcome === "allow" ? "allowed" : "denied"} by ${rule.rule}`;
}

interface Entry {
  readonly isForbid: boolean;
  /** Place among all capabilities: of several rules that match, the first is named. */
  readonly order: number;
  readonly capability: Capability;
}

/**
 * The capabilities for one action, by the plain value they ask for; `scanned` are those that ask
 * for none.
 */
interface Index {
  readonly byPath: ReadonlyMap<string, readonly Entry[]>;
  readonly byFolder: ReadonlyMap<string, readonly Entry[]>;
  readonly byHost: ReadonlyMap<string, readonly Entry[]>;
  readonly scanned: readonly Entry[];
}

interface Best {
  permit: Entry | undefined;
  forbid: Entry | undefined;
}

function judge(
  attempt: Attempt,
  indexFor: (action: Action) => Index,
  decisionPermits: readonly DecisionPermit[],
): Verdict {
  const flaw = flawOf(attempt);
  if (flaw !== undefined)
    return { outcome: "deny", rule: undefined, reason: `could not be judged: ${flaw}` };
  const { permit, forbid } = bestOf(indexFor(attempt.action), asMatched(attempt));
  if (forbid !== undefined) return verdict("deny", forbid.capability.origin);
  if (permit !== undefined) return verdict("allow", permit.capability.origin);
  const decisive = decisionPermits.find(
    ({ actions, covers }) => actions.includes(attempt.action) && covers(attempt),
  );
  return decisive === undefined ? verdict("deny", undefined) : verdict("allow", decisive.origin);
}

/** Rules are about the bytes of a name, here as for the kernel. */
function asMatched(attempt: Attempt): Attempt {
  const { resource } = attempt;
  if (!hasLoneBytes(resource.path)) return attempt;
  return { ...attempt, resource: { ...resource, path: matchedForm(resource.path) ?? "" } };
}

function verdict(outcome: Outcome, rule: Origin | undefined): Verdict {
  return { outcome, rule, reason: reasonFor(outcome, rule) };
}

function buildIndex(capabilities: readonly Capability[], action: Action): Index {
  const byPath = new Map<string, Entry[]>();
  const byFolder = new Map<string, Entry[]>();
  const byHost = new Map<string, Entry[]>();
  const scanned: Entry[] = [];
  for (const [order, capability] of capabilities.entries()) {
    if (!capability.actions.includes(action)) continue;
    const entry = { isForbid: capability.effect === "forbid", order, capability };
    const anchor = capability.where.find(isAnchor);
    if (anchor === undefined) scanned.push(entry);
    else if (anchor.kind === "path-in") add(byFolder, anchor.path, entry);
    else if (anchor.kind === "path-equals") add(byPath, anchor.path, entry);
    else add(byHost, anchor.host, entry);
  }
  return { byPath, byFolder, byHost, scanned };
}

type Anchor = Extract<Atom, { kind: "path-in" | "path-equals" | "host-equals" }>;

function isAnchor(atom: Atom): atom is Anchor {
  const isPlain =
    atom.kind === "path-in" || atom.kind === "path-equals" || atom.kind === "host-equals";
  return isPlain && !atom.negated;
}

function add(map: Map<string, Entry[]>, key: string, entry: Entry): void {
  const found = map.get(key);
  if (found === undefined) map.set(key, [entry]);
  else found.push(entry);
}

function bestOf(index: Index, attempt: Attempt): Best {
  const best: Best = { permit: undefined, forbid: undefined };
  const { path, host } = attempt.resource;
  consider(index.scanned, attempt, best);
  if (index.byPath.size > 0) consider(index.byPath.get(path), attempt, best);
  if (index.byHost.size > 0 && host !== undefined) consider(index.byHost.get(host), attempt, best);
  if (index.byFolder.size > 0) {
    consider(index.byFolder.get(path), attempt, best);
    if (path.startsWith("/") && path !== "/") consider(index.byFolder.get("/"), attempt, best);
    for (let end = path.indexOf("/", 1); end > 0; end = path.indexOf("/", end + 1))
      consider(index.byFolder.get(path.slice(0, end)), attempt, best);
  }
  return best;
}

function consider(entries: readonly Entry[] | undefined, attempt: Attempt, best: Best): void {
  if (entries === undefined) return;
  for (const entry of entries) {
    const rival = entry.isForbid ? best.forbid : best.permit;
    if (rival !== undefined && rival.order < entry.order) continue;
    if (!holdsAll(entry.capability, attempt)) continue;
    if (entry.isForbid) best.forbid = entry;
    else best.permit = entry;
  }
}

function matches(capability: Capability, attempt: Attempt): boolean {
  return capability.actions.includes(attempt.action) && holdsAll(capability, attempt);
}

function holdsAll({ agent, where }: Capability, attempt: Attempt): boolean {
  if (agent !== undefined && agent !== attempt.agent) return false;
  for (const atom of where) if (holds(atom, attempt) === atom.negated) return false;
  return true;
}

function holds(atom: Atom, { resource: { path, host, port, protocol } }: Attempt): boolean {
  switch (atom.kind) {
    case "path-in":
      return contains(atom.path, path);
    case "path-equals":
      return path === atom.path;
    case "path-like":
      return isLike(atom.parts, path);
    case "host-equals":
      return host === atom.host;
    case "host-like":
      return host !== undefined && isLike(atom.parts, host);
    case "host-cidr":
      return host !== undefined && isHostIn(host, atom);
    case "protocol":
      return host !== undefined && (protocol ?? "tcp") === atom.protocol;
    case "port":
      return port !== undefined && comparePort(port, atom.op, atom.port);
  }
}

function isHostIn(host: string, range: Extract<Atom, { kind: "host-cidr" }>): boolean {
  const ip = parseIp(host);
  if (ip === undefined) return false;
  const cidr = parseCidr(`${range.address}/${range.bits}`);
  assert(cidr !== undefined, `"${range.address}/${range.bits}" is a range of addresses`);
  return isInCidr(ip, cidr);
}

function comparePort(port: number, op: string, to: number): boolean {
  switch (op) {
    case "==":
      return port === to;
    case "<":
      return port < to;
    case "<=":
      return port <= to;
    case ">":
      return port > to;
    default:
      return port >= to;
  }
}
