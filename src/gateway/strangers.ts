// Connections that have not said what they are, by where they come from: where a caller's own
// socket was connected, another connection of the helper speaks for it. Nothing of the secret then
// travels on a socket that the box holds. Either of the two may be seen first.

import type { Endpoint } from "./endpoint.ts";

/** What a new client brings: bytes it has sent, and what to call as it comes and goes. */
export interface Arrival {
  readonly early: Uint8Array;
  readonly settled: () => void;
  readonly closed: (error?: string) => void;
}

export interface Stranger {
  readonly client: Endpoint;
  /** From now on it is no stranger. */
  readonly take: () => Arrival;
}

export type UseStranger = (stranger: Stranger) => void;

export interface Strangers {
  /** One that has said nothing, or not enough to be anything. */
  came(stranger: Stranger): void;
  /** It is gone, or is something by itself. */
  left(client: Endpoint): void;
  /** False: somebody expects it already. */
  expect(source: string, use: UseStranger): boolean;
  /** Nobody expects it any more. */
  forget(source: string): void;
}

export function createStrangers(): Strangers {
  const here = new Map<string, Stranger>();
  const expected = new Map<string, UseStranger>();
  return {
    came(stranger) {
      const { source } = stranger.client;
      const use = expected.get(source);
      expected.delete(source);
      if (use === undefined) here.set(source, stranger);
      else use(stranger);
    },
    left(client) {
      if (here.get(client.source)?.client === client) here.delete(client.source);
    },
    expect(source, use) {
      const stranger = here.get(source);
      here.delete(source);
      if (stranger !== undefined) use(stranger);
      else if (expected.has(source)) return false;
      else expected.set(source, use);
      return true;
    },
    forget(source) {
      expected.delete(source);
    },
  };
}

/** As `Endpoint.source` has it. */
export function sourceOf(address: string, port: number): string {
  return `${address} ${port}`;
}
