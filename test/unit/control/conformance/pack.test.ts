// Packs: the shipped ones as a whole, and files that are refused.

import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { shippedPacks } from "../../../../src/app/conformance/conformance.ts";
import { type Pack, parsePack } from "../../../../src/control/conformance/pack.ts";
import { judgeAnswer, reportOf } from "../../../../src/control/conformance/report.ts";
import { decideFast } from "../../../../src/control/decide/fast.ts";
import type { JsonValue } from "../../../../src/model/event.ts";
import { repoRoot } from "../../../support/harness.ts";

const folder = `${repoRoot}/conformance/packs`;

function parsed(text: string): Pack {
  const read = parsePack(text);
  if (!read.ok) throw new Error(read.error);
  return read.value;
}

const packs = readdirSync(folder).map((name) => {
  const pack = parsed(readFileSync(`${folder}/${name}`, "utf8"));
  expect(name).toBe(`${pack.name}.yaml`);
  return pack;
});

describe("the packs that are shipped", () => {
  test("are every file of the folder", () => {
    expect(packs.map(({ name }) => name).sort()).toEqual([...shippedPacks].sort());
  });
  test("hold these tests of these requirements", () => {
    const found = packs.flatMap(({ tests }) => tests.map((one) => [one.id, one.requirement]));
    expect(Object.fromEntries(found)).toEqual({
      "BS-001": "SEC-001",
      "BS-002": "SEC-002",
      "BS-003": "SEC-003",
      "BS-004": "SEC-004",
      "BS-005": "SEC-005",
      "PI-001": "TI-001",
      "PI-002": "TI-002",
      "PI-003": "TI-003",
      "PT-001": "FS-001",
      "PT-002": "FS-002",
      "PT-003": "FS-003",
      "TNE-001": "OBS-001",
      "TNE-002": "OBS-002",
      "RD-001": "REP-001",
      "RD-002": "REP-002",
      "RD-003": "REP-003",
      "HC-001": "HND-001",
      "HC-002": "HND-002",
      "HC-003": "HND-003",
      "KB-001": "KERNEL-001",
      "KB-002": "KERNEL-001",
      "KB-003": "KERNEL-002",
      "KB-004": "KERNEL-003",
      "KB-005": "KERNEL-003",
      "KB-006": "KERNEL-004",
      "KB-007": "KERNEL-005",
      "KB-008": "KERNEL-005",
      "KB-009": "KERNEL-006",
    });
    expect(found).toHaveLength(28);
  });
  // What runs in a box is in test/integration/serve/conformance-box.test.ts.
  const asked = packs.filter(({ name }) => name !== "kernel");
  test.each(asked.map((pack) => [pack.name, pack] as const))("%s is met", (_, pack) => {
    const results = pack.tests.map((one) => {
      const { event = {}, snapshot = {}, manifest = {} } = one.request as Record<string, JsonValue>;
      const decided = decideFast({ event, snapshot, manifest });
      const { outcome, reason } = decided ?? { outcome: "", reason: "" };
      return judgeAnswer(pack, one, { kind: "decision", outcome, reason });
    });
    expect(results.filter(({ status }) => status === "FAIL")).toEqual([]);
  });
});

const sound = `
name: mine
tests:
  - id: A-1
    req_id: R-1
    request: {event: {event_type: TOOL_CALL_PROPOSED}}
    expect: {outcome: deny, reason: declared}
`;

const row = "{outcome: deny, action: FileRead, resource: /x}";

function boxed(box: string, expected = row): string {
  return sound
    .replace(/request: .*/, `box: ${box}`)
    .replace(/expect: .*/, () => `expect: ${expected}`);
}

