// What the policy says about a host: by the name that was asked for, and by every address the name
// turned out to have. A name that is allowed does not make the addresses behind it allowed: whoever
// owns the name chooses them.

import {
  type Address,
  type AddressClass,
  classOfAddress,
  embeddedAddress,
  formatAddress,
} from "../base/address.ts";
import type { Attempt } from "../model/attempt.ts";
import type { Atom, Capabilities, Capability } from "../model/capability.ts";
import type { NetProtocol } from "../model/event.ts";
import { prepareDecider } from "../policy/decide.ts";
import type { Host } from "./host.ts";
import type { Judgement } from "./record.ts";

export interface Target {
  readonly host: Host;
  readonly port: number;
  readonly protocol: Exclude<NetProtocol, "dns">;
}

export interface Judge {
  /** May this host be connected to, as far as its name or its literal address tells. */
  connect(target: Target): Judgement;
  /** May the request be made; the connection was judged before. */
  request(target: Target): Judgement;
  /** Why this address of an allowed name must not be connected to; undefined when it may. */
  flawOfAddress(address: Address, target: Target): Judgement | undefined;
  /** Could any port of this name be connected to. */
  couldReach(name: string): Judgement;
}

const classWords: Readonly<Record<AddressClass, string>> = {
  public: "a public address",
  unspecified: "this machine",
  loopback: "this machine",
  private: "a private network",
  "link-local": "the local link",
  metadata: "a cloud's metadata service",
  shared: "a provider's network",
  multicast: "many machines",
  documentation: "an address for documentation",
  transition: "an address that carries another",
  reserved: "a reserved address",
};

export function createJudge(capabilities: Capabilities, agent: string): Judge {
  const decider = prepareDecider(capabilities);
  const ports = portsWorthAsking(capabilities);
  const decide = (action: NetAction, target: Target): Judgement => {
    const { outcome, rule, reason } = decider.decide(attemptOf(agent, action, target));
    return { isAllowed: outcome === "allow", rule: rule?.rule ?? "", reason };
  };
  const matching = (address: Address, target: Target): readonly Capability[] =>
    decider.matching(attemptOf(agent, "NetConnect", { ...target, host: literal(address) }));

  function flawOfAddress(address: Address, target: Target): Judgement | undefined {
    const rules = matching(address, target);
    const inner = embeddedAddress(address);
    const innerRules = inner === undefined ? [] : matching(inner, target);
    const forbid = [...rules, ...innerRules].find(({ effect }) => effect === "forbid");
    const where = describe(target.host, address);
    if (forbid !== undefined)
      return { isAllowed: false, rule: forbid.origin.rule, reason: `${where} is forbidden` };
    const kind = classOfAddress(address);
    if (kind === "public" || rules.some(namesAddress)) return undefined;
    if (target.host.text === "localhost" && kind === "loopback" && localhost(target) !== undefined)
      return undefined;
    const reason = `${where} is ${classWords[kind]}, and no permit names it`;
    return { isAllowed: false, rule: "", reason };
  }

  /**
   * `localhost` in a rule is 127.0.0.1 and ::1, which nobody but this machine answers for. What
   * that rule says; undefined when there is none that permits.
   */
  function localhost(target: Target, action: NetAction = "NetConnect"): Judgement | undefined {
    if (!localTexts.includes(target.host.text)) return undefined;
    const local = { ...target, host: { text: "localhost", address: undefined } };
    if (!decider.matching(attemptOf(agent, action, local)).some(namesAddress)) return undefined;
    const judgement = decide(action, local);
    return judgement.isAllowed ? judgement : undefined;
  }

  return {
    connect(target) {
      const judgement = decide("NetConnect", target);
      const { address } = target.host;
      if (address === undefined) return judgement;
      const local = judgement.isAllowed || judgement.rule === "" ? localhost(target) : undefined;
      if (local !== undefined) return local;
      return judgement.isAllowed ? (flawOfAddress(address, target) ?? judgement) : judgement;
    },
    request: (target) => {
      const judgement = decide("NetRequest", target);
      if (judgement.isAllowed || judgement.rule !== "") return judgement;
      return localhost(target, "NetRequest") ?? judgement;
    },
    flawOfAddress,
    couldReach: (name) => {
      const target = { host: { text: name, address: undefined }, protocol: "tcp" } as const;
      return firstAllowed(ports.map((port) => () => decide("NetConnect", { ...target, port })));
    },
  };
}

/** The first judgement that allows, else the one that says most about why not. */
function firstAllowed(judgements: readonly (() => Judgement)[]): Judgement {
  let denial: Judgement = { isAllowed: false, rule: "", reason: "no permit matched" };
  for (const judge of judgements) {
    const judgement = judge();
    if (judgement.isAllowed) return judgement;
    if (judgement.rule !== "") denial = judgement;
  }
  return denial;
}

type NetAction = "NetConnect" | "NetRequest";

const localTexts = ["localhost", "127.0.0.1", "::1"];

function attemptOf(agent: string, action: NetAction, { host, port }: Target): Attempt {
  return { action, agent, resource: { path: host.text, host: host.text, port } };
}

function literal(address: Address): Host {
  return { text: formatAddress(address), address };
}

/** Whether a permit means this address, and not everything or everything but something. */
function namesAddress({ effect, where }: Capability): boolean {
  return effect === "permit" && where.some(isAboutHost);
}

function isAboutHost(atom: Atom): boolean {
  if (atom.negated) return false;
  if (atom.kind === "host-equals") return true;
  return atom.kind === "host-like" && atom.parts.some((part) => part !== "");
}

/**
 * Every port whose verdict can differ: rules compare with constants only, so one port from each
 * stretch between two of them stands for all.
 */
function portsWorthAsking({ capabilities }: Capabilities): readonly number[] {
  const ports = new Set([1, 80, 443, 65_535]);
  for (const { where } of capabilities)
    for (const atom of where) {
      if (atom.kind !== "port") continue;
      for (const port of [atom.port - 1, atom.port, atom.port + 1])
        if (port >= 0 && port <= 65_535) ports.add(port);
    }
  return [...ports];
}

function describe({ text, address: literalAddress }: Host, address: Address): string {
  const shown = formatAddress(address);
  return literalAddress === undefined ? `${shown}, the address of ${text},` : shown;
}
