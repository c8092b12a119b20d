// Time comes in through this interface so that tests own it.

export interface Clock {
  /** Milliseconds since the Unix epoch, an integer. */
  nowUnixMs(): number;
  /** Monotonic milliseconds with fractions; only differences mean anything. */
  monotonicMs(): number;
}

export const systemClock: Clock = {
  nowUnixMs: () => Date.now(),
  monotonicMs: () => performance.now(),
};
