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
    expect([name, granted.connect, granted.findings]).toEqual([name, connect, []]);
  }
});

test("rules by host are refused and say so", () => {
  const rows: [string, Capability[]][] = [
    ["a permitted host", [permit("NetConnect", toHost("example.com"))]],
    ["a host as a path", [permit("NetConnect", exactly("example.com"))]],
    ["a pattern", [permit("NetConnect", hostLike("", ".example.com"))]],
    ["all but a host", [permit("NetConnect", not(toHost("example.com")))]],
    ["a forbidden host", [permit("NetConnect"), forbid("NetConnect", toHost("example.com"))]],
    ["serving on one address", [permit("NetBind", toHost("127.0.0.1"), port(80))]],
  ];
  for (const [name, capabilities] of rows) {
    const { findings } = networkGrants(capabilities);
    expect([name, findings.length]).toEqual([name, 1]);
    expect(findings[0]?.hint).toContain("by host are not available yet");
    expect(findings[0]?.origin?.source).toBe("test.cedar");
  }
});

test("everything and nothing are what they say", () => {
  expect(grantsNothing(networkGrants([]))).toBe(true);
  expect(grantsNothing(networkGrants([permit("NetBind", port(80))]))).toBe(false);
  expect(grantsEverything(networkGrants([permit("NetConnect NetBind")]))).toBe(true);
  expect(grantsEverything(networkGrants([permit("NetConnect")]))).toBe(false);
});
