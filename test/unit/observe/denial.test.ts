// Lines of the unified log, as macOS writes them and as a box would like to write them.

import { describe, expect, test } from "bun:test";
import type { ObservedAccess } from "../../../src/observe/access.ts";
import { denialAccess, parseDenial, type SeatbeltDenial } from "../../../src/observe/denial.ts";
import { randomFrom } from "../../support/random-capabilities.ts";

const tag = "0191f6c0ffee";

function line(message: string, change: Readonly<Record<string, unknown>> = {}): string {
  return JSON.stringify({
    traceID: 1,
    eventMessage: message,
    eventType: "logEvent",
    processID: 0,
    senderImagePath: "/System/Library/Extensions/Sandbox.kext/Contents/MacOS/Sandbox",
    timestamp: "2026-01-31 23:59:59.123456+0100",
    ...change,
  });
}

function denial(change: Partial<SeatbeltDenial> = {}): SeatbeltDenial {
  return {
    tsUnixMs: Date.UTC(2026, 0, 31, 22, 59, 59, 123),
    number: 3,
    count: 1,
    process: "cat",
    pid: 4242,
    operation: "file-read-data",
    target: "/Users/me/.ssh/id",
    ...change,
  };
}

describe("a report of this launch is read", () => {
  const rows: readonly (readonly [string, string, Partial<SeatbeltDenial>])[] = [
    [
      "as the kernel writes it",
      `Sandbox: cat(4242) deny(1) file-read-data /Users/me/.ssh/id\n3.${tag}`,
      {},
    ],
    [
      "with a blank before the tag",
      `Sandbox: cat(4242) deny(1) file-read-data /Users/me/.ssh/id 3.${tag}`,
      {},
    ],
    [
      "with a line break at the end",
      `Sandbox: cat(4242) deny(1) file-read-data /Users/me/.ssh/id\n3.${tag}\n`,
      {},
    ],
    [
      "folded",
      `3 duplicate reports for Sandbox: cat(4242) deny(1) file-read-data /Users/me/.ssh/id\n3.${tag}`,
      { count: 3 },
    ],
    [
      "folded once",
      `1 duplicate report for Sandbox: cat(4242) deny(1) file-read-data /Users/me/.ssh/id\n3.${tag}`,
      {},
    ],
    [
      "a name with blanks and parentheses",
      `Sandbox: Chrome (Helper)(77) deny(1) mach-lookup com.apple.x\n3.${tag}`,
      { process: "Chrome (Helper)", pid: 77, operation: "mach-lookup", target: "com.apple.x" },
    ],
    [
      "an operation with a star",
      `Sandbox: sh(5) deny(1) process-exec* /bin/ls\n12.${tag}`,
      { process: "sh", pid: 5, operation: "process-exec*", target: "/bin/ls", number: 12 },
    ],
    [
      "no target",
      `Sandbox: sh(5) deny(1) process-fork\n0.${tag}`,
      { process: "sh", pid: 5, operation: "process-fork", target: "", number: 0 },
    ],
    [
      "a path with a line break",
      `Sandbox: sh(5) deny(1) file-write-create /ws/a\nb\n3.${tag}`,
      { process: "sh", pid: 5, operation: "file-write-create", target: "/ws/a\nb" },
    ],
    [
      "a path that imitates a tag",
      `Sandbox: sh(5) deny(1) file-write-create /ws/x\n9.${tag}\n3.${tag}`,
      { process: "sh", pid: 5, operation: "file-write-create", target: `/ws/x\n9.${tag}` },
    ],
    [
      "a path that imitates a report",
      `Sandbox: sh(5) deny(1) file-read-data /ws/(1) deny(1) file-write-data /etc\n3.${tag}`,
      { process: "sh", pid: 5, target: "/ws/(1) deny(1) file-write-data /etc" },
    ],
    [
      "a name that imitates a denial of something there is no word for",
      `Sandbox: x(1) deny(1) sysctl-read (5) deny(1) file-read-data /Users/me/.ssh/id\n3.${tag}`,
      { process: "x(1) deny(1) sysctl-read ", pid: 5 },
    ],
    [
      "a name with a line break",
      `Sandbox: a\nb(5) deny(1) file-read-data /Users/me/.ssh/id\n3.${tag}`,
      { process: "a\nb", pid: 5 },
    ],
    [
      "two readings that both leave a row",
      `Sandbox: x(1) deny(1) process-exec /a(5) deny(1) file-read-data /b\n3.${tag}`,
      {
        process: "x",
        pid: 1,
        operation: "process-exec",
        target: "/a(5) deny(1) file-read-data /b",
      },
    ],
  ];
  for (const [name, message, change] of rows) {
    test(name, () => expect(parseDenial(line(message), tag)).toEqual(denial(change)));
  }
  test("times of other zones", () => {
    const report = `Sandbox: cat(4242) deny(1) file-read-data /Users/me/.ssh/id\n3.${tag}`;
    const timestamp = "2026-02-01 08:29:59.123999+0930";
    expect(parseDenial(line(report, { timestamp }), tag)).toEqual(denial());
  });
});

