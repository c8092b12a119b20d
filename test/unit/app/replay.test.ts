// A replay of a long session: other sessions lie between its events, and what is kept is bounded.

import { expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { replaySession } from "../../../src/app/replay.ts";
import { systemClock } from "../../../src/base/clock.ts";
import { replayChangesMax } from "../../../src/base/limits.ts";
import { absPath } from "../../../src/base/paths.ts";
import { createLedger } from "../../../src/ledger/ledger.ts";
import { createMemoryStore } from "../../../src/ledger/memory.ts";
import { createHeadList } from "../../../src/ledger/tree/head-memory.ts";
import { keyFile } from "../../../src/ledger/tree/signer.ts";
import type { EventDraft } from "../../../src/model/event.ts";
import { policySnapshot } from "../../../src/model/policy-snapshot.ts";
import { testMs } from "../../support/patience.ts";
import { tempDir } from "../../support/temp.ts";

/** AEGIS_REPLAY_EVENTS raises it: a million takes some minutes and no more memory. */
const eventsWanted = Number(process.env.AEGIS_REPLAY_EVENTS ?? 30_000);

const home = absPath(tempDir("replay"));
if (home === undefined) throw new Error("a temporary folder is absolute");
mkdirSync(`${home}/ws`);
const around = { environment: { HOME: home }, directory: home, clock: systemClock };

function drafts(from: number, count: number, paths: number): EventDraft[] {
  return Array.from({ length: count }, (_, index) => ({
    type: "FILE_READ",
    tsUnixMs: 0,
    payload: {
      action: "FileRead",
      path: `/elsewhere/${(from + index) % paths}`,
      decision: "allow",
      rule: "x",
      reason: "",
      exe: "/bin/x",
      flags: "openat O_RDONLY",
      pid: 1,
      count: 1,
    },
  }));
}

test(
  "every event is judged, the list is bounded, the rest is counted",
  async () => {
    const key = keyFile(absPath(`${home}/key`) ?? home, "memory");
    const ledger = createLedger({
      store: createMemoryStore("memory"),
      keys: key,
      memory: createHeadList(),
    });
    const snapshot = policySnapshot([]);
    const opening = {
      name: "agent",
      mode: "run",
      command: ["x"],
      directory: `${home}/ws`,
      policyHash: snapshot.hash,
      tag: undefined,
      coverage: [],
    };
    const writer = await ledger.openSession(opening, snapshot, 0);
    const other = await ledger.openSession({ ...opening, name: "other" }, snapshot, 0);
    for (let from = 0; from < eventsWanted; from += 1000) {
      await writer.append(drafts(from, 1000, replayChangesMax + 5000));
      await other.append(drafts(from, 10, 10));
    }
    await writer.close({ last: [], tsUnixMs: 0, exitStatus: 0, summary: {} });
    const session = await ledger.session(writer.id);
    if (session === undefined) throw new Error("the session is not there");
    const options = {
      config: undefined,
      policies: ["workspace"],
      manifest: undefined,
      profiles: [],
      directory: undefined,
      name: undefined,
      read: [],
      write: [],
      deny: [],
      net: [],
      denyNet: [],
      listen: [],
      exec: [],
    };
    const replay = await replaySession(ledger, session, options, around);
    expect([replay.accesses, replay.nowDenied, replay.nowAllowed]).toEqual([
      eventsWanted,
      eventsWanted,
      0,
    ]);
    expect(replay.changes.length).toBe(replayChangesMax);
    const listed = replay.changes.reduce((sum, { count }) => sum + count, 0);
    expect(listed + replay.unlisted).toBe(eventsWanted);
    expect(replay.changes[0]).toMatchObject({
      before: "allow",
      after: "deny",
      reason: "no permit matched",
    });
  },
  testMs,
);
