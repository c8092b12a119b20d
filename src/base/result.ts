// Values for outcomes that are expected, and the two ways a bug announces itself.

export type Result<T, E> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: E };

export function ok<T>(value: T): Result<T, never> {
  return { ok: true, value };
}

export function err<E>(error: E): Result<never, E> {
  return { ok: false, error };
}

/** A bug, not an outcome: callers never catch it to carry on. */
export function assert(condition: boolean, claim: string): asserts condition {
  if (!condition) throw new Error(`broken invariant: ${claim}`);
}

/** Makes a `switch` over a union exhaustive at compile time and loud at run time. */
export function assertNever(value: never): never {
  throw new Error(`broken invariant: unexpected value ${JSON.stringify(value)}`);
}
