// What is answered about sessions whose events were purged.

import { AegisError } from "../../base/errors.ts";
import type { SessionId } from "../../base/ids.ts";
import { isPurged } from "../session-state.ts";
import type { Store } from "../store.ts";

export function sessionPurged(id: SessionId): AegisError {
  return new AegisError("ledger/purged", `The events of session "${id}" were purged`, {
    hint: "`aegis audit sessions` has what is left of it; SESSION_PURGED events say when and by whom",
  });
}

/** @throws {AegisError} `ledger/purged` */
export async function requireKept(store: Pick<Store, "session">, id: SessionId): Promise<void> {
  const state = await store.session(id);
  if (state !== undefined && isPurged(state)) throw sessionPurged(id);
}
