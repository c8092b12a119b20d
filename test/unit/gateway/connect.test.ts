// Connections through the gateway, with real sockets on loopback: who may connect, to which
// address, and what is recorded.

import { expect, test } from "bun:test";
import type { Ip } from "../../../src/base/ip.ts";
import { classHere } from "../../../src/gateway/own-address.ts";
import type { Atom, Protocol } from "../../../src/model/capability.ts";
import {
  ask,
  connectTo,
  host,
  hostLike,
  net,
  noNet,
  preamble,
  question,
  resolved,
  server,
  type TestClient,
  testGateway,
  through,
} from "../../support/gateway.ts";
import { waitFor } from "../../support/harness.ts";
import { port } from "../../support/ir.ts";

const denied = 13;

test("a granted connection reaches its server and both directions are counted", async () => {
  using echo = server();
  await using box = await testGateway([net(host("127.0.0.1"), port(echo.port))]);
  const { client, status } = await through(box, { address: "127.0.0.1", port: echo.port });
  expect(status).toBe(0);
  client.send("hello\n");
  expect(await client.take(6)).toBe("hello\n");
  client.end();
  expect(await client.rest()).toBe("");
  await waitFor("the last row", () => box.events.length === 2);
  const [granted, closed] = box.rows();
  expect(granted).toMatchObject({
    action: "NetConnect",
    decision: "allow",
    host: "127.0.0.1",
    port: echo.port,
    protocol: "tcp",
    pid: 7,
    exe: "/usr/bin/x",
    count: 1,
    connection: 1,
  });
  expect(closed).toMatchObject({
    action: "NetConnect",
    phase: "closed",
    connection: 1,
    count: 0,
    bytes_sent: 6,
    bytes_received: 6,
  });
});

test("a denied connection is recorded and never made", async () => {
  using echo = server();
  await using box = await testGateway([net(host("127.0.0.1"), port(1))]);
  const { status } = await through(box, { address: "127.0.0.1", port: echo.port });
  expect(status).toBe(denied);
  expect(echo.received).toEqual([]);
  expect(box.rows()).toMatchObject([{ decision: "deny", reason: "no permit matched", count: 1 }]);
});

test("an empty policy grants nothing, not everything", async () => {
  using echo = server();
  await using box = await testGateway([]);
  const { status } = await through(box, { address: "127.0.0.1", port: echo.port });
  expect(status).toBe(denied);
});

test("a name is resolved once, by the gateway, and its checked address is dialled", async () => {
  using echo = server();
  await using box = await testGateway([net(host("good.example")), net(host("127.0.0.1"))], {
    names: { "good.example": ["127.0.0.1"] },
  });
  const address = await resolved(box, "good.example");
  expect(address).toStartWith("198.18.");
  const { client, status } = await through(box, { address: address ?? "", port: echo.port });
  expect(status).toBe(0);
  client.send("hi\n");
  expect(await client.take(3)).toBe("hi\n");
  expect(box.rows()).toMatchObject([
    { host: "good.example", address: "127.0.0.1", decision: "allow" },
  ]);
});

const hidden: readonly [string, string][] = [
  ["this machine", "127.0.0.1"],
  ["this machine by IPv6", "::1"],
  ["this machine, mapped", "::ffff:127.0.0.1"],
  ["this machine, unspecified", "0.0.0.0"],
  ["a private network", "10.0.0.1"],
  ["a private network by IPv6", "fd12::1"],
  ["the local link", "169.254.1.1"],
  ["the local link by IPv6", "fe80::1"],
  ["a metadata service", "169.254.169.254"],
  ["a metadata service by IPv6", "fd00:ec2::254"],
  ["a provider's network", "100.64.0.1"],
  ["a group", "224.0.0.1"],
  ["a private network inside 6to4", "2002:a00:1::1"],
  ["a private network behind NAT64", "64:ff9b::a00:1"],
  ["an IPv4 address inside IPv6", "::10.0.0.1"],
  ["a synthetic address", "198.18.0.1"],
];

