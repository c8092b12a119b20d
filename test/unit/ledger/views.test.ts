// The compliance report and the session comparison: numbers added up by hand, and text that shows
// nothing a watched program wrote without making it safe first.

import { describe, expect, test } from "bun:test";
import type { SessionRecord } from "../../../src/ledger/contract.ts";
import { collectDiff, renderDiff } from "../../../src/ledger/report/diff.ts";
import { collectReport } from "../../../src/ledger/report/report.ts";
import { renderReport } from "../../../src/ledger/report/text.ts";
import type { EventDraft } from "../../../src/model/event.ts";
import {
  access,
  denial,
  type MemoryLedger,
  memoryLedger,
  opening,
  startMs,
  testPolicy,
} from "../../support/ledger.ts";

const visible = (text: string) => text.replaceAll("\x1b", "<ESC>");

async function run(
  { ledger }: MemoryLedger,
  name: string,
  drafts: readonly EventDraft[],
): Promise<SessionRecord> {
  const coverage = [
    { protection: "filesystem", level: "enforced", by: "landlock", why: "" },
    { protection: "network", level: "weaker", by: "", why: "this kernel is too old" },
  ] as const;
  const writer = await ledger.openSession(opening({ name, coverage }), testPolicy, startMs);
  await writer.append(drafts);
  await writer.close({ last: [], tsUnixMs: startMs + 5000, exitStatus: 0, summary: {} });
  const session = await ledger.session(writer.id);
  if (session === undefined) throw new Error("the session was just written");
  return session;
}

const spawn: EventDraft = {
  type: "PROCESS_SPAWN",
  tsUnixMs: startMs + 2,
  payload: { path: "/bin/ls", decision: "allow", rule: "r", reason: "", count: 2 },
};

async function twoSessions() {
  const made = memoryLedger();
  const a = await run(made, "claude", [
    access("/a", { count: 5 }),
    access("/b"),
    denial("/etc/shadow"),
    denial("/etc/shadow"),
    spawn,
  ]);
  const b = await run(made, "codex", [access("/b"), access("/c"), access("/etc/shadow")]);
  return { ...made, a, b };
}

describe("the compliance report", () => {
  test("adds up accesses by action, agent and resource", async () => {
    const { ledger, a, b } = await twoSessions();
    const report = await collectReport(ledger, "ledger");
    expect(report).toMatchObject({
      configuration: "ledger",
      total_entries: 16,
      total_sessions: 2,
      allow_count: 11,
      deny_count: 2,
      entries_by_action: [
        { name: "FileRead", count: 9 },
        { name: "FileWrite", count: 2 },
        { name: "ProcessSpawn", count: 2 },
      ],
      entries_by_principal: [
        { name: "claude", count: 10 },
        { name: "codex", count: 3 },
      ],
      top_denied: [
        {
          action: "FileWrite",
          resource: "/etc/shadow",
          rule: "protect#1",
          reason: "protected",
          count: 2,
        },
      ],
      policy_changes: 2,
      earliest_entry: "2026-01-01T00:00:00.000Z",
      latest_entry: "2026-01-01T00:00:05.000Z",
      integrity_valid: true,
      coverage_gaps: [
        { protection: "network", level: "weaker", why: "this kernel is too old", sessions: 2 },
      ],
    });
    expect(report.deny_rate).toBeCloseTo(2 / 13, 10);
    expect(report.top_resources[0]).toEqual({ name: "/a", count: 5 });
    expect(report.sessions.map(({ session_id }) => session_id).sort()).toEqual([a.id, b.id].sort());
    expect(report.integrity.checkpoint?.size).toBe(16);
  });

  test("of an empty ledger has no numbers that are none", async () => {
    const report = await collectReport(memoryLedger().ledger, "empty");
    expect(report).toMatchObject({ total_entries: 0, deny_rate: 0, earliest_entry: null });
    expect(renderReport(report, visible)).toContain("Time range:     no entries");
  });

  test("reads as it is laid out", async () => {
    const { ledger } = await twoSessions();
    const text = renderReport(await collectReport(ledger, "my-agent"), visible);
    for (const line of [
      "Compliance Report: my-agent",
      "Total entries:  16",
      "Denied:         2",
      "Deny rate:      15.4%",
      "Integrity:      VALID",
      `FileRead                         9  ${"#".repeat(30)}`,
      `FileWrite                        2  ${"#".repeat(7)}${".".repeat(23)}`,
      "        2  FileWrite /etc/shadow (protect#1)",
      "  python3 agent.py",
      "network weaker in 2 session(s): this kernel is too old",
    ]) {
      expect(text.split("\n")).toContain(line);
    }
    expect(text).not.toContain("WARNING");
    expect(text.toLowerCase()).not.toContain("compliant");
  });

  test("warns first when the ledger was changed, and says what was found", async () => {
    const { ledger, store } = await twoSessions();
    const [event] = store.rows.events.slice(4, 5);
    if (event === undefined) throw new Error("event 4");
    store.rows.events[4] = { ...event, decision: "deny" };
    const report = await collectReport(ledger, "x");
    expect(report.integrity_valid).toBe(false);
    expect(report.integrity.findings).toMatchObject([{ kind: "modified", index: 4 }]);
    const text = renderReport(report, visible);
    expect(text).toContain("Integrity:      INVALID");
    expect(text).toContain("WARNING: the ledger was changed");
    expect(text).toContain("modified: event 4 has columns");
  });

  test("passes everything a program chose through the caller's hands", async () => {
    const made = memoryLedger();
    await run(made, "a\x1b[2J", [access("/\x1b[31m"), denial("/\x1b]0;x\x07")]);
    const report = await collectReport(made.ledger, "\x1b[1m");
    const text = renderReport(report, visible);
    expect(text).not.toContain("\x1b");
    expect(text).toContain("/<ESC>[31m");
  });
});

