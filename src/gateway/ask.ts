// Connections that no rule is about, put to a person. What a rule forbids never comes here, and
// nothing is resolved before the answer: a question to another machine could carry data out.

import type { Ip } from "../base/ip.ts";
import type { Protocol } from "../model/capability.ts";
import { classWords } from "./address.ts";
import { hostOfIp } from "./host.ts";
import type { Judge, Target } from "./judge.ts";
import type { Caller, Judgement } from "./record.ts";

export interface AskedConnection {
  /** A name, or the canonical text of an address. */
  readonly host: string;
  /** 0 for what knows no ports. */
  readonly port: number;
  readonly protocol: Protocol;
  /** Of the address: the name it was found for. */
  readonly name: string | undefined;
  /** Of an address that is not public: what it is, in words. */
  readonly kind: string | undefined;
  readonly caller: Caller;
}

export type ConnectionAnswer = "no" | "once" | "session" | "always" | "folder" | "unasked";

/** Must not throw. `signal`: nobody waits for the answer any more. */
export type AskConnection = (
  asked: AskedConnection,
  signal: AbortSignal,
) => Promise<ConnectionAnswer>;

/** Puts one target to the person; what the answer makes of `denial`. */
export type AskTarget = (
  target: Target,
  denial: Judgement,
  name: string | undefined,
) => Promise<Judgement>;

/** The client while a question about it stands. */
export interface Waiting {
  /** It went away. */
  readonly signal: AbortSignal;
  readonly begin: () => void;
  readonly end: () => void;
}

export function askTarget(
  { ask, judge }: { readonly ask: AskConnection | undefined; readonly judge: Judge },
  caller: Caller,
  { signal, begin, end }: Waiting,
): AskTarget | undefined {
  if (ask === undefined) return undefined;
  return async ({ host, port, protocol }, denial, name) => {
    const family = host.ip === undefined ? undefined : judge.classOf(host.ip);
    const kind = family === undefined || family === "public" ? undefined : classWords[family];
    begin();
    const answer = await ask({ host: host.text, port, protocol, name, kind, caller }, signal);
    end();
    if (answer === "unasked") return denial;
    const isAllowed = answer !== "no" && !signal.aborted;
    const outcome = isAllowed ? "allowed" : "denied";
    const rule = `ask:${isAllowed ? answer : "no"}`;
    return { isAllowed, rule, reason: `${outcome} when asked` };
  };
}

/** Denied for the want of a rule. */
export function isOpenToQuestion(judge: Judge, target: Target, judgement: Judgement): boolean {
  if (judgement.isAllowed || judgement.rule !== "") return false;
  const { ip } = target.host;
  const flaw = ip === undefined ? undefined : judge.flawOfIp(ip, target);
  return flaw === undefined || flaw.rule === "";
}

/** The address of a name, as a target of its own: the first that no rule forbids. */
export function askableAddress(
  target: Target,
  ips: readonly Ip[],
  flaws: readonly (Judgement | undefined)[],
): { readonly target: Target; readonly denial: Judgement } | undefined {
  for (const [at, ip] of ips.entries()) {
    const denial = flaws[at];
    if (denial !== undefined && denial.rule === "")
      return { target: { ...target, host: hostOfIp(ip) }, denial };
  }
  return undefined;
}

/** A yes to a connection is one to the requests on it that no rule forbids. */
export function withAnswer(judge: Judge, { host, port }: Target, answer: Judgement): Judge {
  return {
    ...judge,
    request(wanted) {
      const judgement = judge.request(wanted);
      const isSame = wanted.host.text === host.text && wanted.port === port;
      return isSame && !judgement.isAllowed && judgement.rule === "" ? answer : judgement;
    },
  };
}

/** A person said yes. */
export function wasAsked({ rule, isAllowed }: Judgement): boolean {
  return isAllowed && rule.startsWith("ask:");
}
