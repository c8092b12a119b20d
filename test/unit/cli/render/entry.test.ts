import { describe, expect, test } from "bun:test";
import type { SessionId } from "../../../../src/base/ids.ts";
import { commandText } from "../../../../src/cli/render/command-text.ts";
import { actionText, entryColumns, entryLine, entryRow } from "../../../../src/cli/render/entry.ts";
import { renderTable } from "../../../../src/cli/render/table.ts";
import type { JsonObject, SealedEvent } from "../../../../src/model/event.ts";

function event(event_type: string, payload: JsonObject): SealedEvent {
  return {
    tenant_id: "local",
    user_id: "agent",
    session_id: "01890000-0000-7000-8000-0000deadbeef" as SessionId,
    seq: 7,
    ts_unix_ms: Date.UTC(2026, 2, 1, 9, 5, 7),
    event_type,
    payload,
    prev_hash: "",
    hash: "",
  };
}

const denied = event("FILE_READ", {
  action: "FileRead",
  path: "/home/me/.ssh/\u001b[2Jid",
  decision: "deny",
  count: 3,
});

describe("entries", () => {
  test("have an id that names session and number, a decision, and the action in words", () => {
    expect(entryRow(denied)).toEqual([
      "deadbeef:7",
      "Deny",
      "agent",
      "2026-03-01 09:05:07",
      "FileRead /home/me/.ssh/\x1b[2Jid (3 times)",
    ]);
    expect(entryLine(denied, false)).toBe(
      "[09:05:07] DENY   agent  FileRead /home/me/.ssh/\\x1b[2Jid (3 times)\n",
    );
  });

  test("are coloured by decision only, and only when asked to", () => {
    const coloured = renderTable(entryColumns(true), [entryRow(denied)], 80);
    expect(coloured).toContain("\x1b[31mDeny\x1b[39m");
    expect(Bun.stripANSI(coloured)).toBe(renderTable(entryColumns(false), [entryRow(denied)], 80));
    expect(entryLine(denied, true)).toContain("\x1b[31mDENY \x1b[39m");
  });

  const words = [
    {
      type: "NET_CONNECT",
      payload: { action: "NetConnect", path: "10.0.0.1", host: "example.org", port: 443 },
      text: "NetConnect example.org:443",
    },
    {
      type: "NET_BIND",
      payload: { action: "NetBind", path: "::1", port: 80 },
      text: "NetBind ::1:80",
    },
    {
      type: "PROCESS_EXIT",
      payload: { action: "ProcessExit", path: "ls" },
      text: "ProcessExit ls",
    },
    { type: "SESSION_CLOSED", payload: { exit_status: 3 }, text: "SESSION_CLOSED exit 3" },
    { type: "SESSION_OPENED", payload: { command: ["a", "b c"] }, text: "SESSION_OPENED a 'b c'" },
    {
      type: "NET_REQUEST",
      payload: { action: "NetRequest", method: "GET", url: "http://a.example/x", port: 80 },
      text: "NetRequest GET http://a.example/x",
    },
    {
      type: "NET_CONNECT",
      payload: {
        action: "NetConnect",
        host: "a.example",
        port: 443,
        phase: "closed",
        bytes_sent: 5,
        bytes_received: 2048,
      },
      text: "NetConnect a.example:443 closed, 5 B sent, 2.0 KB received",
    },
    { type: "COVERAGE", payload: {}, text: "COVERAGE" },
    {
      type: "FILE_WRITE",
      payload: { action: "FileWrite", path: "/x", count: 1 },
      text: "FileWrite /x",
    },
    { type: "FILE_WRITE", payload: { action: 3, path: null, count: "9" }, text: "FILE_WRITE" },
  ];
  for (const { type, payload, text } of words) {
    test(`say ${text}`, () => expect(actionText(event(type, payload))).toBe(text));
  }
});

test("a command is shown so that two different ones never look the same", () => {
  expect(commandText(["sh", "-c", "echo a b", "it's", ""])).toBe("sh -c 'echo a b' 'it'\\''s' ''");
});