describe("every other line is none", () => {
  const report = `Sandbox: cat(1) deny(1) file-read-data /x\n3.${tag}`;
  const rows: readonly (readonly [string, string])[] = [
    ["nothing", ""],
    ["the banner", `Filtering the log data using "eventMessage CONTAINS ".${tag}""`],
    ["half an entry", line(report).slice(0, -9)],
    ["an entry that is no object", `["${tag}"]`],
    ["no message", JSON.stringify({ timestamp: "2026-01-31 23:59:59.123456+0100", x: tag })],
    ["a message that is no text", line(report, { eventMessage: [report] })],
    ["no time", line(report, { timestamp: "yesterday" })],
    ["another launch", line(report.replaceAll(tag, "0191aaaaaaaa"))],
    ["the tag in the middle", line(`${report} and more`)],
    ["the tag without a number", line(`Sandbox: cat(1) deny(1) file-read-data /x\n.${tag}`)],
    ["the tag at the end of a path", line(`Sandbox: cat(1) deny(1) file-read-data /x3.${tag}`)],
    ["an allowed access", line(report.replace("deny(1)", "allow(1)"))],
    ["another policy", line(report.replace("Sandbox:", "System Policy:"))],
    ["something in front", line(`x ${report}`)],
    ["a name longer than any", line(report.replace("cat", "c".repeat(33)))],
    ["no such operation", line(report.replace("file-read-data", "FILE"))],
    ["a number longer than any", line(report.replace("\n3.", "\n1234567."))],
    ["an endless line", line(report.replace("/x", `/${"x".repeat(70_000)}`))],
  ];
  for (const [name, text] of rows) {
    test(name, () => expect(parseDenial(text, tag)).toBeUndefined());
  }
  test("the twin of all of them", () => expect(parseDenial(line(report), tag)).toBeDefined());
});

