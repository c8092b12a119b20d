// The gateway as a proxy: HTTP CONNECT, whole URLs, SOCKS5, and who may use it.

import { expect, test } from "bun:test";
import {
  connectTo,
  host,
  net,
  resolved,
  server,
  type TestGateway,
  testGateway,
  through,
} from "../../support/gateway.ts";
import { waitFor } from "../../support/harness.ts";

const names = { "good.example": ["127.0.0.1"], "other.example": ["127.0.0.1"] };
const open = () => testGateway([net(host("good.example")), net(host("127.0.0.1"))], { names });

function login({ gateway }: TestGateway): string {
  const url = gateway.environment.find((line) => line.startsWith("HTTP_PROXY="))?.slice(11) ?? "";
  const { username, password } = new URL(url);
  return `${username}:${password}`;
}

const basic = (text: string) => `Proxy-Authorization: Basic ${btoa(text)}\r\n`;

test("a tunnel to a granted name is made", async () => {
  using echo = server();
  await using box = await open();
  const { client } = await through(box, { kind: 2 });
  client.send(
    `CONNECT good.example:${echo.port} HTTP/1.1\r\nHost: good.example:${echo.port}\r\n\r\n`,
  );
  expect(await client.take(39)).toBe("HTTP/1.1 200 Connection established\r\n\r\n");
  client.send("ping\n");
  expect(await client.take(5)).toBe("ping\n");
  expect(box.rows()).toMatchObject([{ host: "good.example", flags: "proxy connect", pid: 7 }]);
});

test("a tunnel to any other name is refused and recorded", async () => {
  using echo = server();
  await using box = await open();
  const { client } = await through(box, { kind: 2 });
  client.send(`CONNECT other.example:${echo.port} HTTP/1.1\r\nHost: other.example\r\n\r\n`);
  expect(await client.rest()).toStartWith("HTTP/1.1 403 ");
  expect(box.rows()).toMatchObject([{ host: "other.example", decision: "deny" }]);
});

test("a tunnel whose Host is another name is refused", async () => {
  await using box = await open();
  const { client } = await through(box, { kind: 2 });
  client.send("CONNECT good.example:443 HTTP/1.1\r\nHost: other.example\r\n\r\n");
  expect(await client.rest()).toStartWith("HTTP/1.1 400 ");
  expect(box.rows()).toMatchObject([{ host: "good.example", port: 443, decision: "deny" }]);
});

const flawed = [
  ["for another host than its URL", "GET http://good.example:81/ HTTP/1.1\r\nHost: x.example", 81],
  ["without a host", "GET http://good.example/ HTTP/1.1", 80],
] as const;
test.each(flawed)(
  "a request %s is refused, and recorded with its URL's place",
  async (_, head, port) => {
    await using box = await open();
    const { client } = await through(box, { kind: 2 });
    client.send(`${head}\r\n\r\n`);
    expect(await client.rest()).toStartWith("HTTP/1.1 400 ");
    expect(box.rows()).toMatchObject([{ host: "good.example", port, decision: "deny" }]);
  },
);

test("a request with a whole URL reaches the server as one without", async () => {
  const answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
  using web = server({ reply: () => answer });
  await using box = await open();
  const { client } = await through(box, { kind: 2 });
  const authority = `good.example:${web.port}`;
  const fields = `Host: ${authority}\r\nProxy-Connection: keep-alive\r\n`;
  client.send(`GET http://${authority}/a?secret=1 HTTP/1.1\r\n${fields}${basic("x:y")}\r\n`);
  await client.take(answer.length);
  expect(web.received).toEqual([
    `GET /a?secret=1 HTTP/1.1\r\nHost: ${authority}\r\nConnection: close\r\n\r\n`,
  ]);
  expect(box.rows()).toMatchObject([
    { action: "NetConnect", decision: "allow" },
    { action: "NetRequest", decision: "allow", method: "GET", url: `http://${authority}/a` },
  ]);
});

test("nobody else on the machine can use it: without the password it answers 407", async () => {
  using echo = server();
  await using box = await open();
  for (const extra of ["", basic("aegis:wrong"), basic("")]) {
    using client = await connectTo(box.gateway.port);
    client.send(`CONNECT good.example:${echo.port} HTTP/1.1\r\nHost: good.example\r\n${extra}\r\n`);
    expect(await client.rest()).toStartWith("HTTP/1.1 407 ");
  }
  expect(box.events).toEqual([]);
});

test("with the password it serves without the helper", async () => {
  using echo = server();
  await using box = await open();
  using client = await connectTo(box.gateway.port);
  const head = `CONNECT good.example:${echo.port} HTTP/1.1\r\nHost: good.example\r\n`;
  client.send(`${head}${basic(login(box))}\r\n`);
  expect(await client.take(12)).toBe("HTTP/1.1 200");
});

test("the password of the proxy opens nothing else", async () => {
  await using box = await open();
  expect(login(box)).not.toContain(Buffer.from(box.gateway.token).toString("hex"));
});

const bigEndian = (number: number) => [number >> 8, number & 0xff];

