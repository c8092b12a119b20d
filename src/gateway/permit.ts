// From what was asked for to the addresses that may be used for it: the name is judged, resolved
// once, and every address it has is judged. Nothing is resolved again after that.

import { formatIp, type Ip, parseIp } from "../base/ip.ts";
import { dialAddressesMax, resolveTimeoutMs } from "../base/limits.ts";
import { type AskTarget, askableAddress, isOpenToQuestion } from "./ask.ts";
import type { DialFailure } from "./dial.ts";
import type { Judge, Target } from "./judge.ts";
import type { Details, Judgement } from "./record.ts";

/** Addresses of a name as text, the preferred one first. @throws when there are none */
export type ResolveName = (name: string) => Promise<readonly string[]>;

export interface PermitContext {
  readonly judge: Judge;
  readonly resolve: ResolveName;
}

export interface Permission {
  readonly judgement: Judgement;
  /** What may be dialled. */
  readonly ips: readonly Ip[];
  /** Why the name is refused, when it is one of its addresses. */
  readonly refusedIp?: Ip;
  /** Allowed, but there is nothing to dial. */
  readonly failure: DialFailure | undefined;
}

export interface PermitOptions {
  /** Undefined: what no rule is about is denied. */
  readonly ask: AskTarget | undefined;
  /** IPv6 addresses of a name are of no use. */
  readonly takesIpv4Only?: boolean;
}

export async function permit(
  context: PermitContext,
  target: Target,
  { ask, takesIpv4Only = false }: PermitOptions,
): Promise<Permission> {
  const judged = context.judge.connect(target);
  const isAsked = ask !== undefined && isOpenToQuestion(context.judge, target, judged);
  const judgement = isAsked ? await ask(target, judged, undefined) : judged;
  const { ip } = target.host;
  if (!judgement.isAllowed) return { judgement, ips: [], failure: undefined };
  if (ip !== undefined) return { judgement, ips: [ip], failure: undefined };
  const name = target.host.text;
  const all = await lookup(context.resolve, name);
  const found = takesIpv4Only ? all.filter(({ family }) => family === 4) : all;
  if (found.length === 0) {
    const error = `${name} ${all.length === 0 ? "does not resolve" : "has IPv6 addresses only"}`;
    const errno = all.length === 0 ? hostUnreachable : networkUnreachable;
    return { judgement, ips: [], failure: { errno, error } };
  }
  const flaws = found.map((candidate) => context.judge.flawOfIp(candidate, target));
  const ips = found.filter((_, at) => flaws[at] === undefined);
  const askable = ips.length > 0 ? undefined : askableAddress(target, found, flaws);
  if (ask !== undefined && askable?.target.host.ip !== undefined) {
    const answer = await ask(askable.target, askable.denial, name);
    const { ip: askedIp } = askable.target.host;
    if (answer.isAllowed) return { judgement: answer, ips: [askedIp], failure: undefined };
    return { judgement: answer, ips, refusedIp: askedIp, failure: undefined };
  }
  const [flaw] = flaws;
  const [refusedIp] = found;
  if (ips.length === 0 && flaw !== undefined && refusedIp !== undefined)
    return { judgement: flaw, ips, refusedIp, failure: undefined };
  return { judgement, ips: ips.slice(0, dialAddressesMax), failure: undefined };
}

/** The address for the record, unless the target is that address. */
export function shownIp(
  { host }: Target,
  { ips: [first], refusedIp }: Permission,
): Pick<Details, "address"> {
  const ip = first ?? refusedIp;
  return ip === undefined || host.ip !== undefined ? {} : { address: formatIp(ip) };
}

/** The addresses of a name, none when it has none or nobody knows in time. */
async function lookup(resolve: ResolveName, name: string): Promise<readonly Ip[]> {
  if (name === "localhost") return localIps;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<readonly string[]>((settle) => {
    timer = setTimeout(() => settle([]), resolveTimeoutMs);
  });
  try {
    const texts = await Promise.race([resolve(name), late]);
    return texts.map(parseIp).filter((ip) => ip !== undefined);
  } catch {
    // ignored: a name that cannot be resolved has no address, which the caller is told
    return [];
  } finally {
    clearTimeout(timer);
  }
}

/** Linux errnos. */
const networkUnreachable = 101;
const hostUnreachable = 113;

const localIps = [parseIp("127.0.0.1"), parseIp("::1")].filter((ip) => ip !== undefined);
