// Whether a name inside a connection is the host the connection was granted for.

import type { Host } from "./host.ts";
import type { Judge, Target } from "./judge.ts";

/**
 * Why a client must not ask for `host` on a connection to `target`; undefined when it may. On a
 * connection to a literal address a name is right when the policy would allow it by itself.
 */
export function flawOfHost(host: Host, target: Target, judge: Judge): string | undefined {
  if (host.text === target.host.text || isLocal(host, target)) return undefined;
  const isName = host.ip === undefined;
  if (target.host.ip !== undefined && isName && judge.connect({ ...target, host }).isAllowed)
    return undefined;
  return `the request is for ${host.text}, the connection for ${target.host.text}`;
}

/**
 * A literal address and this machine itself are no shared servers, so what cannot be judged may
 * pass.
 */
export function takesForeign({ host }: Target): boolean {
  return host.ip !== undefined || host.text === "localhost";
}

const localTexts = ["localhost", "127.0.0.1", "::1"];

/** Both are this machine, by one of its three spellings. */
export function isLocal(host: Host, target: Target): boolean {
  return localTexts.includes(host.text) && localTexts.includes(target.host.text);
}
