// The network of a box on the real kernel: nothing reaches what is outside unless it was granted,
// by whatever protocol, with and without namespaces. "Outside" is the test's own servers.

import { afterAll, beforeEach, expect } from "bun:test";
import { has as hasFeature } from "../../src/enforce/linux/features.ts";
import { type BoxResult, probe, runBare, runBox, type Setting, settings } from "../support/box.ts";
import { testWith } from "../support/features.ts";
import { freePort } from "../support/free-port.ts";
import { permit, port } from "../support/ir.ts";
import { type Outside, standOutside } from "../support/outside.ts";

const needs = ["linux", "landlock", "seccomp"] as const;
const everything = [permit("all"), permit("NetConnect NetBind")];
const outside: Outside = await standOutside();
// A test that failed before it counted leaves arrivals behind.
beforeEach(async () => {
  await outside.arrivals();
});
afterAll(() => outside[Symbol.asyncDispose]());

function hasNetNamespace(setting: Setting): boolean {
  return hasFeature(probe(setting), "net namespace");
}

/** Attempts side by side with what each was answered. */
function table(attempts: readonly string[], result: Pick<BoxResult, "answers">): string[][] {
  return attempts.map((attempt, index) => [attempt, result.answers[index] ?? "no answer"]);
}

const reaching = [
  `tcp 127.0.0.1 ${outside.tcp}`,
  `mptcp 127.0.0.1 ${outside.tcp}`,
  `fast-open 127.0.0.1 ${outside.tcp}`,
  `fast-open-message 127.0.0.1 ${outside.tcp}`,
  `udp-connect 127.0.0.1 ${outside.udp}`,
  `udp-send 127.0.0.1 ${outside.udp}`,
  `udp-message 127.0.0.1 ${outside.udp}`,
  `tcp ::ffff:127.0.0.1 ${outside.tcp}`,
  `tcp 0.0.0.0 ${outside.tcp}`,
];
const serving = ["listen 127.0.0.1 0", "bind 127.0.0.1 0", "mptcp-listen 127.0.0.1 0"];
/** Sockets that speak past TCP and UDP: family, type, protocol. */
const special = {
  raw: "socket 2 3 1",
  "raw IPv6": "socket 10 3 58",
  packet: "socket 17 3 768",
  "SCTP one to many": "socket 2 5 132",
  "netlink of the firewall": "socket 16 3 12",
  "netlink of the audit": "socket 16 3 9",
  "netlink of devices": "socket 16 3 15",
  vsock: "socket 40 1 0",
  "kernel crypto": "socket 38 5 0",
  Bluetooth: "socket 31 3 0",
  TIPC: "socket 30 1 0",
  SMC: "socket 43 1 0",
  "SMC by protocol": "socket 2 1 256",
  XDP: "socket 44 3 0",
} as const;

