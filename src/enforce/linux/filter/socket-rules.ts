// Which sockets a box may make, and what it may set of them.

import { denied, except, noFamily, only } from "./call-rule.ts";
import { type Answer, anyBit, type CallRule } from "./filter.ts";

export interface SocketPolicy {
  /**
   * `tcp`: plain TCP and nothing that could pass for it; `tcp-udp`: these two; `any`: whatever
   * protocol IP carries, but no raw access; `own`: the same but for pings, which a network
   * namespace of the box's own refuses; `by-name`: what the gateway carries, TCP, UDP and pings;
   * `unrestricted`: the families are not looked at.
   */
  readonly inet: "none" | "tcp" | "tcp-udp" | "by-name" | "any" | "own" | "unrestricted";
  /** Routing netlink: lists addresses and routes. */
  readonly netlinkRoute: boolean;
  /**
   * Datagram sockets choose a peer in every message, which nobody can judge; false refuses them.
   */
  readonly unixDatagrams: boolean;
  /**
   * Connecting by sending. It passes Landlock up to ABI 9 and cannot be performed for somebody
   * else, so where connections are judged it does not exist, and callers connect instead.
   */
  readonly fastOpen: boolean;
}

const family = { unix: 1, inet: 2, inet6: 10, netlink: 16 } as const;
const socketType = { stream: 1, datagram: 2, seqpacket: 5 } as const;
/** SOCK_NONBLOCK and SOCK_CLOEXEC share the argument with the type. */
const socketTypeMask = 0xf;
const protocol = {
  any: 0,
  icmp: 1,
  tcp: 6,
  udp: 17,
  ip6: 41,
  icmp6: 58,
  udplite: 136,
  mptcp: 262,
} as const;

/** What is said of sockets that are granted, and of those that are not. */
export interface SocketAnswers {
  readonly granted: Answer;
  /** As by a kernel that does not allow it, and as by one that does not know the family. */
  readonly denied: Answer;
  readonly noFamily: Answer;
}

/** @param told the supervisor hears of what is refused, and refuses it */
export function socketAnswers(granted: Answer, told: boolean): SocketAnswers {
  return told ? { granted, denied: "notify", noFamily: "notify" } : { granted, denied, noFamily };
}

export function socketRule(policy: SocketPolicy, answers: SocketAnswers): CallRule {
  const { granted } = answers;
  const cases: { values: number[]; rule: CallRule }[] = [
    { values: [family.unix], rule: unixRule(policy, answers) },
    { values: [family.inet, family.inet6], rule: inetRule(policy.inet, answers) },
  ];
  if (policy.netlinkRoute) {
    cases.push({ values: [family.netlink], rule: only(2, [0], granted, answers.noFamily) });
  }
  // vsock, packet, Bluetooth, the kernel's crypto and whatever comes next: answered as by a kernel
  // without them.
  return { argument: 0, mask: anyBit, cases, otherwise: answers.noFamily };
}

/**
 * The first address of a route is where a packet goes, whatever the socket is connected to:
 * IP_OPTIONS; IPV6_RTHDR, as it was before (2292), among other options and of a flow label.
 */
export const socketOptionRule: CallRule = {
  argument: 1,
  mask: anyBit,
  cases: [
    { values: [protocol.any], rule: except(2, [4], "allow") },
    { values: [protocol.ip6], rule: except(2, [5, 6, 32, 57], "allow") },
  ],
  otherwise: "allow",
};

export function socketPairRule(policy: SocketPolicy, answers: SocketAnswers): CallRule {
  const cases = [{ values: [family.unix], rule: unixRule(policy, answers) }];
  return { argument: 0, mask: anyBit, cases, otherwise: answers.noFamily };
}

function unixRule(policy: SocketPolicy, { granted, denied: refusal }: SocketAnswers): CallRule {
  if (policy.unixDatagrams) return granted;
  const values = [socketType.stream, socketType.seqpacket];
  return {
    argument: 1,
    mask: socketTypeMask,
    cases: [{ values, rule: granted }],
    otherwise: refusal,
  };
}

function inetRule(
  inet: SocketPolicy["inet"],
  { granted, denied: refusal }: SocketAnswers,
): CallRule {
  if (inet === "none") return refusal;
  const { any, tcp, mptcp, udp, udplite, icmp, icmp6 } = protocol;
  const isAny = inet === "any" || inet === "own";
  const stream = isAny ? [any, tcp, mptcp] : [any, tcp];
  const cases: { values: number[]; rule: CallRule }[] = [
    { values: [socketType.stream], rule: only(2, stream, granted, refusal) },
  ];
  if (inet !== "tcp") {
    const pings = inet === "tcp-udp" || inet === "own" ? [] : [icmp, icmp6];
    const values = [any, udp, ...pings, ...(isAny ? [udplite] : [])];
    cases.push({ values: [socketType.datagram], rule: only(2, values, granted, refusal) });
  }
  return { argument: 1, mask: socketTypeMask, cases, otherwise: refusal };
}

/**
 * Whether the interfaces of the network namespace a socket was made in are hidden: those of a box
 * that does not connect by itself come from outside.
 */
export function hidesInterfaces({ inet, netlinkRoute }: SocketPolicy): boolean {
  const isByName = inet === "by-name" || inet === "tcp-udp";
  return inet !== "unrestricted" && (!netlinkRoute || isByName);
}
