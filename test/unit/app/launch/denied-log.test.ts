// What a denied access becomes in the file a box reads, and that the file is bounded and tidied up.

import { expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, utimesSync } from "node:fs";
import { createDeniedLog, deniedLine } from "../../../../src/app/launch/denied-log.ts";
import { newSessionId } from "../../../../src/base/ids.ts";
import { deniedLogMaxBytes, leftoverAgeMinMs } from "../../../../src/base/limits.ts";
import { absPath } from "../../../../src/base/paths.ts";
import type { JsonObject, SealedEvent } from "../../../../src/model/event.ts";
import { tempDir } from "../../../support/temp.ts";

const session = newSessionId();

function event(payload: JsonObject, seq = 7): SealedEvent {
  const own = { tenant_id: "local", user_id: "agent", session_id: session, seq };
  const rest = { ts_unix_ms: 0, event_type: "FILE_READ", prev_hash: "", hash: "" };
  return { ...own, ...rest, payload: { decision: "deny", exe: "/bin/x", count: 1, ...payload } };
}

const rows: readonly (readonly [string, JsonObject, object | undefined])[] = [
  [
    "a path nobody granted",
    { action: "FileRead", path: "/a b", rule: "", reason: "no permit matched", count: 3 },
    { operation: "FileRead", path: "/a b", rule: null, grant: "--read '/a b'", count: 3 },
  ],
  [
    "a protected name",
    { action: "FileWrite", path: "/w/.git/config", rule: "protected:git-config", reason: "no" },
    { operation: "FileWrite", path: "/w/.git/config", rule: "protected:git-config", grant: null },
  ],
  [
    "a connection",
    { action: "NetConnect", path: "10.0.0.1", host: "10.0.0.1", port: 443, rule: "", reason: "" },
    { operation: "NetConnect", host: "10.0.0.1", port: 443, grant: "--net 10.0.0.1:443" },
  ],
  ["an allowed access", { action: "FileRead", path: "/a", decision: "allow" }, undefined],
  ["what is no access", { action: "SessionOpened" }, undefined],
];

test.each(rows)("deniedLine() of %s", (_, payload, expected) => {
  const line = deniedLine(event(payload), "agent");
  if (expected === undefined) expect(line).toBeUndefined();
  else {
    expect(line).toMatchObject({ ...expected, event: { session, seq: 7 } });
    expect("path" in (line ?? {})).toBe("path" in expected);
  }
});

test("a full file says so in its last line and grows no more", () => {
  const folder = absPath(tempDir("denied"));
  if (folder === undefined) throw new Error("a temporary folder is absolute");
  const log = createDeniedLog(folder, "agent", Date.now());
  const long = { action: "FileRead", path: `/${"p".repeat(3000)}`, rule: "", reason: "" };
  for (let seq = 0; seq < 1000; seq += 1) log.add([event(long, seq)]);
  const text = readFileSync(log.path, "utf8");
  const lines = text.trimEnd().split("\n");
  expect(text.length).toBeLessThan(deniedLogMaxBytes);
  expect(text.length).toBeGreaterThan(deniedLogMaxBytes / 2);
  expect(JSON.parse(lines.at(-1) ?? "")).toMatchObject({ full: true, event: { session } });
  expect(lines.filter((line) => line.includes('"full"'))).toHaveLength(1);
  log.close();
  expect(readdirSync(folder)).toEqual([]);
});

test("what a killed launch left goes after a day, unless its process is there", () => {
  const folder = absPath(tempDir("denied"));
  if (folder === undefined) throw new Error("a temporary folder is absolute");
  const now = Date.now();
  const long = new Date(now - leftoverAgeMinMs - 1000);
  const dead = 2 ** 22 + 1;
  for (const name of [`${dead}-old`, `${dead}-new`, `${process.pid}-old`]) {
    mkdirSync(`${folder}/${name}`);
    if (name.endsWith("old")) utimesSync(`${folder}/${name}`, long, long);
  }
  createDeniedLog(folder, "agent", now).close();
  expect(readdirSync(folder).sort()).toEqual([`${process.pid}-old`, `${dead}-new`].sort());
});
