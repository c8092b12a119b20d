// Whether a quantity that goes up and down stays where it is: from when on a series of samples is
// settled, and the line through what comes after. Pure.

export interface Sample {
  readonly ms: number;
  readonly value: number;
}

export interface Line {
  readonly perMinute: number;
  /** Standard error of `perMinute`: twice as much either way is likely. */
  readonly error: number;
}

/**
 * When the warm-up is over, by the marginal standard error rule (MSER, White 1997): the part is cut
 * off without which the mean of the rest is known best. Never more than the first half, so that
 * what grows without end is judged by its second half and not cut away.
 * @param windowMs samples are averaged over windows of this length first
 */
export function settledMs(samples: readonly Sample[], windowMs: number): number {
  const windows = averaged(samples, windowMs);
  let best = { ms: 0, error: Number.POSITIVE_INFINITY };
  for (const [cut, { ms }] of windows.entries()) {
    if (cut > windows.length / 2) break;
    const rest = windows.slice(cut).map(({ value }) => value);
    const error = sumOfSquares(rest) / rest.length ** 2;
    if (error < best.error) best = { ms: ms - windowMs / 2, error };
  }
  return best.ms;
}

/** By least squares through the averages of windows; no slope where there are less than three. */
export function lineThrough(samples: readonly Sample[], windowMs: number): Line {
  const windows = averaged(samples, windowMs);
  if (windows.length < 3) return { perMinute: 0, error: Number.POSITIVE_INFINITY };
  const minutes = windows.map(({ ms }) => ms / 60_000);
  const values = windows.map(({ value }) => value);
  const [middle, mean] = [meanOf(minutes), meanOf(values)];
  const spread = sumOfSquares(minutes);
  const perMinute =
    minutes.reduce((sum, minute, at) => sum + (minute - middle) * ((values[at] ?? 0) - mean), 0) /
    spread;
  const rest = values.map((value, at) => value - perMinute * (minutes[at] ?? 0));
  return { perMinute, error: Math.sqrt(sumOfSquares(rest) / (windows.length - 2) / spread) };
}

/** One sample for each whole window, in its middle. */
function averaged(samples: readonly Sample[], windowMs: number): readonly Sample[] {
  const windows = Map.groupBy(samples, ({ ms }) => Math.floor(ms / windowMs));
  return [...windows].map(([at, inside]) => {
    return { ms: (at + 0.5) * windowMs, value: meanOf(inside.map(({ value }) => value)) };
  });
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function sumOfSquares(values: readonly number[]): number {
  const mean = meanOf(values);
  return values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
}
