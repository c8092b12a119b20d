// What a server keeps in memory of the sessions it hears of: little, however large their requests.

import { expect, test } from "bun:test";
import { createControlLog } from "../../../src/ledger/control/log.ts";
import { openSqliteStore } from "../../../src/ledger/sqlite/store.ts";
import { megabytesKept } from "../../support/kept-memory.ts";
import { startLocalServer } from "../../support/local-server.ts";
import { testMs } from "../../support/patience.ts";
import { tempDir } from "../../support/temp.ts";

const sessions = 40;
const large = "x".repeat(250_000);

test(
  "requests are large, and names in them short",
  async () => {
    const store = openSqliteStore(`${tempDir("kept")}/ledger.db`);
    const log = createControlLog(store);
    const server = startLocalServer({ log, origin: "aegis.local/kept", nowMs: () => 40 });
    const post = async (path: string, body: object): Promise<void> => {
      const init = { method: "POST", body: JSON.stringify(body) };
      const response = await fetch(`http://127.0.0.1:${server.port}${path}`, init);
      expect(response.ok).toBeTrue();
      await response.text();
    };
    const kept = await megabytesKept(async () => {
      for (let at = 0; at < sessions; at++) {
        const of = { tenant_id: "acme", session_id: `session-${at}` };
        const event = { ...of, user_id: `agent-${at}`, event_type: "TOOL_CALL_PROPOSED" };
        const payload = { tool_name: `tool-${at}`, call_id: `call-${at}`, args: { large } };
        await post("/v1/events", { ...event, payload });
        // From now on the server holds the session's state, and brings it forward itself.
        await post("/v1/policy/decide", { event: { event_type: "ANY" }, session: of });
        await post("/v1/events", { ...event, payload });
      }
      return server;
    });
    expect(kept).toBeLessThan(4);
    await server.stop();
    await store.close();
  },
  testMs,
);
