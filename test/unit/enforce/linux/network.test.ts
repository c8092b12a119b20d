import { expect, test } from "bun:test";
import {
  grantsEverything,
  grantsNothing,
  networkGrants,
} from "../../../../src/enforce/linux/network.ts";
import { allPorts } from "../../../../src/enforce/linux/ports.ts";
import type { Atom, Capability } from "../../../../src/model/capability.ts";
import { exactly, forbid, like, not, permit, port, under } from "../../../support/ir.ts";

const toHost = (name: string): Atom => ({ kind: "host-equals", host: name, negated: false });
const hostLike = (...parts: string[]): Atom => ({ kind: "host-like", parts, negated: false });
const tcp: Atom = { kind: "protocol", protocol: "tcp", negated: false };
const icmp: Atom = { kind: "protocol", protocol: "icmp", negated: false };
const from = (low: number): Atom => ({ kind: "port", op: ">=", port: low, negated: false });

test("ports add up over permits and come off by forbids", () => {
  const rows: [string, Capability[], readonly (readonly [number, number])[]][] = [
    ["nothing", [], []],
    ["every host and port", [permit("NetConnect")], allPorts],
    ["every host by name", [permit("NetConnect", hostLike("", ""))], allPorts],
    ["every host as a path", [permit("NetConnect", like("*"))], allPorts],
    ["one port", [permit("NetConnect", port(443))], [[443, 443]]],
    [
      "two next to each other",
      [permit("NetConnect", port(80)), permit("NetConnect", port(81))],
      [[80, 81]],
    ],
    ["a range", [permit("NetConnect", from(1024))], [[1024, 65535]]],
    [
      "all but one",
      [permit("NetConnect", not(port(25)))],
      [
        [0, 24],
        [26, 65535],
      ],
    ],
    [
      "a range less a port",
      [permit("NetConnect", from(1024), not(port(2000)))],
      [
        [1024, 1999],
        [2001, 65535],
      ],
    ],
    [
      "forbidden again",
      [permit("NetConnect"), forbid("NetConnect", port(25))],
      [
        [0, 24],
        [26, 65535],
      ],
    ],
    ["all forbidden", [permit("NetConnect"), forbid("NetConnect")], []],
    ["the other action", [permit("NetBind", port(80))], []],
    ["a folder is no host", [permit("NetConnect", under("/ws"))], []],
    ["a path is no host", [permit("NetConnect", exactly("/run/x.sock"))], []],
    ["no host lies in a folder", [permit("NetConnect", not(under("/ws")))], allPorts],
    ["two ports at once", [permit("NetConnect", port(80), port(81))], []],
    [
      "a forbidden host nobody may reach",
      [permit("NetConnect", port(443)), forbid("NetConnect", toHost("x"), port(80))],
      [[443, 443]],
    ],
  ];
  for (const [name, capabilities, connect] of rows) {
    const granted = networkGrants(capabilities);
    expect([name, granted.connect, granted.byName]).toEqual([name, connect, undefined]);
  }
});

test("rules that depend on more than the port make connections go by name", () => {
  const udp: Atom = { kind: "protocol", protocol: "udp", negated: false };
  const range: Atom = { kind: "host-cidr", address: "10.0.0.0", bits: 8, negated: false };
  const rows: [string, Capability[], boolean][] = [
    ["a permitted host", [permit("NetConnect", toHost("example.com"))], true],
    ["a host as a path", [permit("NetConnect", exactly("example.com"))], true],
    ["a pattern", [permit("NetConnect", hostLike("", ".example.com"))], true],
    ["all but a host", [permit("NetConnect", not(toHost("example.com")))], true],
    ["a range of addresses", [permit("NetConnect", range)], true],
    ["a forbidden host", [permit("NetConnect"), forbid("NetConnect", toHost("x"))], true],
    ["serving on one address", [permit("NetBind", toHost("127.0.0.1"), port(80))], true],
    ["datagrams alone", [permit("NetConnect", udp)], true],
    ["a forbidden host that nobody may reach", [forbid("NetConnect", toHost("x"))], false],
    ["ports", [permit("NetConnect", port(80)), forbid("NetConnect", port(25))], false],
  ];
  for (const [name, capabilities, isByName] of rows) {
    const { byName, connect } = networkGrants(capabilities);
    expect([name, byName !== undefined]).toEqual([name, isByName]);
    if (isByName) expect([name, connect]).toEqual([name, []]);
  }
});

test("what is granted on this machine is told by its ports", () => {
  const local = (...where: Atom[]) => networkGrants([permit("NetConnect", ...where)]).byName;
  const udp: Atom = { kind: "protocol", protocol: "udp", negated: false };
  expect(local(toHost("localhost"), port(80))).toEqual({
    datagrams: true,
    onlyPings: false,
    asks: false,
    localPorts: { tcp: [[80, 80]], udp: [[80, 80]] },
  });
  expect(local(toHost("localhost"), udp)?.onlyPings).toBe(false);
  expect(local(toHost("localhost"), icmp)?.onlyPings).toBe(true);
  expect(local(toHost("localhost"), not(udp), not(tcp))?.onlyPings).toBe(true);
  expect(local(toHost("127.0.0.1"), from(1024), not(udp))?.localPorts).toEqual({
    tcp: [[1024, 65535]],
    udp: [],
  });
  expect(local(toHost("::1"), udp)?.localPorts).toEqual({ tcp: [], udp: allPorts });
  expect(local(toHost("example.com"))?.localPorts).toEqual({ tcp: [], udp: [] });
  expect(local(toHost("example.com"), not(udp))?.datagrams).toBe(true);
});

test("everything and nothing are what they say", () => {
  expect(grantsNothing(networkGrants([]))).toBe(true);
  expect(grantsNothing(networkGrants([permit("NetBind", port(80))]))).toBe(false);
  expect(grantsEverything(networkGrants([permit("NetConnect NetBind")]))).toBe(true);
  expect(grantsEverything(networkGrants([permit("NetConnect")]))).toBe(false);
});