for (const setting of settings()) {
  testWith(needs, `${setting.name}: what is tried here reaches outside without a box`, async () => {
    const answers = runBare(setting, [...reaching, ...serving]);
    expect(table([...reaching, ...serving], { answers })).toEqual(
      [...reaching, ...serving].map((attempt) => [attempt, "ok"]),
    );
    expect(await outside.arrivals()).toEqual({ tcp: 6, udp: 2 });
  });

  testWith(needs, `${setting.name}: without a grant nothing reaches outside`, async () => {
    const result = await runBox(setting, [], [...reaching, ...serving]);
    const ownNetwork = hasNetNamespace(setting);
    const expected = [...reaching, ...serving].map((attempt) => {
      if (!ownNetwork) return [attempt, "EACCES"];
      if (attempt.startsWith("fast")) return [attempt, "EOPNOTSUPP"];
      // The box's own loopback: nobody serves there, datagrams go nowhere, listening is to itself.
      return [attempt, /^(tcp|mptcp)/.test(attempt) ? "ECONNREFUSED" : "ok"];
    });
    expected.splice(reaching.length + 2, 1, [serving[2] ?? "", ownNetwork ? "ok" : "EACCES"]);
    expect(table([...reaching, ...serving], result)).toEqual(expected);
    expect(await outside.arrivals()).toEqual({ tcp: 0, udp: 0 });
    expect(result.failed).toBeUndefined();
  });

  testWith(needs, `${setting.name}: with everything granted it all does`, async () => {
    const attempts = [...reaching, ...serving, "socket 16 3 0"];
    const result = await runBox(setting, everything, attempts);
    expect(table(attempts, result)).toEqual(attempts.map((attempt) => [attempt, "ok"]));
    expect(await outside.arrivals()).toEqual({ tcp: 6, udp: 2 });
  });

  testWith(needs, `${setting.name}: the network alone, without the files`, async () => {
    const attempts = [...reaching, ...serving, "socket 16 3 0"];
    const result = await runBox(setting, [permit("NetConnect NetBind")], attempts);
    expect(table(attempts, result)).toEqual(
      attempts.map((attempt) => [attempt, attempt.startsWith("fast") ? "EOPNOTSUPP" : "ok"]),
    );
    expect(await outside.arrivals()).toEqual({ tcp: 4, udp: 2 });
  });

  for (const [name, capabilities] of [
    ["nothing", []],
    ["one port", [permit("NetConnect NetBind", port(outside.tcp))]],
    ["everything", everything],
  ] as const) {
    testWith(
      needs,
      `${setting.name}: with ${name} granted no socket goes past TCP and UDP`,
      async () => {
        const attempts = Object.values(special);
        const result = await runBox(setting, capabilities, attempts);
        const open = table(Object.keys(special), result).filter(
          ([, answer]) => answer !== "EACCES" && answer !== "EAFNOSUPPORT",
        );
        expect(open).toEqual([]);
      },
    );
  }

  testWith(
    needs,
    `${setting.name}: a granted port is reached by TCP and by nothing else`,
    async () => {
      const attempts = [
        `tcp 127.0.0.1 ${outside.tcp}`,
        `tcp ::ffff:127.0.0.1 ${outside.tcp}`,
        `tcp 127.0.0.1 ${outside.tcp + 1}`,
        ...reaching.slice(1, 7),
        "socket 16 3 0",
      ];
      const result = await runBox(setting, [permit("NetConnect", port(outside.tcp))], attempts);
      expect(result.answers).toEqual([
        "ok",
        "ok",
        "EACCES",
        "EACCES",
        "EOPNOTSUPP",
        "EOPNOTSUPP",
        "EACCES",
        "EACCES",
        "EACCES",
        "EAFNOSUPPORT",
      ]);
      expect(await outside.arrivals()).toEqual({ tcp: 2, udp: 0 });
    },
  );

  testWith(needs, `${setting.name}: a granted port is served and no other`, async () => {
    const granted = freePort();
    const attempts = [
      `bind 127.0.0.1 ${granted}`,
      `bind 127.0.0.1 ${granted + 1}`,
      "bind 127.0.0.1 0",
      "listen 127.0.0.1 0",
      `mptcp-listen 127.0.0.1 ${granted}`,
      `udp-bind 127.0.0.1 ${granted}`,
      `tcp 127.0.0.1 ${outside.tcp}`,
    ];
    const result = await runBox(setting, [permit("NetBind", port(granted))], attempts);
    expect(table(attempts, result).map(([, answer]) => answer)).toEqual([
      "ok",
      "EACCES",
      "EACCES",
      "EACCES",
      "EACCES",
      "EACCES",
      "EACCES",
    ]);
    expect(await outside.arrivals()).toEqual({ tcp: 0, udp: 0 });
  });

  testWith(
    needs,
    `${setting.name}: a socket keeps no port from a connection that ended`,
    async () => {
      const script = `
import ctypes, socket
def listens(ends):
    s = socket.create_connection(("127.0.0.1", ${outside.tcp}))
    if ends: ctypes.CDLL(None).connect(s.fileno(), bytes(16), 16)
    else: s.shutdown(socket.SHUT_RDWR)
    try: s.listen(); return "listens"
    except OSError as e: return e.errno
bound = socket.socket(); bound.bind(("127.0.0.1", 0)); bound.listen()
print(listens(True), listens(False))`;
      const argv = ["/usr/bin/python3", "-c", script];
      const bind = script.indexOf("bound =");
      const without = ["/usr/bin/python3", "-c", `${script.slice(0, bind)}print(listens(True))`];
      const connect = permit("NetConnect", port(outside.tcp));
      const denied = await runBox(setting, [permit("all"), connect], [], { argv: without });
      expect(denied.stdout.trim()).toBe("13");
      const granted = await runBox(setting, [permit("all"), connect, permit("NetBind")], [], {
        argv,
      });
      expect(granted.stdout).toContain("listens");
      await outside.arrivals();
    },
  );

  testWith(
    needs,
    `${setting.name}: connections are recorded with address, port and rule`,
    async () => {
      const rule = permit("NetConnect", port(outside.tcp));
      const attempts = [`tcp 127.0.0.1 ${outside.tcp}`, `tcp 127.0.0.1 ${outside.tcp + 1}`];
      const result = await runBox(setting, [rule], attempts);
      const rows = result.accesses
        .filter(({ action }) => action === "NetConnect")
        .map(({ path, port, allowed, rule }) => [
          path,
          port,
          allowed,
          rule === undefined ? "" : result.planned.sources[rule]?.rule,
        ]);
      expect(rows).toEqual([
        ["127.0.0.1", outside.tcp, true, rule.origin.rule],
        ["127.0.0.1", outside.tcp + 1, false, ""],
      ]);
      await outside.arrivals();
    },
  );
}