describe("the session comparison", () => {
  test("lists what only one session touched, and what was decided otherwise", async () => {
    const { ledger, a, b } = await twoSessions();
    const diff = await collectDiff(ledger, a, b);
    expect(diff).toEqual({
      a: expect.objectContaining({
        session_id: a.id,
        name: "claude",
        total_actions: 10,
        denied_actions: 2,
      }),
      b: expect.objectContaining({
        session_id: b.id,
        name: "codex",
        total_actions: 3,
        denied_actions: 0,
      }),
      only_in_a: ["/a", "/bin/ls"],
      only_in_b: ["/c"],
      common: ["/b", "/etc/shadow"],
      decided_otherwise: ["/etc/shadow"],
    });
    const text = renderDiff(diff, visible);
    expect(text).toStartWith("Session Comparison\n");
    expect(text).toContain("Actions: A=10 B=3 (-7)\nDenied: A=2 B=0\n");
    expect(text).toContain("Only in B (1):\n  /c\n");
  });

  test("sees a session whole whose events lie between those of another", async () => {
    const { ledger } = memoryLedger();
    const [a, b] = [
      await ledger.openSession(opening({ name: "a" }), testPolicy, startMs),
      await ledger.openSession(opening({ name: "b" }), testPolicy, startMs),
    ];
    for (let i = 0; i < 2500; i++) {
      await a.append([access(`/a${i}`)]);
      await b.append([access(`/b${i}`)]);
    }
    const [recordA, recordB] = [await ledger.session(a.id), await ledger.session(b.id)];
    if (recordA === undefined || recordB === undefined) throw new Error("two sessions");
    const diff = await collectDiff(ledger, recordA, recordB);
    expect([diff.only_in_a.length, diff.only_in_b.length, diff.common.length]).toEqual([
      2500, 2500, 0,
    ]);
  });

  test("of a session with itself has nothing on either side", async () => {
    const { ledger, a } = await twoSessions();
    const diff = await collectDiff(ledger, a, a);
    expect([diff.only_in_a, diff.only_in_b, diff.decided_otherwise]).toEqual([[], [], []]);
    expect(renderDiff(diff, visible)).toContain("(+0)");
  });
});