for (const [where, address] of hidden)
  test(`a granted name that turns out to be ${where} (${address}) is refused`, async () => {
    await using box = await testGateway([net(hostLike("*.example"))], {
      names: { "evil.example": [address] },
    });
    const synthetic = (await resolved(box, "evil.example")) ?? "";
    const { status } = await through(box, { address: synthetic, port: 443 });
    expect(status).toBe(denied);
    expect(box.rows()).toMatchObject([{ decision: "deny", host: "evil.example" }]);
    expect(box.rows()[0]?.reason).toContain("no permit names it");
  });

const interfaces = () => ["127.0.0.1", "45.45.45.45", "2a00::45"];

for (const address of ["45.45.45.45", "2a00::45", "64:ff9b::2d2d:2d2d"])
  test(`a granted name that leads to an interface of this machine (${address}) is refused`, async () => {
    const classOf = (ip: Ip) => classHere(ip, interfaces);
    const names = { "evil.example": [address] };
    await using box = await testGateway([net(hostLike("*.example"))], { names, classOf });
    const synthetic = (await resolved(box, "evil.example")) ?? "";
    const { status } = await through(box, { address: synthetic, port: 443 });
    expect(status).toBe(denied);
    expect(box.rows()[0]?.reason).toContain("is this machine, and no permit names it");
    expect((await through(box, { address, port: 443 })).status).toBe(denied);
    const rules = [net(hostLike("*.example")), net(host(address))];
    await using named = await testGateway(rules, { names, classOf });
    const place = (await resolved(named, "evil.example")) ?? "";
    expect((await through(named, { kind: 3, address: place, port: 443 })).status).toBe(0);
  });

for (const [what, kind] of [
  ["UDP", 3],
  ["ping", 4],
] as const)
  test(`${what}: a socket of IPv4 gets an IPv4 address of a name, another one the first`, async () => {
    await using box = await testGateway([net()], {
      names: { "two.example": ["2606:4700::1", "9.9.9.9"], "six.example": ["2606:4700::1"] },
    });
    const to = async (name: string, flags: number) => {
      const address = (await resolved(box, name)) ?? "";
      const { client, status } = await through(box, { kind, address, port: 443, flags });
      const family = status === 0 ? (await client.take(1)).charCodeAt(0) : undefined;
      client[Symbol.dispose]();
      return { status, family };
    };
    expect(await to("two.example", 4)).toEqual({ status: 0, family: 4 });
    expect(await to("two.example", 0)).toEqual({ status: 0, family: 6 });
    expect(await to("six.example", 4)).toEqual({ status: 101, family: undefined });
    expect(box.rows()).toMatchObject([
      { decision: "allow", address: "9.9.9.9" },
      { decision: "allow", address: "2606:4700::1" },
      { decision: "allow", error: "six.example has IPv6 addresses only" },
    ]);
  });

test("of several addresses only those that pass are dialled", async () => {
  using echo = server();
  await using box = await testGateway([net(host("two.example")), net(host("127.0.0.1"))], {
    names: { "two.example": ["10.0.0.1", "127.0.0.1"] },
  });
  const address = (await resolved(box, "two.example")) ?? "";
  const { status } = await through(box, { address, port: echo.port });
  expect(status).toBe(0);
  expect(box.rows()).toMatchObject([{ address: "127.0.0.1" }]);
});

test("an address that is forbidden stays so behind a granted name", async () => {
  await using box = await testGateway(
    [net(host("good.example")), net(host("127.0.0.1")), noNet(host("127.0.0.1"), port(443))],
    { names: { "good.example": ["127.0.0.1"] } },
  );
  const address = (await resolved(box, "good.example")) ?? "";
  const { status } = await through(box, { address, port: 443 });
  expect(status).toBe(denied);
  expect(box.rows()[0]?.reason).toContain("127.0.0.1, the address of good.example, is forbidden");
});

