// What a terminal has shown, as somebody reads it who waits for the next thing.

import { waitFor } from "./harness.ts";

export interface Shown {
  add(bytes: Uint8Array): void;
  /** All of it so far. */
  readonly all: string;
  /** What was not waited for yet. */
  readonly fresh: string;
  /** Waits for text that was not seen before. */
  see(wanted: RegExp): Promise<string>;
}

export function createShown(): Shown {
  const text = new TextDecoder();
  let all = "";
  let seen = 0;
  const look = (wanted: RegExp): string | undefined => {
    const found = wanted.exec(all.slice(seen));
    if (found === null) return undefined;
    seen += found.index + found[0].length;
    return found[0];
  };
  return {
    add(bytes) {
      all += text.decode(bytes, { stream: true });
    },
    get all() {
      return all;
    },
    get fresh() {
      return all.slice(seen);
    },
    async see(wanted) {
      try {
        return await waitFor(`${wanted}`, () => look(wanted));
      } catch (cause) {
        throw new Error(`no ${wanted} at the terminal, which shows:\n${all}`, { cause });
      }
    },
  };
}
