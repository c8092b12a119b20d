// Signing the head of a ledger that a server adds to for months: when it starts, now and then, and
// when it ends, so that little of it is ever unsigned, also after a server that was killed. Several
// servers may do so on one ledger: what they sign are heads of one tree.

import { AegisError } from "../../base/errors.ts";
import { lastSignMs, signEveryMs } from "../../base/limits.ts";
import type { RememberedHead } from "./head-memory.ts";
import { emptyTree, rootOf } from "./merkle.ts";
import { refuseContradiction, type SigningParts, signSharedHead } from "./signing.ts";

export interface HeadSigner {
  /** Signs a last time and ends; what cannot be signed by then is when a server starts again. */
  stop(): Promise<void>;
}

/**
 * Signs what is not signed yet, then looks again and again.
 * @param tell once of each reason that keeps the ledger unsigned
 * @throws {AegisError} `ledger/tampered` when the ledger is not the one that was signed before
 */
export async function startHeadSigner(
  parts: SigningParts,
  tell: (failure: unknown) => void,
  everyMs = signEveryMs,
): Promise<HeadSigner> {
  let told = "";
  let turn: Promise<void> | undefined;

  function failed(error: unknown): void {
    if (String(error) !== told) tell(error);
    told = String(error);
  }

  async function sign(): Promise<void> {
    await signWhatIsThere(parts);
    told = "";
  }

  /** One after the other. */
  function signInTurn(): Promise<void> {
    turn ??= sign()
      .catch(failed)
      .finally(() => {
        turn = undefined;
      });
    return turn;
  }

  await sign().catch((error: unknown) => {
    if (error instanceof AegisError && error.code === "ledger/tampered") throw error;
    failed(error);
  });
  const timer = setInterval(() => void signInTurn(), everyMs).unref();
  return {
    async stop() {
      clearInterval(timer);
      // A turn that is under way may have begun before the last event.
      const last = (turn ?? Promise.resolve()).then(signInTurn);
      const { promise: late, resolve } = Promise.withResolvers<void>();
      const wait = setTimeout(resolve, lastSignMs);
      await Promise.race([last, late]);
      clearTimeout(wait);
    },
  };
}

async function signWhatIsThere(parts: SigningParts): Promise<void> {
  const { store, memory } = parts;
  const { size } = await store.head();
  const remembered = memory.latest();
  // Of nothing there is nothing to sign, unless something was there; but which ledger it is that
  // begins here is known from now on.
  if (size > 0 || (remembered?.size ?? 0) > 0) await signSharedHead(parts);
  else if (remembered === undefined) memory.remember(nothingIn(store.origin), true);
  else refuseContradiction(store.origin, emptyTree, remembered, memory.place);
}

function nothingIn(origin: string): RememberedHead {
  return { origin, size: 0, root: rootOf(emptyTree).toBase64() };
}
