// Exports read back by parsers that know nothing of the writers: every field comes out as it went
// in, and no value gets out of its field.

import { describe, expect, test } from "bun:test";
import { newSessionId } from "../../../../src/base/ids.ts";
import { cefLine } from "../../../../src/ledger/report/cef.ts";
import { entryColumns, toEntry } from "../../../../src/ledger/report/entry.ts";
import { createExporter, type ExportFormat } from "../../../../src/ledger/report/export.ts";
import { createSealer } from "../../../../src/ledger/seal.ts";
import type { EventDraft, SealedEvent } from "../../../../src/model/event.ts";
import { access, denial, startMs } from "../../../support/ledger.ts";

const session = newSessionId();
const seal = createSealer();

function sealAll(drafts: readonly EventDraft[]): SealedEvent[] {
  let prevHash = "";
  return drafts.map((draft, seq) => {
    const { event } = seal({ tenant: "local", user: "agent", session, seq, prevHash }, draft);
    prevHash = event.hash;
    return event;
  });
}

function one(draft: EventDraft): SealedEvent {
  const [event] = sealAll([draft]);
  if (event === undefined) throw new Error("one event");
  return event;
}

function draft(type: EventDraft["type"], payload: EventDraft["payload"]): EventDraft {
  return { type, tsUnixMs: startMs, payload };
}

const nasty = [
  "/a,b",
  '/say "hi"',
  "/two\nlines\r\n",
  "/pipe|equals=backslash\\",
  "/tab\t",
  "/é\u{1f602}",
  "=cmd|'/c calc'!A1",
  "+1",
  "-1",
  "@SUM(A1)",
  "\tx",
  "\uff1dx",
  "/space ",
  "",
];

const net = { action: "NetConnect", host: "example.com", port: 443 };
const kinds: readonly (readonly [string, EventDraft, string])[] = [
  ["a read", access("/x"), '{"FileRead":{"path":"/x"}}'],
  ["a denied write", denial("/x"), '{"FileWrite":{"path":"/x"}}'],
  ["a connection", draft("NET_CONNECT", net), '{"NetConnect":{"host":"example.com","port":443}}'],
  [
    "a request",
    draft("NET_REQUEST", { method: "GET", url: "https://e.com/?a=1" }),
    '{"NetRequest":{"method":"GET","url":"https://e.com/?a=1"}}',
  ],
  [
    "a tool call",
    draft("TOOL_CALL", { path: "shell", args: { command: "ls" } }),
    '{"ToolCall":{"tool":"shell","args":{"command":"ls"}}}',
  ],
  [
    "a spawn",
    draft("PROCESS_SPAWN", { path: "/bin/ls" }),
    '{"ProcessSpawn":{"command":"/bin/ls","args":[]}}',
  ],
  [
    "an exit",
    draft("PROCESS_EXIT", { path: "/bin/ls", exit_code: 2 }),
    '{"ProcessExit":{"command":"/bin/ls","exit_code":2}}',
  ],
  ["an opened session", draft("SESSION_OPENED", { name: "a" }), '{"SessionOpened":{"name":"a"}}'],
  ["a tag", draft("SESSION_TAGGED", { tag: "t" }), '{"SessionTagged":{"tag":"t"}}'],
];

describe("toEntry()", () => {
  test.each(kinds)("names %s by its documented kind", (_, event, kind) => {
    expect(toEntry(one(event)).action_kind).toBe(kind);
  });

  test("links entries of a session from genesis on, in hex", () => {
    const [a, b] = sealAll([access("/a"), denial("/b")]).map(toEntry);
    expect(a?.prev_hash).toBe("genesis");
    expect(b?.prev_hash).toBe(a?.entry_hash ?? "");
    expect(a?.entry_hash).toMatch(/^[0-9a-f]{64}$/);
  });

  test("has the documented columns, then ours", () => {
    expect(entryColumns).toEqual([
      "entry_id",
      "timestamp",
      "action_id",
      "action_kind",
      "principal",
      "decision",
      "reason",
      "policy_id",
      "prev_hash",
      "entry_hash",
      "session_id",
      "seq",
      "count",
    ]);
    const entry = toEntry(one(denial("/x")));
    expect(Object.keys(entry)).toEqual([...entryColumns]);
    expect(entry).toMatchObject({
      timestamp: "2026-01-01T00:00:00.001Z",
      principal: "agent",
      decision: "Deny",
      reason: "protected",
      policy_id: "protect#1",
      session_id: session,
      seq: 0,
      count: 1,
    });
    const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
    expect(entry.entry_id).toMatch(uuid);
    expect(entry.action_id).toMatch(uuid);
    expect(entry.action_id).not.toBe(entry.entry_id);
  });
});

