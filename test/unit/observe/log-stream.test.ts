// Following the log, with a stand-in for `log stream` that prints what the test writes down.

import { describe, expect, test } from "bun:test";
import { systemClock } from "../../../src/base/clock.ts";
import { AegisError } from "../../../src/base/errors.ts";
import type { ObservedAccess } from "../../../src/observe/access.ts";
import { logStreamSource, openLogStream } from "../../../src/observe/log-stream.ts";
import { waitFor } from "../../support/harness.ts";
import { type StandIn, standIn } from "../../support/seatbelt-programs.ts";

const tag = "0191f6c0ffee";
const denials = [
  { rule: "", reason: "no permit matched" },
  { rule: "secrets", reason: "denied by secrets" },
];

function report(path: string, launchTag = tag): string {
  const eventMessage = `Sandbox: cat(7) deny(1) file-read-data ${path}\n1.${launchTag}`;
  const timestamp = "2026-01-31 23:59:59.123456+0000";
  return `${JSON.stringify({ eventMessage, timestamp })}\n`;
}

function machineOf(log: StandIn) {
  return { logProgram: log.program, clock: systemClock };
}

function listening(lines = ""): StandIn {
  const log = standIn("log");
  log.write("lines", lines);
  return log;
}

function pathsOf(accesses: readonly ObservedAccess[]): string[] {
  return accesses.map(({ payload }) => payload.path);
}

async function failure(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    if (error instanceof AegisError) return `${error.code}: ${error.message}`;
    throw error;
  }
  return "it went well";
}

test("denials of this launch are recorded while they come", async () => {
  const log = listening();
  const recorded: ObservedAccess[] = [];
  const stream = await openLogStream(machineOf(log), { tag, denials }, (accesses) => {
    recorded.push(...accesses);
  });
  log.append("lines", report("/first"));
  await waitFor("the first denial", () => recorded.length === 1);
  log.append("lines", `${report("/other", "0191aaaaaaaa")}no json\n${report("/second")}`);
  await waitFor("the second denial", () => recorded.length === 2);
  await stream.close();
  expect(pathsOf(recorded)).toEqual(["/first", "/second"]);
  expect(recorded[0]?.payload).toMatchObject({ rule: "secrets", decision: "deny", pid: 7 });
});

test("the log is asked for the reports of the kernel that carry the tag, and nothing else", async () => {
  const log = listening();
  await (await openLogStream(machineOf(log), { tag, denials }, () => undefined)).close();
  const [stream, style, format, flag, predicate] = log.note("arguments").split("\0");
  expect([stream, style, format, flag]).toEqual(["stream", "--style", "ndjson", "--predicate"]);
  expect(predicate).toEndWith(`AND eventMessage CONTAINS ".${tag}"`);
  expect(predicate).toStartWith('((processID == 0 AND senderImagePath CONTAINS "/Sandbox")');
});

test("what the log has when the command ends is not lost", async () => {
  const log = listening();
  const recorded: ObservedAccess[] = [];
  const source = logStreamSource(machineOf(log));
  const stream = await source.open({ tag, denials }, (accesses) => {
    recorded.push(...accesses);
  });
  const paths = Array.from({ length: 500 }, (_, index) => `/late/${index}`);
  log.append("lines", paths.map((path) => report(path)).join(""));
  await stream.close();
  expect(pathsOf(recorded)).toEqual(paths);
});

test("a slow ledger holds the log up and loses nothing", async () => {
  const log = listening(Array.from({ length: 50 }, (_, index) => report(`/${index}`)).join(""));
  let busy = 0;
  let most = 0;
  const recorded: string[] = [];
  const stream = await openLogStream(machineOf(log), { tag, denials }, async (accesses) => {
    busy += 1;
    most = Math.max(most, busy);
    await Bun.sleep(5);
    recorded.push(...pathsOf(accesses));
    busy -= 1;
  });
  await stream.close();
  expect([recorded.length, most, busy]).toEqual([50, 1, 0]);
});

describe("a log that cannot be followed is an error", () => {
  test("no program", async () => {
    const machine = { logProgram: "/nowhere/log", clock: systemClock };
    const opening = openLogStream(machine, { tag, denials }, () => undefined);
    expect(await failure(opening)).toStartWith("enforce/unsupported: Cannot start");
  });
  test("one that ends at once", async () => {
    const log = listening();
    log.write("broken", "");
    const opening = openLogStream(machineOf(log), { tag, denials }, () => undefined);
    expect(await failure(opening)).toContain("it ended with status 77");
  });
  test("one that ends before the command", async () => {
    const log = standIn("log");
    // Without the file to follow, it says that it listens and ends.
    const opening = openLogStream(machineOf(log), { tag, denials }, () => undefined);
    const outcome = await failure(opening.then((stream) => stream.close()));
    expect(outcome).toStartWith("enforce/unsupported: Cannot follow the system's log");
  });
  test("a ledger that refuses", async () => {
    const log = listening(report("/x"));
    const stream = await openLogStream(machineOf(log), { tag, denials }, () => {
      throw new AegisError("ledger/unavailable", "the disk is full");
    });
    expect(await failure(stream.close())).toBe("ledger/unavailable: the disk is full");
  });
});