describe("a file is refused", () => {
  const rows: readonly (readonly [string, string, string])[] = [
    ["that is no YAML", "{", ""],
    ["that is empty", "", "it is no mapping"],
    ["of two documents", `${sound}---\nname: b\n`, "it is no mapping"],
    ["without a name", sound.replace("name: mine", "version: x"), '"name" is missing'],
    ["whose name is a number", sound.replace("mine", "5"), '"name" is no text'],
    ["whose name is markup", sound.replace("mine", '"a](b"'), '"name" may hold'],
    ["without tests", "name: mine\ntests: []\n", 'there is no list "tests"'],
    ["with a word nobody knows", `${sound}skip: true\n`, 'there is no field "skip"'],
    ["with a mistyped field", sound.replace("req_id", "req"), 'test 1: there is no field "req"'],
    ["without a requirement", sound.replace("R-1", '""'), 'test 1: "req_id" is missing'],
    ["of another pack's test", sound.replace("id: A-1", "id: A-1\n    pack: b"), "of the pack"],
    ["that asks nothing", sound.replace(/event: {.*}}/, "}"), '"event" is no mapping'],
    ["with a list for an event", sound.replace(/event: {.*}}/, "event: []}"), '"event" is no'],
    ["with a number JSON has not", sound.replace("TOOL_CALL_PROPOSED", ".nan"), "is no JSON"],
    ["that expects a word nobody says", sound.replace("deny", "denied"), '"outcome" is none of'],
    ["that asks and runs", `${sound}    box: {command: [ls]}\n`, 'both a "request" and a "box"'],
    ["whose box is a list", boxed("[]"), '"box" is no mapping'],
    ["that runs nothing", boxed("{}"), '"box.command" is no list of texts'],
    ["with an empty command", boxed("{command: []}"), '"box.command" is no list of texts'],
    ["with a word for a box nobody knows", boxed("{command: [a], net: [all]}"), '"box.net"'],
    ["that makes files elsewhere", boxed("{command: [a], files: {/x: y}}"), "no path below {home}"],
    ["or above", boxed("{command: [a], files: {a/../../x: y}}"), "no path below {home}"],
    ["that grants what is not its own", boxed("{command: [a], read: [/etc]}"), "not below {home}"],
    ["or climbs out", boxed('{command: [a], write: ["{home}/../x"]}'), "not below {home}"],
    ["or the whole folder", boxed('{command: [a], write: ["{home}/"]}'), "not below {home}"],
    ["of a box that expects no row", boxed("{command: [a]}", "{outcome: deny}"), '"action" is'],
    [
      "of a box that asks a person",
      boxed("{command: [a]}", "{outcome: require_approval, action: A, resource: r}"),
      "allow or deny",
    ],
    [
      "of a status that is none",
      boxed("{command: [a]}", "{outcome: deny, action: A, resource: r, status: 256}"),
      "no exit status",
    ],
    ["with a test twice", sound + sound.slice(sound.indexOf("  - id")), "is there twice"],
  ];
  test.each(rows)("%s", (_, text, why) => {
    const read = parsePack(text);
    expect(read.ok ? "accepted" : read.error).toContain(why);
    expect(read.ok).toBe(false);
  });
  test("and a sound box is not", () => {
    const text = boxed('{command: [cat, x], files: {work/x: y}, read: ["{home}/a"]}');
    expect(parsed(text).tests[0]).toMatchObject({
      box: { command: ["cat", "x"], files: { "work/x": "y" }, read: ["{home}/a"], deny: [] },
      expect: { outcome: "deny", action: "FileRead", resource: "/x" },
    });
  });
  test("and its sound twin is not", () => {
    expect(parsed(sound)).toMatchObject({ name: "mine", description: "", version: "" });
  });
});

describe("a report", () => {
  const pack = parsed(sound);
  const [first] = pack.tests;
  const where = { server: "http://127.0.0.1:1", nowMs: 0 };
  test.each([
    ["another letter case", "DENY", "PERMISSION_UNDECLARED", undefined],
    ["another outcome", "allow", "undeclared", 'outcome: want "deny" got "allow"'],
    ["another reason", "deny", "OTHER", 'reason: want substring "declared" got "OTHER"'],
  ])("%s", (_, outcome, reason, error) => {
    const report = judgeAnswer(pack, first, { kind: "decision", outcome, reason });
    expect(report.error).toBe(error);
    expect(report.status).toBe(error === undefined ? "PASS" : "FAIL");
  });
  test("names what is violated, once", () => {
    const bad = judgeAnswer(pack, first, { kind: "failure", error: "http: gone" });
    expect(reportOf(pack, [bad, bad], where)).toMatchObject({
      compliant: false,
      failed: 2,
      violated_reqs: ["R-1"],
      results: [{ error: "http: gone", evidence: { outcome: "", reason: "" } }, {}],
    });
  });
  test("of nothing is not compliant", () => {
    expect(reportOf(pack, [], where)).toMatchObject({ compliant: false, violated_reqs: [] });
  });
  test("has a badge with its dashes kept", () => {
    const good = judgeAnswer(pack, first, {
      kind: "decision",
      outcome: "deny",
      reason: "declared",
    });
    expect(reportOf({ ...pack, name: "my-own" }, [good], where).badge_markdown).toBe(
      "![aegis: my-own compliant](https://img.shields.io/badge/aegis%20my--own-compliant-brightgreen)",
    );
  });
});

test("outcomes are read in any letter case", () => {
  const text = (outcome: string) =>
    `name: p\ntests: [{id: T, req_id: R, request: {event: {}}, expect: {outcome: ${outcome}}}]\n`;
  expect(parsed(text("Require_Approval")).tests[0]).toMatchObject({
    expect: { outcome: "require_approval" },
  });
  expect(parsePack(text("ALLOWED"))).toMatchObject({ ok: false });
});
