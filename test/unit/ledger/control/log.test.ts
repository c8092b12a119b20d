// Who is told of what was stored, and what becomes of those who sent it.

import { expect, test } from "bun:test";
import type { AppendRequest } from "../../../../src/ledger/control/contract.ts";
import { createControlLog } from "../../../../src/ledger/control/log.ts";
import { createMemoryStore } from "../../../../src/ledger/memory.ts";

function request(tenant: string): AppendRequest {
  const rest = { session: "s", user: "", type: "X", payload: null, tsUnixMs: 1 };
  return { tenant, ...rest };
}

test("a listener that fails costs nobody the answer, and no other listener the event", async () => {
  const log = createControlLog(createMemoryStore("aegis.local/test"));
  const heard: string[] = [];
  log.onStored(({ tenant }) => {
    if (tenant === "a") throw new Error("it cannot follow");
  });
  log.onStored(({ tenant }) => void heard.push(tenant));
  const outcomes = await Promise.all([log.append([request("a")]), log.append([request("b")])]);
  expect(outcomes.flat().map(({ kind }) => kind)).toEqual(["stored", "stored"]);
  expect(heard).toEqual(["a", "b"]);
});