const events = sealAll([
  ...kinds.map(([, event]) => event),
  ...nasty.map((path) => access(path, { reason: path, rule: path })),
]);

/** In two pieces, as a follower would. */
function exported(format: ExportFormat, list: readonly SealedEvent[]): string {
  const exporter = createExporter(format);
  return exporter.add(list.slice(0, 3)) + exporter.add(list.slice(3)) + exporter.finish();
}

describe("JSON", () => {
  test("is one array of entries, pretty-printed", () => {
    const text = exported("json", events);
    expect(JSON.parse(text)).toEqual(events.map(toEntry));
    expect(text).toBe(`${JSON.stringify(events.map(toEntry), null, 2)}\n`);
  });
  test("of nothing is an empty array", () => {
    expect(exported("json", [])).toBe("[]\n");
  });
  test("lines are one entry each", () => {
    const lines = exported("jsonl", events).split("\n");
    expect(lines.pop()).toBe("");
    expect(lines.map((line) => JSON.parse(line))).toEqual(events.map(toEntry));
  });
});

/** RFC 4180, character by character. */
function parseCsv(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let cell = "";
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const char = text.charAt(i);
    if (quoted && char === '"' && text.charAt(i + 1) === '"') cell += text.charAt(++i);
    else if (char === '"') quoted = !quoted;
    else if (char === "," && !quoted) {
      row.push(cell);
      cell = "";
    } else if (char === "\n" && !quoted) {
      rows.push([...row, cell]);
      row = [];
      cell = "";
    } else cell += char;
  }
  expect([quoted, cell, row]).toEqual([false, "", []]);
  return rows;
}

describe("CSV", () => {
  test("has a header and gives every value back, formulas with a quote in front", () => {
    const [header, ...rows] = parseCsv(exported("csv", events));
    expect(header).toEqual([...entryColumns]);
    expect(rows).toHaveLength(events.length);
    for (const [i, event] of events.entries()) {
      const entry = toEntry(event);
      const cells = entryColumns.map((column) => {
        const value = entry[column] === null ? "" : String(entry[column]);
        const isFormula = typeof entry[column] === "string" && /^[=+\-@\t\r\n＝＋－＠]/.test(value);
        return isFormula ? `'${value}` : value;
      });
      expect(rows[i]).toEqual(cells);
    }
  });
  test("of nothing is the header", () => {
    expect(exported("csv", [])).toBe(`${entryColumns.join(",")}\n`);
  });
  test("never lets a spreadsheet see a formula", () => {
    for (const row of parseCsv(exported("csv", events)).slice(1)) {
      for (const cell of row) expect(cell).not.toMatch(/^[=+\-@\t\r\n]/);
    }
  });
});

interface CefEvent {
  readonly header: readonly string[];
  readonly fields: ReadonlyMap<string, string>;
}

/** Splits a line the way SIEM readers do: pipes of the header, then `key=` at word starts. */
function parseCef(line: string): CefEvent {
  expect(line).not.toContain("\n");
  const parts: string[] = [];
  let part = "";
  let at = 0;
  for (; at < line.length && parts.length < 7; at++) {
    const char = line.charAt(at);
    if (char === "\\") part += line.charAt(++at);
    else if (char === "|") {
      parts.push(part);
      part = "";
    } else part += char;
  }
  const fields = new Map<string, string>();
  const starts = [...line.slice(at).matchAll(/(?:^| )([A-Za-z0-9]+)=/g)];
  for (const [i, match] of starts.entries()) {
    const from = at + (match.index ?? 0) + match[0].length;
    const to = i + 1 < starts.length ? at + (starts[i + 1]?.index ?? 0) : line.length;
    const key = match[1] ?? "";
    expect(fields.has(key)).toBe(false);
    fields.set(key, unescaped(line.slice(from, to)));
  }
  return { header: parts, fields };
}

