// A recorded connection under another policy: protocol, address behind a name, look-ups and the
// box's own loopback count as they would in a box.

import { expect, test } from "bun:test";
import { prepareRejudge } from "../../../src/app/replay-verdict.ts";
import type { RecordedAccess } from "../../../src/ledger/access.ts";
import { flagsToCapabilities } from "../../../src/policy/flags.ts";

function verdictUnder(flags: readonly string[], access: Partial<RecordedAccess>): string {
  const given = { read: [], write: [], deny: [], listen: [], exec: [] };
  const values = (name: string) => flags.filter((_, index) => flags[index - 1] === name);
  const options = { ...given, net: values("--net"), denyNet: values("--deny-net") };
  const capabilities = flagsToCapabilities(options, {
    directory: "/",
    home: "/root",
    realPath: () => undefined,
    findProgram: () => [],
  });
  if (!capabilities.ok) throw new Error(JSON.stringify(capabilities.error));
  const { decision, rule } = prepareRejudge(
    capabilities.value,
    "agent",
  )({
    action: "NetConnect",
    path: access.host ?? "",
    host: undefined,
    port: 80,
    protocol: "tcp",
    address: undefined,
    connection: undefined,
    decision: "allow",
    rule: "mine",
    reason: "",
    exe: "/bin/x",
    flags: "connect",
    count: 1,
    ...access,
  });
  return `${decision} ${rule}`.trim();
}

const byTcp = { host: "192.0.2.1" };
const byUdp = { host: "192.0.2.1", protocol: "udp" } as const;
const byPing = { host: "192.0.2.1", protocol: "icmp", port: 0 } as const;
const named = { host: "web.example", address: "93.184.215.14" };
const leadingInside = { host: "web.example", address: "10.0.0.7" };
const lookup = { host: "web.example", port: 53, protocol: "dns" } as const;
const loop = { host: "127.0.0.1", port: 8080 };
const net = "allow flag:--net";

const rows: readonly (readonly [string, string, Partial<RecordedAccess>, string])[] = [
  ["TCP where TCP is granted", "--net 192.0.2.1:80", byTcp, net],
  ["UDP where TCP is granted", "--net 192.0.2.1:80", byUdp, "deny"],
  ["UDP where UDP is granted", "--net udp:192.0.2.1:80", byUdp, net],
  ["TCP where UDP is granted", "--net udp:192.0.2.1:80", byTcp, "deny"],
  ["a ping where TCP is granted", "--net 192.0.2.1", byPing, "deny"],
  ["a ping where pings are granted", "--net icmp:192.0.2.1", byPing, net],
  [
    "UDP where all but UDP is granted",
    "--net all --deny-net udp:192.0.2.1",
    byUdp,
    "deny flag:--deny-net",
  ],
  ["TCP where all but UDP is granted", "--net all --deny-net udp:192.0.2.1", byTcp, net],
  ["a name", "--net web.example:80", named, net],
  ["a name that led inside", "--net web.example:80", leadingInside, "deny"],
  [
    "a name that led where a rule permits",
    "--net web.example:80 --net 10.0.0.7:80",
    leadingInside,
    net,
  ],
  [
    "a name that led where a rule forbids",
    "--net all --deny-net 10.0.0.0/8",
    leadingInside,
    "deny flag:--deny-net",
  ],
  ["a name that led elsewhere", "--net all --deny-net 10.0.0.0/8", named, net],
  ["a look-up of a granted name", "--net web.example:443", lookup, net],
  ["a look-up of another", "--net other.example:443", lookup, "deny"],
  ["a request to a granted name", "--net web.example:80", { ...named, action: "NetRequest" }, net],
  ["a request to another", "--net other.example:80", { ...named, action: "NetRequest" }, "deny"],
  ["loopback of a box without network", "--net none", loop, "deny flag:--net"],
  ["loopback of a box that goes by name", "--net web.example:80", loop, "allow box:loopback"],
  [
    "a server for itself",
    "--net web.example:80",
    { ...loop, action: "NetBind", port: 0 },
    "allow box:loopback",
  ],
  [
    "a server for others",
    "--net web.example:80",
    { ...loop, host: "192.0.2.1", action: "NetBind" },
    "deny",
  ],
  ["this machine's by name", "--net localhost:8080", loop, net],
  ["loopback where all is granted", "--net all", loop, net],
  [
    "what the making of a box decided",
    "--net all",
    { ...byTcp, rule: "box:sockets", decision: "deny" },
    "deny box:sockets",
  ],
];

test.each(rows)("%s, under %s", (_, flags, access, expected) => {
  expect(verdictUnder(flags.split(" "), access)).toBe(expected);
});

test("without any rule about the network a box talks to itself and to nobody else", () => {
  expect([verdictUnder([], loop), verdictUnder([], byTcp)]).toEqual(["allow box:loopback", "deny"]);
});
