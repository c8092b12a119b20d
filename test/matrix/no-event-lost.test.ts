// "No event lost": the same program under strace and in a box leaves the same accesses, each as
// often. See strace.ts for what counts.

import { expect } from "bun:test";
import { chmodSync, existsSync } from "node:fs";
import { testWith } from "../support/features.ts";
import { giveToPlainUser } from "../support/harness.ts";
import { tempDir } from "../support/temp.ts";
import {
  makePlace,
  type Place,
  removePlacesAfterwards,
  runBare,
  runBoxed,
  runners,
  withBoxEnvironment,
} from "./place.ts";
import {
  countAccesses,
  lastSession,
  type RecordedAccess,
  type RecordedSession,
} from "./recorded.ts";
import { count, type Tally, tallyName, tallyTraces, underStrace } from "./strace.ts";

interface Program {
  readonly name: string;
  readonly fixture: string;
  readonly command: readonly string[];
  /** Fewer would mean that the comparison compares nothing. */
  readonly accessesMin: number;
}

const stealing = 'for i in 1 2 3; do cat "$HOME/.ssh/id_ed25519"; done; true';
const modules =
  "json, ssl, sqlite3, asyncio, http.client, email.message, unittest, xml.dom.minidom";

const programs: readonly Program[] = [
  {
    name: "python imports",
    fixture: "python",
    command: ["sh", "-c", `python3 -B -c 'import ${modules}'; ${stealing}`],
    accessesMin: 150,
  },
  {
    name: "a gcc build",
    fixture: "gcc",
    command: ["sh", "-c", `make >make.txt; ${stealing}`],
    accessesMin: 200,
  },
  {
    name: "git commit",
    fixture: "git",
    command: ["sh", "-c", `sh commit.sh >git.txt; ${stealing}`],
    accessesMin: 300,
  },
];

const stolenReads = 3;

removePlacesAfterwards();
for (const runner of runners) {
  for (const program of programs) {
    const needs = ["linux", "landlock", "seccomp", "tool strace"] as const;
    testWith(needs, `no event of ${program.name} is lost, as ${runner}`, async () => {
      const traced = await withOwnTemporary(
        await withBoxEnvironment(makePlace(runner, program.fixture)),
      );
      const expected = await tallyOfStrace(traced, program);
      const place = makePlace(runner, program.fixture);
      await runBoxed(place, program.command);
      const session = await lastSession(place);
      expect(tallyOf(session, place)).toEqual(expected);
      expect(sum(expected)).toBeGreaterThan(program.accessesMin);
      const key = `${place.home}/.ssh/id_ed25519`;
      expect(countAccesses(session, (a) => a.path === key && a.decision === "deny")).toBe(
        stolenReads,
      );
      const refused = (access: RecordedAccess) => access.decision === "deny" && !isVain(access);
      expect(countAccesses(session, refused)).toBe(stolenReads);
    });
  }
}

async function tallyOfStrace(place: Place, program: Program): Promise<Record<string, number>> {
  const traces = tempDir("traces");
  chmodSync(traces, 0o755);
  if (place.runner === "plain user") giveToPlainUser(traces);
  const outcome = await runBare(place, underStrace(traces, program.command));
  expect(outcome).toMatchObject({ exitCode: 0 });
  return sorted(place, tallyTraces(traces));
}

function tallyOf(session: RecordedSession, place: Place): Record<string, number> {
  const tally: Tally = new Map();
  for (const access of session.accesses) {
    const { action, path, count: times } = access;
    if (!isVain(access)) count(tally, `${action} ${tallyName(action, path)}`, times);
  }
  return sorted(place, tally);
}

/** Refused, but there was nothing to be had: strace sees a file that is not there. */
function isVain({ decision, path }: RecordedAccess): boolean {
  return decision === "deny" && !existsSync(path);
}

/** What the box has in its own, empty /tmp is in an empty folder of the place. */
async function withOwnTemporary(place: Place): Promise<Place> {
  const folder = `${place.home}/tmp`;
  await runBare(place, ["mkdir", folder]);
  const moved = Object.entries(place.env).map(([name, value]): [string, string] => [
    name,
    value.replace(/^\/tmp(?=\/|$)/, folder),
  ]);
  return { ...place, env: Object.fromEntries(moved) };
}

/**
 * Without what differs between two runs: the home, process ids and the random part of temporary
 * names.
 */
function sorted(place: Place, tally: Tally): Record<string, number> {
  const merged: Tally = new Map();
  for (const [access, times] of tally) {
    const name = access
      .replace(`${place.home}/tmp/`, "/tmp/")
      .replace(place.home, "~")
      .replace(/\/proc\/\d+\//, "/proc/PID/")
      .replace(/(\/tmp\/)?\bcc\w{6}((\.\w+)+)$/, "ccTEMP$2")
      .replace(/tmp_obj_\w{6}$/, "tmp_obj_TEMP")
      .replace(/next-index-\d+/, "next-index-PID")
      .replace(/ t\w{6}$/, " tTEMP");
    count(merged, name, times);
  }
  return Object.fromEntries([...merged].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function sum(tally: Record<string, number>): number {
  return Object.values(tally).reduce((total, times) => total + times, 0);
}
