// Boxes that record into the session of a client, over every store.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { parseJsonText } from "../../src/base/json-text.ts";
import { createControlLog } from "../../src/ledger/control/log.ts";
import {
  access,
  denial,
  ledgerKinds,
  opening,
  startMs,
  type TestLedger,
  testPolicy,
} from "../support/ledger.ts";
import { testMs } from "../support/patience.ts";

setDefaultTimeout(testMs);

const call = {
  tenant: "a/b%c",
  user: "u1",
  session: "s/1",
  type: "TOOL_CALL_PROPOSED",
  payload: parseJsonText('{"tool_name":"run","call_id":"c1"}'),
  tsUnixMs: startMs,
};
const end = { last: [], tsUnixMs: startMs + 9, exitStatus: 3, summary: { denied: 1 } };

function join({ ledger, store }: TestLedger, changes: { origin?: string; session?: string } = {}) {
  const joined = { tenant: call.tenant, session: call.session, origin: store.origin, ...changes };
  return ledger.joinSession(joined, opening(), testPolicy, startMs + 1);
}

describe.each(ledgerKinds)("a joined session over %s", (_, open) => {
  test("has the box's events between the client's, in one chain that verifies", async () => {
    const opened = await open();
    const log = createControlLog(opened.store);
    await log.append([call]);
    const writer = await join(opened);
    await writer.append([access("/etc/hosts")]);
    await log.append([{ ...call, type: "TOOL_RESULT" }]);
    await writer.append([denial("/etc/shadow")]);
    await writer.close(end);
    const events = await log.events({ tenant: call.tenant, session: call.session, limit: 100 });
    expect(events.map(({ seq, type }) => `${seq} ${type}`)).toEqual([
      "0 TOOL_CALL_PROPOSED",
      "1 BOX_OPENED",
      "2 COVERAGE",
      "3 FILE_READ",
      "4 TOOL_RESULT",
      "5 FILE_WRITE",
      "6 BOX_CLOSED",
    ]);
    const boxes = events.flatMap(({ payload }) => (payload as { box?: string }).box ?? []);
    expect(new Set(boxes).size).toBe(1);
    expect(boxes).toHaveLength(4);
    expect(events.at(-1)?.payload).toMatchObject({ exit_status: 3, summary: { denied: 1 } });
    expect(await log.verify(call.tenant, call.session)).toMatchObject({ valid: true });
    expect(await opened.ledger.verify()).toMatchObject({ valid: true, findings: [] });
    const [load] = await opened.ledger.policyHistory(1);
    expect(load?.snapshot).toEqual(testPolicy);
    const session = await opened.ledger.session(writer.id);
    expect(session).toMatchObject({ accessCount: 2, deniedCount: 1, closedUnixMs: undefined });
  });

  test("may begin with the box", async () => {
    const opened = await open();
    await (await join(opened)).close(end);
    const log = createControlLog(opened.store);
    expect(await log.event(call.tenant, call.session, 0)).toMatchObject({
      type: "BOX_OPENED",
      prevHash: "",
    });
    expect((await opened.ledger.verify()).findings).toEqual([]);
    expect(await log.append([call])).toMatchObject([{ kind: "stored", seq: 3 }]);
  });

  test("stays ended when a box goes on after its end, and no other box joins it", async () => {
    const opened = await open();
    const log = createControlLog(opened.store);
    const writer = await join(opened);
    await log.append([{ ...call, type: "TERMINATION" }]);
    await writer.append([access("/etc/hosts")]);
    await writer.close(end);
    expect(await log.session(call.tenant, call.session)).toMatchObject({ closed: true });
    await expect(join(opened)).rejects.toThrow("it has ended");
    expect((await opened.ledger.verify()).findings).toEqual([]);
  });

  test("is not joined through a right to another ledger", async () => {
    const opened = await open();
    await expect(join(opened, { origin: "aegis.local/other" })).rejects.toThrow("another ledger");
    expect(await createControlLog(opened.store).size()).toBe(0);
  });

  test.each(["FILE_READ", "BOX_OPENED", "POLICY_LOADED", "SESSION_CLOSED"])(
    "is where %s comes from: no client may send it",
    async (type) => {
      const log = createControlLog((await open()).store);
      const [outcome] = await log.append([{ ...call, type }]);
      expect(outcome).toMatchObject({ kind: "refused", code: "type_reserved" });
    },
  );
});
