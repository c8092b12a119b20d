// Tool calls that wait for a person.

import { describe, expect, test } from "bun:test";
import {
  type Approval,
  type ApprovalDecision,
  decideApproval,
  hashToken,
  isDone,
  isUsable,
  isWaiting,
  requestApproval,
  shownApproval,
  usualRules,
} from "../../../src/control/approvals/router.ts";

const now = 1_700_000_000_000;
const maker = {
  secret: new Uint8Array(32).fill(7),
  nonce: () => Uint8Array.fromHex("00112233aabbccdd"),
};
const asked = { tenant: "acme", session: "s1", tool: "write_file", args: { path: "/a", mode: 1 } };
const person = { name: "alice", isAgent: false, isKnown: true };

const unknown = { ...person, isKnown: false };

const { token, approval } = requestApproval(asked, maker, now);

function decide(decision: ApprovalDecision, given: Partial<Approval> = {}, at = now + 1) {
  return decideApproval({ ...approval, ...given }, decision, person, at);
}

describe("a request", () => {
  test("has a token that stands for it and for nothing else", () => {
    expect(token).toMatch(/^[0-9a-f]{16}-00112233aabbccdd$/);
    const others = [{ tenant: "b" }, { session: "s2" }, { tool: "exec" }].map(
      (change) => requestApproval({ ...asked, ...change }, maker, now).token,
    );
    const later = requestApproval(asked, maker, now + 1).token;
    const stranger = { ...maker, secret: new Uint8Array(32) };
    const tokens = [token, later, ...others, requestApproval(asked, stranger, now).token];
    expect(new Set(tokens).size).toBe(tokens.length);
  });

  test("is kept without its token", () => {
    expect(JSON.stringify(approval)).not.toContain(token);
    expect(approval.token_hash).toBe(hashToken(token));
  });

  test("waits for ten minutes", () => {
    expect(isWaiting(approval, now + 600_000)).toBe(true);
    expect(isWaiting(approval, now + 600_001)).toBe(false);
  });
});

describe("what is done", () => {
  const keptMs = 5000;

  test("is kept until no text of its record could be used, decided or not", () => {
    // At the last moment: what it was before is usable for the longest then.
    const last = decideApproval(approval, { allow: true }, person, approval.expires_ms);
    if (!last.ok) throw new Error(last.error.message);
    const { approval: allowed } = last.value;
    expect(isUsable(allowed, now + 1_200_000)).toBe(true);
    expect(isUsable(allowed, now + 1_200_001)).toBe(false);
    for (const one of [approval, allowed, { ...allowed, used_ms: now + 600_001 }]) {
      expect(isDone(one, now + 1_200_000, 0)).toBe(false);
      expect(isDone(one, now + 1_200_001, 0)).toBe(true);
      expect(isDone(one, now + 1_200_000 + keptMs, keptMs)).toBe(false);
      expect(isDone(one, now + 1_200_001 + keptMs, keptMs)).toBe(true);
    }
  });
});

describe("what is shown", () => {
  test("is that a request waits, until it does not any more", () => {
    expect(shownApproval(approval, now + 600_000)).toEqual(approval);
    expect(shownApproval(approval, now + 600_001)).toEqual({ ...approval, status: "EXPIRED" });
  });

  test.each([
    ["allowed", { allow: true }, { status: "ALLOWED" }],
    ["denied, and why", { allow: false, message: "no" }, { status: "DENIED", message: "no" }],
    [
      "allowed with other arguments, and which",
      { allow: true, edited_args: { path: "/b", mode: 1 } },
      { diff: [{ key: "path", op: "change", before: "/a", after: "/b" }] },
    ],
  ])("is that it was %s, also long after", (_, decision, wanted) => {
    const decided = decide(decision);
    if (!decided.ok) throw new Error(decided.error.message);
    const shown = shownApproval(decided.value.approval, now + 600_001);
    expect(shown).toEqual({ ...decided.value.approval, ...wanted } as typeof shown);
    expect(shown.decided_by).toBe("alice");
  });
});