function unescaped(value: string): string {
  return value.replace(/\\(.)/g, (_, char: string) => ({ n: "\n", r: "\r" })[char] ?? char);
}

describe("CEF", () => {
  test.each([
    [
      "a read",
      access("/x"),
      "FileRead",
      "FileRead allowed",
      "1",
      { filePath: "/x", outcome: "allow" },
    ],
    [
      "a denied write",
      denial("/x"),
      "FileWrite",
      "FileWrite denied",
      "7",
      { filePath: "/x", outcome: "deny", cs2: "protect#1" },
    ],
    [
      "a name",
      draft("NET_CONNECT", net),
      "NetConnect",
      "NetConnect",
      "2",
      { dhost: "example.com", dpt: "443" },
    ],
    [
      "an IPv4 address",
      draft("NET_CONNECT", { host: "10.0.0.1", port: 1 }),
      "NetConnect",
      "NetConnect",
      "2",
      { dst: "10.0.0.1" },
    ],
    [
      "an IPv6 address",
      draft("NET_CONNECT", { host: "::1", port: 1 }),
      "NetConnect",
      "NetConnect",
      "2",
      { c6a3: "::1", c6a3Label: "Destination IPv6 Address" },
    ],
    [
      "a request",
      draft("NET_REQUEST", { url: "https://e.com/?a=1" }),
      "NetRequest",
      "NetRequest",
      "2",
      { request: "https://e.com/?a=1" },
    ],
    [
      "a refused call",
      draft("CALL_REFUSED", { call: "unshare", argument: "CLONE_NEWUSER", decision: "deny" }),
      "CallRefused",
      "CallRefused denied",
      "8",
      { requestContext: "unshare CLONE_NEWUSER", outcome: "deny" },
    ],
    [
      "a session",
      draft("SESSION_OPENED", {}),
      "SessionOpened",
      "SessionOpened",
      "1",
      { outcome: "allow" },
    ],
  ])("says %s with keys that readers know", (_, event, id, name, severity, wanted) => {
    const { header, fields } = parseCef(cefLine(one(event)));
    expect(header.slice(0, 3)).toEqual(["CEF:0", "Aegis", "Runtime"]);
    expect(header.slice(4)).toEqual([id, name, severity]);
    expect(Object.fromEntries(fields)).toMatchObject({
      rt: String(one(event).ts_unix_ms),
      suser: "agent",
      act: id,
      cs4Label: "sessionId",
      cs4: session,
      externalId: "0",
      ...wanted,
    });
  });

  test("keeps every value inside its field", () => {
    for (const path of nasty) {
      const { fields } = parseCef(cefLine(one(access(path, { reason: path }))));
      expect(fields.get("filePath") ?? "").toBe(path);
      expect(fields.get("reason") ?? "").toBe(path);
      expect(fields.get("cs1Label")).toBe("entryId");
    }
  });

  test("cannot be made to carry a field of the attacker's", () => {
    const path = "/x act=FileRead outcome=allow|CEF:0|\nCEF:0|Evil|";
    const line = cefLine(one(denial(path)));
    expect(line.split("\n")).toHaveLength(1);
    expect(line).toContain("filePath=/x act\\=FileRead outcome\\=allow|CEF:0|\\nCEF:0|Evil|");
    expect(parseCef(line).fields.get("outcome")).toBe("deny");
  });

  test("stays within the lengths of the format, without halving a character", () => {
    const path = `/${"x".repeat(1021)}\u{1f602}${"y".repeat(2000)}`;
    const { fields } = parseCef(cefLine(one(access(path, { reason: "z".repeat(5000) }))));
    expect(fields.get("filePath")).toBe(`/${"x".repeat(1021)}`);
    expect(fields.get("reason")).toHaveLength(1023);
    expect(fields.get("cs3")).toHaveLength(64);
  });
});
