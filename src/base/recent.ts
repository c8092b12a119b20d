// What was used last, kept within two bounds: how many, and how large all of them are together. The
// number alone bounds nothing where sizes are a caller's choice. Pure.

export interface Recent<T> {
  isEmpty(): boolean;
  get(key: string): T | undefined;
  /** As the latest; one that is too large by itself is not kept. */
  keep(key: string, value: T): void;
  forget(key: string): void;
}

export interface RecentBounds<T> {
  readonly countMax: number;
  /** In the unit of `sizeOf`. */
  readonly sizeMax: number;
  readonly sizeOf: (value: T) => number;
}

interface Kept<T> {
  readonly value: T;
  readonly size: number;
}

export function createRecent<T>({ countMax, sizeMax, sizeOf }: RecentBounds<T>): Recent<T> {
  const all = new Map<string, Kept<T>>();
  let total = 0;

  function forget(key: string): void {
    total -= all.get(key)?.size ?? 0;
    all.delete(key);
  }

  return {
    isEmpty: () => all.size === 0,
    get: (key) => all.get(key)?.value,
    forget,
    keep(key, value) {
      forget(key);
      const size = sizeOf(value);
      if (size > sizeMax) return;
      all.set(key, { value, size });
      total += size;
      for (const oldest of all.keys()) {
        if (all.size <= countMax && total <= sizeMax) return;
        forget(oldest);
      }
    },
  };
}
