// How many calls of one tool a tenant may propose in a minute. Counted by this process, in windows
// that begin with the first call. Names come from callers, so their number is bounded, and of each
// only its hash is kept, however long it is.

import { sha256Hex } from "../../base/hash.ts";

export interface ProposedCall {
  readonly tenant: string;
  readonly tool: string;
}

export interface RateLimiter {
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

interface Window {
  readonly sinceMs: number;
  left: number;
}

/** @param perMinute 0: without a limit */
export function createRateLimiter(perMinute: number, nowMs: () => number): RateLimiter {
  const windows = new Map<string, Window>();

  function windowOf(key: string, now: number): Window | undefined {
    const known = windows.get(key);
    if (known !== undefined && isOpen(known, now)) return known;
    if (windows.size >= windowsMax) {
      for (const [name, window] of windows) if (!isOpen(window, now)) windows.delete(name);
      if (windows.size >= windowsMax) return undefined;
    }
    const fresh = { sinceMs: now, left: perMinute };
    windows.set(key, fresh);
    return fresh;
  }

  return {
    take(calls) {
      if (perMinute === 0) return 0;
      const now = nowMs();
      const counts = [...counted(calls)];
      const taken = counts.map(([key, count]) => ({ count, window: windowOf(key, now) }));
      for (const { count, window } of taken) {
        if (window === undefined) return windowMs / 1000;
        if (window.left < count) return Math.ceil((window.sinceMs + windowMs - now) / 1000);
      }
      for (const { count, window } of taken) if (window !== undefined) window.left -= count;
      return 0;
    },
    giveBack(calls) {
      if (perMinute === 0) return;
      for (const [key, count] of counted(calls)) {
        const window = windows.get(key);
        if (window !== undefined) window.left = Math.min(window.left + count, perMinute);
      }
    },
  };
}

function counted(calls: Iterable<ProposedCall>): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { tenant, tool } of calls) {
    const key = sha256Hex(JSON.stringify([tenant, tool]));
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}

/** A clock that was set back opens a new window. */
function isOpen({ sinceMs }: Window, now: number): boolean {
  return now >= sinceMs && now - sinceMs < windowMs;
}
