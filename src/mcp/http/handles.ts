// Handles of the protocol's sessions as clients are given them: the server's own, with a seal for
// whoever it was given to. Without it who knows a handle would have the session, and who makes one
// up would have another one in the ledger, without taint and with new budgets. Nothing has to be
// remembered, so that sessions outlive the proxy. Pure; handles come from anyone.

import { equalInConstantTime } from "../../control/constant-time.ts";

export interface SessionHandles {
  /** What a client is given. @param holder who it is */
  seal(session: string, holder: string): string;
  /** What the server knows the session by; undefined where this holder was not given it. */
  open(handle: string, holder: string): string | undefined;
}

export function createSessionHandles(secret: Uint8Array): SessionHandles {
  return {
    seal: (session, holder) => `${session}.${sealOf(session, holder, secret).toHex()}`,
    open(handle, holder) {
      const [, session = "", seal = ""] = /^(.+)\.([0-9a-f]{64})$/.exec(handle) ?? [];
      if (session === "") return undefined;
      const wanted = sealOf(session, holder, secret);
      return equalInConstantTime(wanted, Uint8Array.fromHex(seal)) ? session : undefined;
    },
  };
}

/** The words before them keep it from being anything else that the same secret seals. */
function sealOf(session: string, holder: string, secret: Uint8Array): Uint8Array {
  const hasher = new Bun.CryptoHasher("sha256", secret);
  hasher.update(`aegis mcp session\n${JSON.stringify([holder, session])}`);
  return new Uint8Array(hasher.digest());
}
