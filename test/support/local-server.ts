// A control plane in this process, on a free port of this machine.

import { createControlLog } from "../../src/ledger/control/log.ts";
import { createMemoryStore } from "../../src/ledger/memory.ts";
import { type RunningServer, type ServerOptions, startServer } from "../../src/server/server.ts";

const origin = "aegis.local/test";

/** What `said` does not say: a log in memory, everything denied, no keys, no limits, no TLS. */
export function startLocalServer(said: Partial<ServerOptions> = {}): RunningServer {
  return startServer({
    ...{ hostname: "127.0.0.1", port: 0, origin, tls: undefined },
    ...{ manifest: {}, keys: [], secret: new Uint8Array(32) },
    ...{ nowMs: () => 1_700_000_000_000, rateLimit: 0 },
    decide: () => ({ outcome: "deny", reason: "NONE", constraints: {} }),
    ...said,
    log: said.log ?? createControlLog(createMemoryStore(said.origin ?? origin)),
  });
}
