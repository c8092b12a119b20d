// How long approvals are kept beside the events, and how one is found: over a ledger whose records
// are sealed, with a clock that stands still.

import { describe, expect, test } from "bun:test";
import {
  type AskedApproval,
  approvalKind,
  approvalOfAnyTenant,
  askApproval,
  keptApproval,
  recordApproval,
  useApproval,
} from "../../../../src/app/serve/approval-requests.ts";
import {
  removeDoneApprovals,
  startRetention,
} from "../../../../src/app/serve/approval-retention.ts";
import { decideApproval, hashToken, isUsable } from "../../../../src/control/approvals/router.ts";
import { createControlLog } from "../../../../src/ledger/control/log.ts";
import { sealRecords } from "../../../../src/ledger/control/sealed-store.ts";
import { waitFor } from "../../../support/harness.ts";
import { ledgerKinds } from "../../../support/ledger.ts";

const startMs = 1_700_000_000_000;
const ttlMs = 600_000;
const dayMs = 24 * 3600 * 1000;
const approver = { name: "bob", isAgent: false, isKnown: true };

describe.each(ledgerKinds)("approvals over %s", (_, open) => {
  async function scene() {
    const { store, keys, memory } = await open();
    const clock = { ms: startMs };
    const log = createControlLog(await sealRecords(store, { keys, memory }), { keys, memory });
    const parts = { log, secret: new Uint8Array(32), nowMs: () => clock.ms };
    return {
      ...{ parts, clock, store, log },
      async ask(tenant: string, session = "s"): Promise<AskedApproval> {
        const asked = await askApproval(parts, { tenant, session, tool: "exec", args: {} });
        if (!asked.ok) throw new Error(asked.error.message);
        return asked.value;
      },
      async allow({ approval }: AskedApproval): Promise<void> {
        const kept = await keptApproval(parts, approval.tenant_id, approval.token_hash);
        const decided = decideApproval(kept?.approval, { allow: true }, approver, clock.ms);
        if (!decided.ok) throw new Error(decided.error.message);
        const about = { type: "APPROVAL_DECIDED", event: { approved: true } };
        await recordApproval(parts, decided.value.approval, about, kept?.json);
      },
    };
  }

  test("are found by their token alone, whoever's they are", async () => {
    const { ask, parts } = await scene();
    const asked: AskedApproval[] = [];
    for (const tenant of ["a", "a/b", "acme", "acme", "b", "z", "é"]) asked.push(await ask(tenant));
    for (const { token, approval } of asked) {
      const found = await approvalOfAnyTenant(parts, hashToken(token));
      expect(found?.approval).toEqual(approval);
    }
    expect(await approvalOfAnyTenant(parts, hashToken("another"))).toBeUndefined();
  });

  test("are read once for each tenant, however many one has", async () => {
    const { ask, parts } = await scene();
    for (let at = 0; at < 20; at++) await ask("acme", `s${at}`);
    const { token } = await ask("zeta");
    let reads = 0;
    const log: typeof parts.log = {
      ...parts.log,
      async records(...where) {
        const found = await parts.log.records(...where);
        reads += found.length;
        return found;
      },
    };
    const found = await approvalOfAnyTenant({ ...parts, log }, hashToken(token));
    expect(found?.approval.tenant_id).toBe("zeta");
    expect(reads).toBe(2);
  });

  test("go when nothing can come of them any more and they were kept for long enough", async () => {
    const { ask, allow, parts, clock, log } = await scene();
    const [waits, allowed, used] = [await ask("a"), await ask("b"), await ask("c")];
    await allow(allowed);
    await allow(used);
    const kept = await keptApproval(parts, "c", used.approval.token_hash);
    if (kept === undefined) throw new Error("it is not kept");
    expect(await useApproval(parts, kept)).toBe(true);
    const over = startMs + 2 * ttlMs;
    clock.ms = over + dayMs;
    expect(await removeDoneApprovals(parts, dayMs)).toBe(0);
    expect(await log.records(approvalKind, "", 9)).toHaveLength(3);
    clock.ms += 1;
    const young = await ask("a", "young");
    expect(await removeDoneApprovals(parts, dayMs)).toBe(3);
    for (const { token } of [waits, allowed, used]) {
      expect(await approvalOfAnyTenant(parts, hashToken(token))).toBeUndefined();
    }
    const left = await log.records(approvalKind, "", 9);
    expect(left.map(({ key }) => key)).toEqual([`a/${young.approval.token_hash}`]);
    const types = (await log.events({ tenant: "b", session: "s", limit: 9 })).map(
      ({ type }) => type,
    );
    expect(types).toEqual(["APPROVAL_REQUESTED", "APPROVAL_DECIDED"]);
    expect((await log.verify("b", "s")).valid).toBe(true);
  });

  test("are worth nothing when somebody puts back what was removed", async () => {
    const { ask, allow, parts, clock, store } = await scene();
    const asked = await ask("a");
    const { token_hash } = asked.approval;
    const texts = [await store.record(approvalKind, `a/${token_hash}`)];
    clock.ms += ttlMs;
    await allow(asked);
    texts.push(await store.record(approvalKind, `a/${token_hash}`));
    clock.ms = startMs + 2 * ttlMs + 1;
    expect(await removeDoneApprovals(parts, 0)).toBe(1);
    for (const text of texts) {
      if (text === undefined) throw new Error("it was not kept");
      const there = await store.record(approvalKind, text.key);
      expect(await store.putRecord(text, there?.json)).toBe(true);
      const back = await keptApproval(parts, "a", token_hash);
      if (back === undefined) throw new Error("it is none of ours");
      expect(isUsable(back.approval, clock.ms)).toBe(false);
      const decided = decideApproval(back.approval, { allow: true }, approver, clock.ms);
      expect(decided).toMatchObject({ ok: false });
    }
  });

  test("go by themselves while a server runs", async () => {
    const { ask, parts, clock, log } = await scene();
    await ask("a");
    clock.ms += 2 * ttlMs + dayMs;
    const notices: string[] = [];
    const running = startRetention(parts, 1, ({ message }) => notices.push(message));
    await running.stop();
    expect(await log.records(approvalKind, "", 9)).toHaveLength(1);
    clock.ms += 1;
    const full = () => Promise.reject(new Error("full"));
    const failing = { ...parts, log: { ...log, removeRecord: full } };
    const notify = ({ message }: { message: string }) => void notices.push(message);
    const first = startRetention(failing, 1, notify);
    await waitFor("a notice", () => notices.length > 0);
    await first.stop();
    const next = startRetention(parts, 1, notify);
    await waitFor("its removal", async () => (await log.records(approvalKind, "", 9)).length === 0);
    await next.stop();
    expect(notices).toEqual(["old approvals are not removed: full"]);
  });
});
