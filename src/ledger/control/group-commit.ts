// Many clients that append at once share transactions: which of them, and when the next is begun.

import type { AppendOutcome, AppendRequest, NewLoggedEvent } from "./contract.ts";

export interface Appended {
  /** In the order of the requests. */
  readonly outcomes: readonly AppendOutcome[];
  readonly stored: readonly NewLoggedEvent[];
}

/** @param onCommitted the next transaction may be begun, though this one is not durable yet */
type AppendAll = (requests: readonly AppendRequest[], onCommitted: () => void) => Promise<Appended>;

interface Waiting {
  readonly requests: readonly AppendRequest[];
  readonly resolve: (outcomes: readonly AppendOutcome[]) => void;
  readonly reject: (error: unknown) => void;
}

/** Events in one transaction: more would make the first of them wait too long. */
const batchSizeMax = 2000;

/**
 * Appends one transaction after the other.
 * @param tell of each event once it is durable, in the order of the ledger
 */
export function createGroupCommit(
  appendAll: AppendAll,
  tell: (event: NewLoggedEvent) => void,
): (requests: readonly AppendRequest[]) => Promise<readonly AppendOutcome[]> {
  const waiting: Waiting[] = [];
  /** Events that wait, and those that are committed or about to be, and not durable yet. */
  const count = { waiting: 0, underWay: 0 };
  let isWriting = false;

  /**
   * While the disk is busy the next transaction is made as soon as it is as large as what the disk
   * has to do: so neither waits for the other, and many share what a commit costs.
   */
  function begin(): void {
    if (isWriting || waiting.length === 0 || count.waiting < count.underWay) return;
    isWriting = true;
    // Whoever comes in this turn of the loop shares the transaction.
    setImmediate(() => void write());
  }

  async function write(): Promise<void> {
    const batch = takeBatch(waiting);
    const requests = batch.flatMap((one) => one.requests);
    count.waiting -= requests.length;
    count.underWay += requests.length;
    let isWritten = false;
    const goOn = (): void => {
      if (!isWritten) isWriting = false;
      isWritten = true;
      begin();
    };
    try {
      const { outcomes, stored } = await appendAll(requests, goOn);
      for (const event of stored) tell(event);
      let at = 0;
      for (const { requests: own, resolve } of batch) {
        resolve(outcomes.slice(at, at + own.length));
        at += own.length;
      }
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
    count.underWay -= requests.length;
    goOn();
  }

  return (requests) =>
    new Promise((resolve, reject) => {
      waiting.push({ requests, resolve, reject });
      count.waiting += requests.length;
      begin();
    });
}

function takeBatch(waiting: Waiting[]): Waiting[] {
  const batch: Waiting[] = [];
  let size = 0;
  for (let next = waiting[0]; next !== undefined; next = waiting[0]) {
    if (batch.length > 0 && size + next.requests.length > batchSizeMax) break;
    size += next.requests.length;
    batch.push(next);
    waiting.shift();
  }
  return batch;
}
