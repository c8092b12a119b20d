// How many calls of one tool a tenant may propose in a minute. Counted by this process, in windows
// that begin with the first call. Names come from callers, so their number is bounded, for each
// tenant and for all, and of each only its hash is kept, however long it is.

import { sha256Hex } from "../../base/hash.ts";

export interface ProposedCall {
  readonly tenant: string;
  readonly tool: string;
}

export interface RateLimiter {
  /** There is no limit: nothing needs to be counted. */
  readonly isOff: boolean;
  /**
   * Counts all of them or none; without a limit it looks at none.
   * @returns seconds to wait, 0 when they may go on
   */
  take(calls: Iterable<ProposedCall>): number;
  /** They were counted, and turned out to be none: told before, or refused. */
  giveBack(calls: Iterable<ProposedCall>): void;
}

const windowMs = 60_000;
const windowsMax = 100_000;
/** One that invents names takes none from the others. */
const windowsMaxPerTenant = windowsMax / 10;

interface Window {
  readonly sinceMs: number;
  left: number;
}

/** By the tool's hash. */
type Windows = Map<string, Window>;

/** @param perMinute 0: without a limit */
export function createRateLimiter(perMinute: number, nowMs: () => number): RateLimiter {
  const tenants = new Map<string, Windows>();
  let size = 0;

  function forgetOld(windows: Windows, now: number): void {
    for (const [name, window] of windows) {
      if (!isOpen(window, now) && windows.delete(name)) size -= 1;
    }
  }

  function hasRoom(windows: Windows, now: number): boolean {
    if (windows.size >= windowsMaxPerTenant) forgetOld(windows, now);
    if (windows.size >= windowsMaxPerTenant) return false;
    if (size < windowsMax) return true;
    for (const [name, one] of tenants) {
      forgetOld(one, now);
      if (one.size === 0) tenants.delete(name);
    }
    return size < windowsMax;
  }

  function windowOf({ tenant, tool }: Counted, now: number): Window | undefined {
    const windows = tenants.get(tenant) ?? new Map<string, Window>();
    const known = windows.get(tool);
    if (known !== undefined && isOpen(known, now)) return known;
    if (known === undefined) {
      if (!hasRoom(windows, now)) return undefined;
      size += 1;
    }
    const fresh = { sinceMs: now, left: perMinute };
    windows.set(tool, fresh);
    tenants.set(tenant, windows);
    return fresh;
  }

  return {
    isOff: perMinute === 0,
    take(calls) {
      if (perMinute === 0) return 0;
      const now = nowMs();
      const taken = counted(calls).map((call) => ({
        count: call.count,
        window: windowOf(call, now),
      }));
      for (const { count, window } of taken) {
        if (window === undefined) return windowMs / 1000;
        if (window.left < count) return Math.ceil((window.sinceMs + windowMs - now) / 1000);
      }
      for (const { count, window } of taken) if (window !== undefined) window.left -= count;
      return 0;
    },
    giveBack(calls) {
      if (perMinute === 0) return;
      for (const { tenant, tool, count } of counted(calls)) {
        const window = tenants.get(tenant)?.get(tool);
        if (window !== undefined) window.left = Math.min(window.left + count, perMinute);
      }
    },
  };
}

interface Counted extends ProposedCall {
  count: number;
}

/** Each once, by the hashes of its names. */
function counted(calls: Iterable<ProposedCall>): readonly Counted[] {
  const counts = new Map<string, Counted>();
  for (const { tenant, tool } of calls) {
    const key = JSON.stringify([tenant, tool]);
    const known = counts.get(key);
    if (known === undefined)
      counts.set(key, { tenant: sha256Hex(tenant), tool: sha256Hex(tool), count: 1 });
    else known.count += 1;
  }
  return [...counts.values()];
}

/** A clock that was set back opens a new window. */
function isOpen({ sinceMs }: Window, now: number): boolean {
  return now >= sinceMs && now - sinceMs < windowMs;
}
