// The budgets that count in a session are those of the server's manifest.

import { expect, test } from "bun:test";
import { parseJsonText } from "../../../src/base/json-text.ts";
import { decideFast } from "../../../src/control/decide/fast.ts";
import { createControlLog } from "../../../src/ledger/control-log.ts";
import { createMemoryStore } from "../../../src/ledger/memory.ts";
import type { JsonValue } from "../../../src/model/event.ts";
import { startServer } from "../../../src/server/server.ts";

const permissions = { tools: ["read_file"] };
const rows: readonly (readonly [string, JsonValue, object])[] = [
  ["none, so the usual ones", { permissions }, { outcome: "deny", reason: "BUDGET_EXCEEDED" }],
  [
    "larger ones",
    { permissions: { ...permissions, budgets: { max_steps: 100 } } },
    { outcome: "allow" },
  ],
];

test.each(rows)("thirty events, and a manifest with %s", async (_, manifest, expected) => {
  const log = createControlLog(createMemoryStore("aegis.local/test"));
  const place = { tenant: "acme", user: "u", session: "s" };
  await log.append(
    Array.from({ length: 30 }, (_, at) => ({
      ...place,
      type: "CHECKPOINT",
      tsUnixMs: at,
      payload: parseJsonText("{}"),
    })),
  );
  const server = startServer({
    ...{ log, hostname: "127.0.0.1", port: 0, keys: [], secret: new Uint8Array(32) },
    ...{ origin: "aegis.local/test", nowMs: () => 40, rateLimit: 0, tls: undefined },
    decide: (input) => decideFast(input) ?? { outcome: "deny", reason: "?", constraints: {} },
    manifest,
  });
  const answer = await fetch(`http://127.0.0.1:${server.port}/v1/policy/decide`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({
      event: { event_type: "TOOL_CALL_PROPOSED", payload: { tool_name: "read_file" } },
      session: { tenant_id: "acme", session_id: "s" },
    }),
  });
  expect(await answer.json()).toMatchObject(expected);
  await server.stop();
});
