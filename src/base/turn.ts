// Letting others go first in a process that answers many: who has much to do does it in pieces.

/** Resolves after whatever else waits has had its turn. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
