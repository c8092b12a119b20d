// The built binary as a server for campaigns: started on a free port, with a home of its own.

import { aegisBinary } from "../test/support/harness.ts";

export interface ServedProcess {
  readonly url: string;
  readonly pid: number;
  /** At once, as a crash would; resolves when it is gone. */
  kill(): Promise<void>;
  /** @returns its exit status */
  stop(): Promise<number>;
}

/** @throws when it does not come up */
export async function startServed(home: string): Promise<ServedProcess> {
  const child = Bun.spawn([aegisBinary(), "serve", "--addr", ":0"], {
    env: { HOME: home, PATH: process.env.PATH ?? "" },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const reader = child.stderr.getReader();
  for (let said = ""; ; ) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`Cannot start the server: ${said}`);
    said += new TextDecoder().decode(value);
    const url = /http:\/\/\S+/.exec(said)?.[0];
    if (url === undefined) continue;
    // Whatever else it says must not stop it.
    void drain(reader);
    return {
      url,
      pid: child.pid,
      async kill() {
        child.kill("SIGKILL");
        await child.exited;
      },
      async stop() {
        child.kill("SIGTERM");
        return child.exited;
      },
    };
  }
}

async function drain(reader: { read(): Promise<{ done: boolean }> }): Promise<void> {
  while (!(await reader.read()).done);
}

/** Numbers from 0 to 1, the same for the same seed. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
