// One after the other where things have the same key, at the same time where they have not. Only
// within this process; what other processes do is up to the ledger.

export interface Turns {
  /** Undefined where too many wait already; else what `work` gives, once it had its turn. */
  take<Result extends object>(
    key: string,
    work: () => Promise<Result>,
  ): Promise<Result | undefined>;
}

interface Line {
  last: Promise<unknown>;
  length: number;
}

/** @param waitingMax of one key, the one whose turn it is included */
export function createTurns(waitingMax: number): Turns {
  const lines = new Map<string, Line>();
  return {
    async take(key, work) {
      const line = lines.get(key) ?? { last: Promise.resolve(), length: 0 };
      if (line.length >= waitingMax) return undefined;
      lines.set(key, line);
      line.length += 1;
      const done = line.last.then(work);
      // ignored: whoever waits for this turn has its error, the next one begins without it
      line.last = done.catch(() => undefined);
      try {
        return await done;
      } finally {
        line.length -= 1;
        if (line.length === 0) lines.delete(key);
      }
    },
  };
}
