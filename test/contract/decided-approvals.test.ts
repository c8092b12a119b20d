// A record of an approval that somebody puts back as it was before the decision, over every store:
// its seal is the server's own, and the events say more than it does.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { removeDoneApprovals } from "../../src/app/serve/approval-retention.ts";
import type { LogRecord } from "../../src/ledger/control/contract.ts";
import { createControlLog } from "../../src/ledger/control/log.ts";
import { sealRecords } from "../../src/ledger/control/sealed-store.ts";
import { decidingOver } from "../support/deciding.ts";
import { ledgerKinds } from "../support/ledger.ts";
import { testMs } from "../support/patience.ts";

setDefaultTimeout(testMs);

describe.each(ledgerKinds)("a decided approval over %s", (_, open) => {
  async function scene() {
    const { store, keys, memory, ledger } = await open();
    const sealed = await sealRecords(store, { keys, memory });
    const server = decidingOver(sealed);
    const request = { tenant_id: "a/b", session_id: "s", tool_name: "exec" };
    const asked = await server.post("/v1/approvals", request);
    const { token, token_hash } = asked.body as { token: string; token_hash: string };
    const key = `a%2Fb/${token_hash}`;
    const kept = async (): Promise<LogRecord> => {
      const found = await store.record("approval", key);
      if (found === undefined) throw new Error("it is not kept");
      return found;
    };
    const verdict = async () => (await server.get("/v1/sessions/s/verify?tenant_id=a/b")).body;
    const findings = async () => (await ledger.verify()).findings.map(({ message }) => message);
    const decide = (allow: boolean) =>
      server.post(`/v1/approvals/${token}?tenant_id=a/b`, { allow });
    return { store, sealed, key, token_hash, kept, verdict, findings, decide };
  }

  test.each([
    [true, "allowed"],
    [false, "denied"],
  ])("that is put back as it waited is found: allow %p", async (allow, said) => {
    const { store, key, token_hash, kept, verdict, findings, decide } = await scene();
    const waiting = await kept();
    expect(await verdict()).toMatchObject({ valid: true });
    expect((await decide(allow)).status).toBe(200);
    expect([await verdict(), await findings()]).toMatchObject([{ valid: true }, []]);
    const decided = await kept();
    expect(await store.putRecord(waiting, decided.json)).toBe(true);
    const problem = `is an older one: it says PENDING, and its event that the call was ${said}`;
    expect(await verdict()).toMatchObject({
      valid: false,
      error: `eventlog: the record of the approval ${token_hash} ${problem}`,
    });
    expect(await findings()).toEqual([`record "approval" ${JSON.stringify(key)} ${problem}`]);
    expect(await store.putRecord(decided, waiting.json)).toBe(true);
    expect([await verdict(), await findings()]).toMatchObject([{ valid: true }, []]);
  });

  test("that was removed because it is over is not missed", async () => {
    const { sealed, verdict, findings, decide } = await scene();
    await decide(true);
    const parts = { log: createControlLog(sealed), secret: new Uint8Array(32) };
    const nowMs = () => 1_700_000_000_000 + 2 * 600_000 + 1000;
    expect(await removeDoneApprovals({ ...parts, nowMs }, 0)).toBe(1);
    expect([await verdict(), await findings()]).toMatchObject([{ valid: true }, []]);
  });
});