describe("a denial is an access in the words of the ledger", () => {
  const reasons = [
    { rule: "", reason: "no permit matched" },
    { rule: "secrets", reason: "denied by secrets" },
  ];
  type Wanted = Partial<ObservedAccess["payload"]> | undefined;
  const rows: readonly (readonly [string, string, Wanted])[] = [
    ["file-read-data", "/a", { action: "FileRead", path: "/a" }],
    ["file-read-metadata", "/a", { action: "FileRead", path: "/a" }],
    ["file-map-executable", "/a", { action: "FileRead", path: "/a" }],
    ["file-test-existence", "/a", { action: "FileRead", path: "/a" }],
    ["file-write-data", "/a", { action: "FileWrite", path: "/a" }],
    ["file-write-create", "/a", { action: "FileWrite", path: "/a" }],
    ["file-write-mode", "/a", { action: "FileWrite", path: "/a" }],
    ["file-link", "/a", { action: "FileWrite", path: "/a" }],
    ["file-ioctl", "/dev/ttys001", { action: "FileWrite", path: "/dev/ttys001" }],
    ["file-write-unlink", "/a", { action: "FileDelete", path: "/a" }],
    ["process-exec*", "/bin/ls", { action: "ProcessSpawn", path: "/bin/ls" }],
    ["process-exec-interpreter", "/bin/sh", { action: "ProcessSpawn", path: "/bin/sh" }],
    [
      "network-outbound",
      "1.1.1.1:443",
      { action: "NetConnect", path: "1.1.1.1", host: "1.1.1.1", port: 443 },
    ],
    ["network-outbound", "[::1]:80", { action: "NetConnect", path: "::1", host: "::1", port: 80 }],
    ["network-outbound", "*:53", { action: "NetConnect", path: "*", host: "*", port: 53 }],
    ["network-outbound", "*:*", { action: "NetConnect", path: "*", host: "*" }],
    [
      "network-outbound",
      "remote:LAN:9",
      { action: "NetConnect", path: "lan", host: "lan", port: 9 },
    ],
    ["network-outbound", "/run/docker.sock", { action: "FileWrite", path: "/run/docker.sock" }],
    [
      "network-outbound",
      "/private/var/run/mDNSResponder",
      { action: "NetConnect", path: "/private/var/run/mDNSResponder", host: "*" },
    ],
    [
      "network-bind",
      "0.0.0.0:80",
      { action: "NetBind", path: "0.0.0.0", host: "0.0.0.0", port: 80 },
    ],
    ["network-inbound", "*:80", { action: "NetBind", path: "*", host: "*", port: 80 }],
    [
      "mach-lookup",
      "com.apple.SecurityServer",
      {
        action: "NetConnect",
        path: "mach:com.apple.SecurityServer",
        rule: "protected:services",
        reason: "no policy grants this service of macOS",
      },
    ],
    ["mach-lookup", "com.apple.analyticsd", undefined],
    ["mach-lookup", "com.apple.cfprefsd.agent", undefined],
    ["mach-lookup", "com.apple.FSEvents", undefined],
    ["sysctl-read", "kern.proc.all", undefined],
    ["signal", "other[1]", undefined],
  ];
  for (const [operation, target, wanted] of rows) {
    test(`${operation} ${target}`, () => {
      const given = denial({ operation, target, number: 1, count: 2 });
      const access = denialAccess(given, reasons);
      const common = {
        decision: "deny",
        rule: "secrets",
        reason: "denied by secrets",
        pid: 4242,
        exe: "cat",
        flags: operation,
        count: 2,
      } as const;
      expect(access?.payload).toEqual(
        wanted && ({ ...common, ...wanted } as ObservedAccess["payload"]),
      );
    });
  }
  test("a number the profile does not have names no rule", () => {
    expect(denialAccess(denial({ number: 99 }), reasons)?.payload.rule).toBe("");
  });
});

test("200,000 broken lines are survived", () => {
  const random = randomFrom(0xdead);
  const whole = line(`5 duplicate reports for Sandbox: cat(1) deny(1) file-read-data /x\n3.${tag}`);
  let read = 0;
  for (let round = 0; round < 200_000; round++) {
    const bytes = Buffer.from(whole);
    for (let change = random(4); change >= 0; change--) {
      bytes[random(bytes.length)] = random(256);
    }
    const text = bytes.subarray(0, random(3) === 0 ? random(bytes.length) : bytes.length);
    const found = parseDenial(text.toString(), tag);
    if (found === undefined) continue;
    read += 1;
    const access = denialAccess(found, []);
    expect(Number.isSafeInteger(found.pid) && found.count >= 1).toBe(true);
    expect(access === undefined || access.payload.count >= 1).toBe(true);
  }
  expect(read).toBeGreaterThan(1_000);
});

test("random bytes around the tag are survived", () => {
  const random = randomFrom(0xbeef);
  for (let round = 0; round < 20_000; round++) {
    const noise = Buffer.from(Array.from({ length: random(60) }, () => random(256))).toString();
    parseDenial(`${noise}${tag}${noise}`, tag);
    parseDenial(line(`${noise} 3.${tag}`), tag);
    parseDenial(line(`Sandbox: ${noise}(1) deny(1) ${noise}\n3.${tag}`), tag);
  }
});
