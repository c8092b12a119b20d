// A ledger with two sessions in it, written the way a run writes one, for tests of what reads
// ledgers.

import { join } from "node:path";
import { openForWriting } from "../../src/app/ledger/ledgers.ts";
import type { Surroundings } from "../../src/app/surroundings.ts";
import { systemClock } from "../../src/base/clock.ts";
import type { SessionId } from "../../src/base/ids.ts";
import { absPath } from "../../src/base/paths.ts";
import type { EventDraft, JsonObject } from "../../src/model/event.ts";
import { policySnapshot } from "../../src/model/policy-snapshot.ts";

export interface Recorded {
  /** Ended with status 0: reads two files, is refused a third. */
  readonly first: SessionId;
  /** Ended with status 3: writes a file whose name tries to control the terminal. */
  readonly second: SessionId;
}

/** Start of the first session. */
export const recordedAtUnixMs = Date.UTC(2026, 2, 1, 9, 0, 0);

/** Records at `AEGIS_HOME/NAME/audit.db`, or at `ledger.db` of ad-hoc runs. */
export async function recordSessions(home: string, name?: string): Promise<Recorded> {
  const around = surroundings(home);
  const path = join(home, name === undefined ? "ledger.db" : `${name}/audit.db`);
  await using ledger = await openForWriting(around, absolute(path));
  const snapshot = policySnapshot([
    { kind: "cedar", name: "template:permit-all", text: "permit(principal, action, resource);" },
  ]);
  const sessions: SessionId[] = [];
  for (const [index, { command, tag, accesses, exitStatus }] of stories.entries()) {
    const at = recordedAtUnixMs + index * 60_000;
    const writer = await ledger.openSession(
      {
        name: name ?? "agent",
        mode: "run",
        command,
        directory: "/work/project",
        policyHash: snapshot.hash,
        tag,
        coverage: [],
      },
      snapshot,
      at,
    );
    await writer.append(accesses.map((payload): EventDraft => draft(payload, at + 1000)));
    await writer.close({ last: [], tsUnixMs: at + 2000, exitStatus, summary: {} });
    sessions.push(writer.id);
  }
  const [first, second] = sessions;
  if (first === undefined || second === undefined) throw new Error("two stories, two sessions");
  return { first, second };
}

/** One session of that many reads; the number of events it took. */
export async function recordMany(home: string, count: number): Promise<number> {
  await using ledger = await openForWriting(surroundings(home), absolute(join(home, "ledger.db")));
  const { hash, sources } = policySnapshot([]);
  const writer = await ledger.openSession(
    {
      name: "agent",
      mode: "run",
      command: ["find", "/"],
      directory: "/",
      policyHash: hash,
      tag: undefined,
      coverage: [],
    },
    { hash, sources },
    recordedAtUnixMs,
  );
  const payloads = Array.from({ length: count }, (_, at) =>
    access("FileRead", `/data/${at}`, "allow", 1),
  );
  await writer.append(payloads.map((payload) => draft(payload, recordedAtUnixMs)));
  await writer.close({ last: [], tsUnixMs: recordedAtUnixMs, exitStatus: 0, summary: {} });
  return (await ledger.events({}, { limit: 1, offset: 0 })).total;
}

export function surroundings(home: string): Surroundings {
  return {
    environment: { AEGIS_HOME: home, HOME: home },
    directory: absolute("/"),
    clock: systemClock,
  };
}

const stories: readonly {
  readonly command: readonly string[];
  readonly tag: string | undefined;
  readonly exitStatus: number;
  readonly accesses: readonly JsonObject[];
}[] = [
  {
    command: ["python3", "agent.py"],
    tag: undefined,
    exitStatus: 0,
    accesses: [
      access("FileRead", "/work/project/agent.py", "allow", 1),
      access("FileRead", "/work/project/data.csv", "allow", 12),
      access("FileRead", "/home/me/.ssh/id_ed25519", "deny", 1),
    ],
  },
  {
    command: ["sh", "-c", "echo a b"],
    tag: "nightly",
    exitStatus: 3,
    accesses: [
      access("FileRead", "/work/project/agent.py", "allow", 1),
      access("FileWrite", "/work/project/\u001b]0;owned\u0007\u202etxt", "allow", 2),
      { ...access("NetConnect", "93.184.216.34", "deny", 1), host: "example.org", port: 443 },
    ],
  },
];

function access(action: string, path: string, decision: string, count: number): JsonObject {
  const reason = decision === "allow" ? "allowed by permit-all#1" : "no permit matched";
  const rule = decision === "allow" ? "permit-all#1" : "";
  const rest = { pid: 7, exe: "/usr/bin/python3", flags: "openat" };
  return { action, path, decision, rule, reason, ...rest, count };
}

function draft(payload: JsonObject, tsUnixMs: number): EventDraft {
  const types = { FileRead: "FILE_READ", FileWrite: "FILE_WRITE", NetConnect: "NET_CONNECT" };
  const type = types[payload.action as keyof typeof types] as EventDraft["type"];
  return { type, tsUnixMs, payload };
}

function absolute(path: string) {
  const absolutePath = absPath(path);
  if (absolutePath === undefined) throw new Error(`not absolute: ${path}`);
  return absolutePath;
}
