// Connections and servers of a recorded session as the endpoints a learned policy names.

import { expect, test } from "bun:test";
import { type Endpoint, learnNetwork } from "../../../../src/policy/learn/network.ts";
import type { SeenAccess } from "../../../../src/policy/learn/seen.ts";

const connect = (host: string, over: Partial<SeenAccess> = {}): SeenAccess => ({
  ...{ action: "NetConnect", path: host, host, port: 80, protocol: "tcp" },
  ...{ flags: "connect", exe: "/bin/x", count: 1 },
  ...over,
});
const serve = (host: string, over: Partial<SeenAccess> = {}) =>
  connect(host, { action: "NetBind", ...over });
const asked = connect("web.example", { port: 53, protocol: "dns" });

const shown = ({ action, host = "*", port, protocol }: Endpoint) =>
  `${action} ${protocol ?? "?"}:${host}:${port}`;

const rows: readonly (readonly [string, readonly SeenAccess[], readonly string[]])[] = [
  ["TCP", [connect("192.0.2.1")], ["NetConnect tcp:192.0.2.1:80"]],
  [
    "the same place by two protocols",
    [connect("192.0.2.1"), connect("192.0.2.1", { protocol: "udp" })],
    ["NetConnect tcp:192.0.2.1:80", "NetConnect udp:192.0.2.1:80"],
  ],
  [
    "a record without the protocol",
    [connect("192.0.2.1", { protocol: undefined })],
    ["NetConnect ?:192.0.2.1:80"],
  ],
  [
    "a name that leads where no name alone does",
    [connect("web.example", { address: "10.0.0.7" })],
    ["NetConnect tcp:web.example:80", "NetConnect tcp:10.0.0.7:80"],
  ],
  [
    "a look-up before a connection",
    [asked, connect("web.example")],
    ["NetConnect tcp:web.example:80"],
  ],
  ["a look-up alone", [asked], ["NetConnect udp:web.example:53"]],
  ["a server", [serve("0.0.0.0", { protocol: "udp" })], ["NetBind udp:*:80"]],
  ["talk with itself", [serve("127.0.0.1"), connect("127.0.0.1")], []],
];

test.each(rows)("%s", (_, seen, expected) => {
  expect(learnNetwork(seen).map(shown)).toEqual([...expected]);
});