function socks(name: string | Uint8Array, port: number): Buffer {
  const bytes = Buffer.from(name);
  return Buffer.from([5, 1, 0, 3, bytes.length, ...bytes, ...bigEndian(port)]);
}

test("SOCKS5 to a granted name", async () => {
  using echo = server();
  await using box = await open();
  const { client } = await through(box, { kind: 2 });
  client.send(Buffer.of(5, 1, 0));
  expect(await client.take(2)).toBe("\x05\0");
  client.send(socks("good.example", echo.port));
  expect(await client.take(10)).toStartWith("\x05\0");
  client.send("ping\n");
  expect(await client.take(5)).toBe("ping\n");
  expect(box.rows()).toMatchObject([{ host: "good.example", flags: "socks5" }]);
});

test("the address that stands for a name is the name to the proxy as well", async () => {
  using echo = server();
  await using box = await open();
  const address = (await resolved(box, "good.example")) ?? "";
  const { client } = await through(box, { kind: 2 });
  client.send(Buffer.of(5, 1, 0));
  await client.take(2);
  client.send(
    Buffer.from([5, 1, 0, 1, ...address.split(".").map(Number), ...bigEndian(echo.port)]),
  );
  expect(await client.take(10)).toStartWith("\x05\0");
  const tunnel = await through(box, { kind: 2 });
  tunnel.client.send(`CONNECT ${address}:${echo.port} HTTP/1.1\r\n\r\n`);
  expect(await tunnel.client.take(12)).toBe("HTTP/1.1 200");
  expect(box.rows()).toMatchObject([{ host: "good.example" }, { host: "good.example" }]);
  const nobody = await through(box, { kind: 2 });
  nobody.client.send(`CONNECT 198.18.7.7:${echo.port} HTTP/1.1\r\n\r\n`);
  expect(await nobody.client.take(12)).toBe("HTTP/1.1 403");
});

test("SOCKS5 with the password, for who does not come through the helper", async () => {
  using echo = server();
  await using box = await open();
  using client = await connectTo(box.gateway.port);
  const [user = "", password = ""] = login(box).split(":");
  client.send(Buffer.of(5, 2, 0, 2));
  expect(await client.take(2)).toBe("\x05\x02");
  client.send(Buffer.from([1, user.length, ...Buffer.from(user), password.length]));
  client.send(password);
  expect(await client.take(2)).toBe("\x01\0");
  client.send(socks("good.example", echo.port));
  expect(await client.take(10)).toStartWith("\x05\0");
});

test("SOCKS5 without or with a wrong password is refused", async () => {
  await using box = await open();
  using bare = await connectTo(box.gateway.port);
  bare.send(Buffer.of(5, 1, 0));
  expect(await bare.rest()).toBe("\x05\xff");
  using wrong = await connectTo(box.gateway.port);
  wrong.send(Buffer.of(5, 1, 2));
  await wrong.take(2);
  wrong.send(Buffer.from([1, 5, ...Buffer.from("aegis"), 1, 0x78]));
  expect(await wrong.rest()).toBe("\x01\x01");
});

const refusedNames: readonly [string, string, number][] = [
  ["a NUL inside", "good.example\0.evil.example", 2],
  ["a NUL at the end", "good.example\0", 2],
  ["another name", "other.example", 2],
  ["a space", "good.example evil", 2],
  ["a zone", "fe80::1%eth0", 2],
];
for (const [what, name, code] of refusedNames)
  test(`SOCKS5: a host with ${what} is refused`, async () => {
    await using box = await open();
    const { client } = await through(box, { kind: 2 });
    client.send(Buffer.of(5, 1, 0));
    await client.take(2);
    client.send(socks(name, 443));
    expect((await client.rest()).charCodeAt(1)).toBe(code);
    expect(box.rows()).toMatchObject([{ decision: "deny", pid: 7 }]);
  });

test("SOCKS5: other commands than CONNECT are unknown", async () => {
  await using box = await open();
  const { client } = await through(box, { kind: 2 });
  client.send(Buffer.of(5, 1, 0));
  await client.take(2);
  client.send(Buffer.of(5, 3, 0, 1, 127, 0, 0, 1, 0, 80));
  expect((await client.rest()).charCodeAt(1)).toBe(7);
});

const spellings = ["2130706433", "0x7f.1", "0177.0.0.1", "127.1", "[::ffff:7f00:1]", "127.0.0.1."];
for (const spelling of spellings)
  test(`the address ${spelling} is judged as 127.0.0.1, however it is written`, async () => {
    using echo = server();
    await using denied = await testGateway([net(host("good.example")), net(host(spelling))]);
    await using granted = await testGateway([net(host("127.0.0.1"))]);
    for (const [box, status] of [
      [denied, "403"],
      [granted, "200"],
    ] as const) {
      const { client } = await through(box, { kind: 2 });
      const place = `${spelling}:${echo.port}`;
      client.send(`CONNECT ${place} HTTP/1.1\r\nHost: ${place}\r\n\r\n`);
      expect(await client.take(12)).toBe(`HTTP/1.1 ${status}`);
      await waitFor("the row", () => box.events.length > 0);
      expect(box.rows()[0]?.host).toBe("127.0.0.1");
    }
  });
