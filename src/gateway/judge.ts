// What the policy says about a host: by the name that was asked for, and by every address the name
// turned out to have. A name that is allowed does not make the addresses behind it allowed: whoever
// owns the name chooses them.

import { formatIp, type Ip } from "../base/ip.ts";
import type { Attempt } from "../model/attempt.ts";
import {
  type Atom,
  type Capabilities,
  type Capability,
  type Protocol,
  protocols,
} from "../model/capability.ts";
import { type Decider, prepareDecider } from "../policy/decide.ts";
import { type AddressClass, classOfIp, classWords, embeddedIp } from "./address.ts";
import { type Host, hostOfIp } from "./host.ts";
import type { Judgement } from "./record.ts";

export interface Target {
  readonly host: Host;
  /** 0 for what knows no ports. */
  readonly port: number;
  readonly protocol: Protocol;
}

export interface Judge {
  /** May this host be connected to, as far as its name or its literal address tells. */
  connect(target: Target): Judgement;
  /** May the request be made; the connection was judged before. */
  request(target: Target): Judgement;
  /** Why this address of an allowed name must not be connected to; undefined when it may. */
  flawOfIp(ip: Ip, target: Target): Judgement | undefined;
  /** What kind of place it is. */
  classOf(ip: Ip): AddressClass;
  /** Could anything of this name be connected to. */
  couldReach(name: string): Judgement;
}

export interface JudgeOptions {
  /** What no rule is about is not denied yet, so its name has to be found. */
  readonly asks?: boolean;
  /** Default: by its number alone. */
  readonly classOf?: (ip: Ip) => AddressClass;
}

export function createJudge(
  capabilities: Capabilities,
  agent: string,
  { asks = false, classOf = classOfIp }: JudgeOptions = {},
): Judge {
  const policy: Policy = { decider: prepareDecider(capabilities), agent, classOf };
  const ports = portsWorthAsking(capabilities);
  const flawOfIp = (ip: Ip, target: Target) => flawOf(policy, ip, target);
  return {
    connect(target) {
      const judgement = decide(policy, "NetConnect", target);
      const { ip } = target.host;
      if (ip === undefined || isForbidden(judgement)) return judgement;
      const local = byLocalhost(policy, "NetConnect", target);
      if (local !== undefined) return local;
      return judgement.isAllowed ? (flawOfIp(ip, target) ?? judgement) : judgement;
    },
    request(target) {
      const judgement = decide(policy, "NetRequest", target);
      if (judgement.isAllowed || isForbidden(judgement)) return judgement;
      return byLocalhost(policy, "NetRequest", target) ?? judgement;
    },
    flawOfIp,
    classOf,
    couldReach(name) {
      const host: Host = { text: name, ip: undefined };
      let denial: Judgement = { isAllowed: false, rule: "", reason: "no permit matched" };
      let isAskable = false;
      for (const protocol of protocols)
        for (const port of ports) {
          const judgement = decide(policy, "NetConnect", { host, port, protocol });
          if (judgement.isAllowed) return judgement;
          if (isForbidden(judgement)) denial = judgement;
          else isAskable = asks;
        }
      return isAskable ? { isAllowed: true, rule: "", reason: "asked when it is used" } : denial;
    },
  };
}

type NetAction = "NetConnect" | "NetRequest";

interface Policy {
  readonly decider: Decider;
  readonly agent: string;
  readonly classOf: (ip: Ip) => AddressClass;
}

function decide({ decider, agent }: Policy, action: NetAction, target: Target): Judgement {
  const { outcome, rule, reason } = decider.decide(attemptOf(agent, action, target));
  return { isAllowed: outcome === "allow", rule: rule?.rule ?? "", reason };
}

function matching(
  { decider, agent }: Policy,
  action: NetAction,
  target: Target,
): readonly Capability[] {
  return decider.matching(attemptOf(agent, action, target));
}

function attemptOf(agent: string, action: NetAction, { host, port, protocol }: Target): Attempt {
  return { action, agent, resource: { path: host.text, host: host.text, port, protocol } };
}

/** Denied by a rule, not for the want of one. */
function isForbidden({ isAllowed, rule }: Judgement): boolean {
  return !isAllowed && rule !== "";
}

const localTexts = ["localhost", "127.0.0.1", "::1"];

/**
 * `localhost` in a rule is 127.0.0.1 and ::1, which nobody but this machine answers for. What that
 * rule says; undefined when there is none that permits.
 */
function byLocalhost(policy: Policy, action: NetAction, target: Target): Judgement | undefined {
  if (!localTexts.includes(target.host.text)) return undefined;
  const local = { ...target, host: { text: "localhost", ip: undefined } };
  if (!matching(policy, action, local).some(isAboutHost)) return undefined;
  const judgement = decide(policy, action, local);
  return judgement.isAllowed ? judgement : undefined;
}

function flawOf(policy: Policy, ip: Ip, target: Target): Judgement | undefined {
  const rulesFor = (address: Ip): readonly Capability[] =>
    matching(policy, "NetConnect", { ...target, host: hostOfIp(address) });
  const rules = rulesFor(ip);
  const inner = embeddedIp(ip);
  const innerRules = inner === undefined ? [] : rulesFor(inner);
  const forbid = [...rules, ...innerRules].find(({ effect }) => effect === "forbid");
  const shown = formatIp(ip);
  const isLiteral = target.host.ip !== undefined;
  const where = isLiteral ? shown : `${shown}, the address of ${target.host.text},`;
  if (forbid !== undefined)
    return { isAllowed: false, rule: forbid.origin.rule, reason: `${where} is forbidden` };
  if (rules.some(isAboutHost)) return undefined;
  const kind = policy.classOf(ip);
  if (kind === "public") return undefined;
  const isLocal = target.host.text === "localhost" && kind === "loopback";
  if (isLocal && byLocalhost(policy, "NetConnect", target) !== undefined) return undefined;
  const reason = `${where} is ${classWords[kind]}, and no permit names it`;
  return { isAllowed: false, rule: "", reason };
}

/** Bits of the widest special blocks, 224.0.0.0/4 and fc00::/7: what is wider means everything. */
const namingBitsMin = { 4: 4, 6: 7 } as const;

/** Whether a permit means this host, and not everything or everything but something. */
function isAboutHost({ effect, where }: Capability): boolean {
  return effect === "permit" && where.some((atom) => !atom.negated && isNaming(atom));
}

function isNaming(atom: Atom): boolean {
  switch (atom.kind) {
    case "host-equals":
      return true;
    case "host-cidr":
      return atom.bits >= namingBitsMin[atom.address.includes(":") ? 6 : 4];
    // What begins with a star is about the end of names, and names are not what is asked here.
    case "host-like":
      return atom.parts[0] !== "";
    default:
      return false;
  }
}

/**
 * Every port whose verdict can differ: rules compare with constants only, so one port from each
 * stretch between two of them stands for all.
 */
function portsWorthAsking({ capabilities }: Capabilities): readonly number[] {
  const ports = new Set([0, 1, 80, 443, 65_535]);
  for (const { where } of capabilities)
    for (const atom of where) {
      if (atom.kind !== "port") continue;
      for (const port of [atom.port - 1, atom.port, atom.port + 1])
        if (port >= 0 && port <= 65_535) ports.add(port);
    }
  return [...ports];
}
