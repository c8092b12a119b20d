// The summary names what was really missed before the noise of searching, and what would allow it.

import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { adviseOn } from "../../../../src/app/launch/denial-advice.ts";
import type { Denial } from "../../../../src/supervise/recorder.ts";
import { tempDir } from "../../../support/temp.ts";

const root = tempDir("advice");
writeFileSync(`${root}/there`, "");

function denial(over: Partial<Denial>): Denial {
  return {
    action: "FileRead",
    path: `${root}/there`,
    host: undefined,
    port: undefined,
    protocol: undefined,
    address: undefined,
    connection: undefined,
    rule: "",
    reason: "no permit matched",
    flags: "openat",
    count: 1,
    ...over,
  };
}

test("names what exists, what would be made and what would be reached before what is absent", () => {
  const searched = denial({ path: `${root}/absent`, count: 9 });
  const socket = denial({
    action: "FileWrite",
    path: `${root}/socket`,
    flags: "connect",
    count: 8,
  });
  const made = denial({ action: "FileWrite", path: `${root}/new`, flags: "openat O_CREAT" });
  const reached = denial({ action: "NetConnect", path: "192.0.2.1", host: "192.0.2.1", port: 80 });
  const missed = denial({});
  const order = adviseOn([searched, socket, made, reached, missed], "a").map((one) => one.resource);
  expect(order).toEqual([
    `${root}/new`,
    "192.0.2.1:80",
    `${root}/there`,
    `${root}/absent`,
    `${root}/socket`,
  ]);
});

const copy = "a copy in the file's place (cp it to a new name, then mv that over it)";
const lineFor = (what: string): string =>
  `permit(principal, ${what}, resource) when { resource.path == "${root}/there" };`;
const fixes = [
  ["an unmatched read", { action: "FileRead" }, `--read ${root}/there`],
  ["an unmatched write", { action: "FileWrite" }, `--write ${root}/there`],
  ["a credential", { rule: "credentials:ssh" }, `--read ${root}/there`],
  [
    "connecting to a protected socket",
    { action: "FileWrite", rule: "sockets:found" },
    `--net unix:${root}/there`,
  ],
  ["a ping in a container", { action: "NetConnect", rule: "box:ping" }, "--net all"],
  [
    "removing one",
    { action: "FileDelete", rule: "sockets:found" },
    `--write ${root}/there and the policy line ${lineFor('action == Aegis::Action::"FileDelete"')}`,
  ],
  [
    "removing a file",
    { action: "FileDelete" },
    `the policy line ${lineFor('action == Aegis::Action::"FileDelete"')}`,
  ],
  [
    "running a program",
    { action: "ProcessSpawn" },
    `the policy line ${lineFor('action in [Aegis::Action::"FileRead", Aegis::Action::"ProcessSpawn"]')}`,
  ],
  ["a protected name", { rule: "protected:git-hooks" }, ""],
  [
    "a write to a file with several names",
    { action: "FileWrite", rule: "box:several-names" },
    copy,
  ],
  [
    "a read of one",
    { rule: "box:several-names" },
    `${copy}, or narrower patterns in the rules that forbid`,
  ],
  ["a set-user-ID program", { action: "FileWrite", rule: "box:set-id" }, ""],
  ["a change of a program on a sealed list", { rule: "flag:--exec:unchanged" }, ""],
  ["a path that nobody knows", { path: "?" }, ""],
  ["a rule of the user's own", { rule: "mine" }, "the rule mine taken out of the policy"],
] as const;
test.each(fixes)("says what would allow %s", (_, over, fix) => {
  expect(adviseOn([denial(over)], "a")[0]?.fix).toBe(fix);
});

const to = { action: "NetConnect", path: "web.example", host: "web.example", port: 443 } as const;
const at = (host: string, port: number) => ({ ...to, path: host, host, port });
const lookup = "a look-up: every port of it, or with :PORT one";
const connections: readonly [string, Partial<Denial>, string, string, string][] = [
  ["a name", { ...to, protocol: "tcp" }, "web.example:443", "--net web.example:443", ""],
  [
    "a look-up",
    { ...to, port: 53, protocol: "dns" },
    "dns:web.example",
    "--net web.example",
    lookup,
  ],
  [
    "a look-up where nothing is granted",
    at("10.0.0.53", 53),
    "10.0.0.53:53",
    "--net NAME:PORT",
    "a look-up: NAME is the host it looks for",
  ],
  [
    "a private address",
    { ...at("10.1.1.1", 80), protocol: "tcp" },
    "10.1.1.1:80",
    "--net 10.1.1.1:80",
    "10.1.1.1 is in a private network",
  ],
  ["this machine", at("127.0.0.1", 8000), "127.0.0.1:8000", "--net localhost:8000", ""],
  [
    "a datagram",
    { ...to, port: 5000, protocol: "udp" },
    "udp:web.example:5000",
    "--net udp:web.example:5000",
    "",
  ],
  [
    "an echo request",
    { ...at("192.0.2.7", 0), protocol: "icmp" },
    "icmp:192.0.2.7",
    "--net icmp:192.0.2.7",
    "192.0.2.7 is an address for documentation",
  ],
  [
    "the private address of a granted name",
    { ...to, protocol: "tcp", address: "10.0.0.5" },
    "web.example:443",
    "--net 10.0.0.5:443",
    "10.0.0.5 is in a private network",
  ],
  [
    "what was said in a granted connection",
    { ...to, protocol: "tcp", connection: 3, reason: "the TLS client asks for no server" },
    "web.example:443",
    "",
    "",
  ],
  [
    "a request the policy does not permit",
    { ...to, action: "NetRequest", protocol: "tcp", connection: 3 },
    "web.example:443",
    "--net web.example:443",
    "",
  ],
  [
    "a look-up of what no resolver here knows",
    { ...to, port: 53, protocol: "dns", reason: "another class" },
    "dns:web.example",
    "",
    "",
  ],
  ["what is no name", { ...at("?", 53), protocol: "dns" }, "dns:?", "", ""],
  [
    "an address to serve on",
    { ...at("10.0.0.1", 80), action: "NetBind" },
    "10.0.0.1:80",
    "--listen 80",
    "",
  ],
];
test.each(connections)("says what would allow a connection: %s", (_, over, resource, fix, note) => {
  expect(adviseOn([denial(over)], "a")[0]).toMatchObject({ resource, fix, note });
});
