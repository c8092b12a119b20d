// What another policy says to one recorded access. Connections are judged as a box would have them
// judged under that policy: by the gateway where a rule is about hosts, and in a network of the
// box's own where none is granted or they go by name. Pure.

import { parseIp } from "../base/ip.ts";
import { insideRules, ownLoopbackRules } from "../enforce/linux/built-in.ts";
import { networkRules } from "../enforce/linux/by-name.ts";
import { grantsNothing, networkGrants } from "../enforce/linux/network.ts";
import { parseHost } from "../gateway/host.ts";
import { createJudge, type Judge, type Target } from "../gateway/judge.ts";
import type { Judgement } from "../gateway/record.ts";
import type { RecordedAccess } from "../ledger/access.ts";
import type { Capabilities } from "../model/capability.ts";
import { type Decider, prepareDecider } from "../policy/decide.ts";

export interface NewVerdict {
  readonly decision: "allow" | "deny";
  readonly rule: string;
  readonly reason: string;
}

export type Rejudge = (access: RecordedAccess) => NewVerdict;

export function prepareRejudge({ version, capabilities }: Capabilities, agent: string): Rejudge {
  const own = capabilities.filter((rule) => rule.agent === undefined || rule.agent === agent);
  const decider = prepareDecider({ version, capabilities: own });
  const network = prepareNetwork(own, agent);
  return (access) => {
    // What follows from the way a box is made does so under every policy.
    if (access.rule.startsWith("box:")) return access;
    return network(access) ?? plainly(access, agent, decider);
  };
}

function plainly(access: RecordedAccess, agent: string, { decide }: Decider): NewVerdict {
  const { action, path, host, port } = access;
  const protocol = access.protocol === "dns" ? "udp" : access.protocol;
  const resource = { path, host, port, protocol };
  const { outcome, rule, reason } = decide({ action, agent, resource });
  return { decision: outcome === "allow" ? "allow" : "deny", rule: rule?.rule ?? "", reason };
}

type NetworkRejudge = (access: RecordedAccess) => NewVerdict | undefined;

/** Undefined from what it returns: the rules are all there is to it. */
function prepareNetwork(capabilities: Capabilities["capabilities"], agent: string): NetworkRejudge {
  const grants = networkGrants(capabilities);
  const { byName } = grants;
  const judge = createJudge(networkRules(capabilities), agent);
  const hasOwnNetwork = byName !== undefined || grantsNothing(grants);
  const within = byName === undefined ? ownLoopbackRules() : insideRules(byName.localPorts);
  const forbids = capabilities.filter(({ effect }) => effect === "forbid");
  const inside = prepareDecider({ version: 1, capabilities: [...forbids, ...within] });
  return (access) => {
    const { action, host, port, protocol } = access;
    if (host === undefined || port === undefined) return undefined;
    if (protocol === "dns") return verdictOf(judge.couldReach(host));
    if (hasOwnNetwork) {
      const kept = plainly(access, agent, inside);
      if (kept.decision === "allow") return kept;
    }
    const isServer = action === "NetBind";
    const parsed = byName === undefined || isServer ? undefined : parseHost(host);
    if (parsed === undefined) return undefined;
    const target = { host: parsed, port, protocol: protocol ?? "tcp" };
    return verdictOf(byGateway(judge, access, target));
  };
}

/** A name that is allowed does not make the address allowed it led to. */
function byGateway(judge: Judge, { action, address }: RecordedAccess, target: Target): Judgement {
  if (action === "NetRequest") return judge.request(target);
  const judgement = judge.connect(target);
  const ip = address === undefined ? undefined : parseIp(address);
  if (!judgement.isAllowed || ip === undefined || target.host.ip !== undefined) return judgement;
  return judge.flawOfIp(ip, target) ?? judgement;
}

function verdictOf({ isAllowed, rule, reason }: Judgement): NewVerdict {
  return { decision: isAllowed ? "allow" : "deny", rule, reason };
}
