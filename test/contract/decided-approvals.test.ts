// A record of an approval that somebody puts back as it was before the decision, over every store:
// its seal is the server's own, and the events say more than it does.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { removeDoneApprovals } from "../../src/app/serve/approval-retention.ts";
import type { Ledger } from "../../src/ledger/contract.ts";
import type { LogRecord } from "../../src/ledger/control/contract.ts";
import { createControlLog } from "../../src/ledger/control/log.ts";
import { sealRecords } from "../../src/ledger/control/sealed-store.ts";
import { createLedger } from "../../src/ledger/ledger.ts";
import { decidingOver } from "../support/deciding.ts";
import { ledgerKinds } from "../support/ledger.ts";
import { testMs } from "../support/patience.ts";
import { throughKeys } from "../support/rich-ledger.ts";

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

  test("that is put back is found where it is encrypted, and without keys nobody claims to know", async () => {
    const { store, keys, memory, ledger } = await open();
    const server = decidingOver(throughKeys(await sealRecords(store, { keys, memory })));
    const withKeys = createLedger({ store: throughKeys(store), keys, memory });
    const request = { tenant_id: "secretive", session_id: "s", tool_name: "exec" };
    const asked = await server.post("/v1/approvals", request);
    const { token, token_hash } = asked.body as { token: string; token_hash: string };
    const kept = async () =>
      (await store.record("approval", `secretive/${token_hash}`)) as LogRecord;
    const waiting = await kept();
    expect(waiting.json).not.toContain("PENDING");
    await server.post(`/v1/approvals/${token}?tenant_id=secretive`, { allow: false });
    const looked = async (by: Ledger) => {
      const { findings, warnings } = await by.verify();
      const unknown = warnings.filter((one) => one.startsWith("1 approval is encrypted for keys"));
      return [findings.map(({ message }) => message.replace(/^.*" /, "")), unknown.length];
    };
    expect([await looked(withKeys), await looked(ledger)]).toEqual([
      [[], 0],
      [[], 1],
    ]);
    const decided = await kept();
    expect(await store.putRecord(waiting, decided.json)).toBe(true);
    const problem = "is an older one: it says PENDING, and its event that the call was denied";
    expect([await looked(withKeys), await looked(ledger)]).toEqual([
      [[problem], 0],
      [[], 1],
    ]);
    expect(await store.putRecord(decided, waiting.json)).toBe(true);
    expect((await withKeys.verify()).findings).toEqual([]);
  });
});