describe("a decision", () => {
  test("to allow keeps the arguments", () => {
    const decided = decide({ allow: true });
    expect(decided).toMatchObject({
      ok: true,
      value: { approval: { status: "ALLOWED", final_args: asked.args, decided_by: "alice" } },
    });
  });

  test("to allow other arguments says what changed", () => {
    const decided = decide({ allow: true, edited_args: { path: "/b", user: "u" } });
    expect(decided).toMatchObject({
      ok: true,
      value: {
        approval: { status: "ALLOWED", final_args: { path: "/b", user: "u" } },
        patch: {
          diff: [
            { key: "mode", op: "remove", before: 1 },
            { key: "path", op: "change", before: "/a", after: "/b" },
            { key: "user", op: "add", after: "u" },
          ],
        },
      },
    });
  });

  test("knows members of arguments from those that every object has", () => {
    const names = Object.getOwnPropertyNames(Object.prototype).sort();
    const args = JSON.parse(`{${names.map((name) => `"${name}":"x"`).join()}}`);
    const added = decide({ allow: true, edited_args: { ...asked.args, ...args } });
    const removed = decide({ allow: true, edited_args: asked.args }, { orig_args: args });
    const diffOf = (made: typeof added) => (made.ok ? made.value.patch?.diff : undefined) ?? [];
    const ofNames = (made: typeof added) => diffOf(made).filter(({ key }) => names.includes(key));
    expect(ofNames(added)).toEqual(names.map((key) => ({ key, op: "add", after: "x" })));
    expect(ofNames(removed)).toEqual(names.map((key) => ({ key, op: "remove", before: "x" })));
  });

  test("to deny keeps the reason and no arguments", () => {
    const decided = decide({ allow: false, edited_args: { path: "/b" }, message: "no" });
    if (!decided.ok) throw new Error(decided.error.message);
    expect(decided.value.approval).toMatchObject({ status: "DENIED", message: "no" });
    expect(decided.value.approval.final_args).toBeUndefined();
    expect(decided.value.patch).toBeUndefined();
  });

  test.each([
    ["about nothing", undefined, person, now, "approval_not_found"],
    ["made before", { ...approval, status: "ALLOWED" }, person, now, "approval_decided"],
    ["too late", approval, person, now + 600_001, "approval_expired"],
    ["by an agent", approval, { ...person, isAgent: true }, now, "role_forbidden"],
    ["by who asked", { ...approval, requested_by: "alice" }, person, now, "approval_own_request"],
  ] as const)("%s is refused", (_, given, approver, at, code) => {
    const decided = decideApproval(given, { allow: true }, approver, at);
    expect(decided).toMatchObject({ ok: false, error: { code } });
  });

  test.each([
    ["by another one than asked", "bot", person, usualRules],
    ["by somebody who says that name, where there are no keys", "alice", unknown, usualRules],
    ["by who asked, where that is wanted", "alice", person, { ...usualRules, isOwnDecided: true }],
  ])("%s is taken", (_, requested_by, approver, rules) => {
    const asked = { ...approval, requested_by };
    expect(decideApproval(asked, { allow: true }, approver, now, rules)).toMatchObject({
      ok: true,
    });
  });
});

describe("an allowed call", () => {
  const rules = { ...usualRules, ttlMs: 1000 };
  const waits = requestApproval(asked, maker, now, rules).approval;
  const decided = decideApproval(waits, { allow: true }, person, now + 1000);
  if (!decided.ok) throw new Error(decided.error.message);
  const allowed = decided.value.approval;

  test.each([
    ["waits for nobody", waits, 0, false],
    ["may go on", allowed, 2000, true],
    ["does so as long as it might have waited", allowed, 2001, false],
    ["goes on once", { ...allowed, used_ms: now }, 1000, false],
  ])("%s", (_, given, after, wanted) => {
    expect(isUsable(given, now + after)).toBe(wanted);
  });
});