test("everything is granted, but not what only this machine or its network has", async () => {
  using echo = server();
  await using box = await testGateway([net()]);
  const { status } = await through(box, { address: "127.0.0.1", port: echo.port });
  expect(status).toBe(denied);
});

test("localhost in a rule is this machine, by name and by address", async () => {
  using echo = server();
  await using box = await testGateway([net(host("localhost"), port(echo.port))]);
  const { status } = await through(box, { address: "127.0.0.1", port: echo.port });
  expect(status).toBe(0);
  const other = await through(box, { address: "127.0.0.2", port: echo.port });
  expect(other.status).toBe(denied);
});

test("the true errno of a failed connection is told", async () => {
  const closed = server();
  closed[Symbol.dispose]();
  await using box = await testGateway([net(host("127.0.0.1"))]);
  const { status } = await through(box, { address: "127.0.0.1", port: closed.port });
  expect(status).toBe(111);
  await waitFor("the last row", () => box.events.length === 2);
  expect(box.rows()[1]).toMatchObject({ phase: "closed", error: "ECONNREFUSED" });
});

test("a non-blocking caller is granted at once and reset when the connection fails", async () => {
  const closed = server();
  closed[Symbol.dispose]();
  await using box = await testGateway([net(host("127.0.0.1"))]);
  const { client, status } = await through(box, { port: closed.port, flags: 1 });
  expect(status).toBe(0);
  await client.rest();
  expect(client.closedBy).toBe("reset");
});

test("the server may speak first", async () => {
  using shell = server({ greeting: "SSH-2.0-test\r\n" });
  await using box = await testGateway([net(host("127.0.0.1"))]);
  const { client } = await through(box, { port: shell.port });
  expect(await client.take(14)).toBe("SSH-2.0-test\r\n");
});

test("a half-closed connection still brings the answer", async () => {
  using late = server({ reply: () => "" });
  await using box = await testGateway([net(host("127.0.0.1"))]);
  const { client } = await through(box, { port: late.port });
  client.send("question\n");
  client.end();
  expect(await client.rest()).toBe("");
  expect(late.received).toEqual(["question\n"]);
});

test("nothing is granted before it is recorded", async () => {
  using echo = server();
  const gate = Promise.withResolvers<void>();
  await using box = await testGateway([net(host("127.0.0.1"))], { record: () => gate.promise });
  using client = await connectTo(box.gateway.port);
  client.send(preamble(box.gateway, { port: echo.port }));
  await waitFor("the row", () => box.events.length === 1);
  await Bun.sleep(20);
  expect(client.received()).toBe("");
  expect(echo.received).toEqual([]);
  gate.resolve();
  expect(await client.take(1)).toBe("\0");
});

test("a record that fails is a refusal", async () => {
  using echo = server();
  await using box = await testGateway([net(host("127.0.0.1"))], {
    record: () => Promise.reject(new Error("disk full")),
  });
  using client = await connectTo(box.gateway.port);
  client.send(preamble(box.gateway, { port: echo.port }));
  await client.rest();
  expect(client.closedBy).toBe("reset");
  expect(echo.received).toEqual([]);
});

test("without the right token nobody is served", async () => {
  using echo = server();
  await using box = await testGateway([net(host("127.0.0.1"))]);
  using client = await connectTo(box.gateway.port);
  client.send(preamble(box.gateway, { port: echo.port, token: new Uint8Array(32) }));
  expect(await client.rest()).toBe("");
  expect(box.events).toEqual([]);
  expect(echo.received).toEqual([]);
});

test("an address that stands for no name is refused, whatever is granted", async () => {
  await using box = await testGateway([net()]);
  const { status } = await through(box, { address: "198.18.7.7", port: 443 });
  expect(status).toBe(denied);
  expect(box.rows()).toMatchObject([{ decision: "deny", host: "198.18.7.7" }]);
});

const range = (text: string): Atom => {
  const [address = "", bits] = text.split("/");
  return { kind: "host-cidr", address, bits: Number(bits), negated: false };
};

test("a range names its addresses, also those of this machine", async () => {
  using echo = server();
  await using box = await testGateway([net(range("127.0.0.0/8"))]);
  expect((await through(box, { port: echo.port })).status).toBe(0);
});

test("the range of all addresses names none of them", async () => {
  using echo = server();
  await using box = await testGateway([net(range("0.0.0.0/0"))]);
  expect((await through(box, { port: echo.port })).status).toBe(denied);
});

const speaks = (protocol: Protocol): Atom => ({ kind: "protocol", protocol, negated: false });
const datagrams: readonly [string, number, Protocol, number][] = [
  ["UDP that is granted", 3, "udp", 0],
  ["UDP where TCP is granted", 3, "tcp", denied],
  ["ICMP that is granted", 4, "icmp", 0],
  ["ICMP where UDP is granted", 4, "udp", denied],
];
for (const [what, kind, protocol, expected] of datagrams)
  test(`${what}: the answer is ${expected === 0 ? "the checked address" : "EACCES"}`, async () => {
    const rules = [net(host("good.example"), speaks(protocol)), net(host("10.0.0.7"))];
    await using box = await testGateway(rules, { names: { "good.example": ["10.0.0.7"] } });
    const address = (await resolved(box, "good.example")) ?? "";
    const { client, status } = await through(box, { kind, address, port: 5353 });
    expect(status).toBe(expected);
    const place = `\x04\x0a\0\0\x07${"\0".repeat(12)}${kind === 4 ? "\0\0" : "\xe9\x14"}`;
    expect(await client.rest()).toBe(expected === 0 ? place : "");
    expect(box.rows()).toMatchObject([
      { decision: expected === 0 ? "allow" : "deny", protocol: kind === 4 ? "icmp" : "udp" },
    ]);
  });

test("a crowd of strangers keeps nobody from the gateway", async () => {
  using echo = server();
  await using box = await testGateway([net(host("127.0.0.1"))]);
  const crowd: TestClient[] = [];
  for (let count = 0; count < 200; count += 1) crowd.push(await connectTo(box.gateway.port));
  expect((await through(box, { port: echo.port })).status).toBe(0);
  await waitFor("the oldest to go", () => crowd[0]?.closedBy !== undefined);
  for (const stranger of crowd) stranger[Symbol.dispose]();
});

test("closing the gateway cuts its connections and records their end", async () => {
  using echo = server();
  const box = await testGateway([net(host("127.0.0.1"))]);
  const { client } = await through(box, { port: echo.port });
  await box.gateway.close();
  await client.rest();
  expect(box.rows()).toMatchObject([{ count: 1 }, { phase: "closed" }]);
});

test("the gateway listens on both loopback addresses", async () => {
  using echo = server();
  await using box = await testGateway([net(host("127.0.0.1"))]);
  using client = await connectTo(box.gateway.port, "::1");
  client.send(preamble(box.gateway, { port: echo.port }));
  expect(await client.take(1)).toBe("\0");
});

test("one connection too many is refused with a reason, and the next when one is gone", async () => {
  using echo = server();
  await using box = await testGateway([net(host("127.0.0.1"))], { connectionsMax: 2 });
  const [first, second] = [
    await through(box, { port: echo.port }),
    await through(box, { port: echo.port }),
  ];
  const third = await through(box, { port: echo.port });
  expect(third.status).toBe(99);
  expect(box.rows().at(-1)).toMatchObject({
    ...{ decision: "deny", host: "127.0.0.1", port: echo.port, protocol: "tcp", pid: 7 },
    reason: "there are 2 connections already",
  });
  expect(await third.client.rest()).toBe("");
  // The resolver is asked on what is no connection.
  await ask(box.gateway, question("a.example"));
  second.client[Symbol.dispose]();
  await waitFor("a place", async () => (await through(box, { port: echo.port })).status === 0);
  first.client.send("still here");
  expect(await first.client.take(10)).toBe("still here");
});
