// Requests inside a granted connection: each one judged, for no other host than the connection's,
// and none that two readers could understand differently.

import { expect, test } from "bun:test";
import {
  host,
  net,
  noNet,
  resolved,
  server,
  type TestClient,
  type TestGateway,
  testGateway,
  through,
} from "../../support/gateway.ts";
import { waitFor } from "../../support/harness.ts";
import { permit } from "../../support/ir.ts";

const answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

const names = { "good.example": ["127.0.0.1"], "other.example": ["127.0.0.1"] };

async function toGood(box: TestGateway, port: number): Promise<TestClient> {
  const address = (await resolved(box, "good.example")) ?? "";
  const { client, status } = await through(box, { address, port });
  expect(status).toBe(0);
  return client;
}

const grants = [net(host("good.example")), net(host("127.0.0.1"))];

test("a request to the host of its connection passes and is recorded without its query", async () => {
  using web = server({ reply: () => answer });
  await using box = await testGateway(grants, { names });
  const client = await toGood(box, web.port);
  const request = `POST /a/b?token=hunter2 HTTP/1.1\r\nHost: GOOD.example:${web.port}\r\nContent-Length: 4\r\n\r\nbody`;
  client.send(request);
  expect(await client.take(answer.length)).toBe(answer);
  expect(web.received).toEqual([request]);
  expect(box.rows()).toMatchObject([
    { action: "NetConnect" },
    {
      action: "NetRequest",
      decision: "allow",
      host: "good.example",
      method: "POST",
      url: `http://good.example:${web.port}/a/b`,
      connection: 1,
    },
  ]);
  expect(JSON.stringify(box.rows())).not.toContain("hunter2");
});

test("every request of a connection is judged, not only the first", async () => {
  using web = server({ reply: () => answer });
  await using box = await testGateway(grants, { names });
  const client = await toGood(box, web.port);
  client.send("GET /1 HTTP/1.1\r\nHost: good.example\r\n\r\n");
  await client.take(answer.length);
  client.send("GET /2 HTTP/1.1\r\nHost: other.example\r\n\r\n");
  await client.rest();
  expect(web.received).toEqual(["GET /1 HTTP/1.1\r\nHost: good.example\r\n\r\n"]);
  expect(box.rows()[2]).toMatchObject({ action: "NetRequest", decision: "deny" });
});

test("requests sent at once come out one by one", async () => {
  using web = server({ reply: (chunk) => answer.repeat(chunk.split("GET ").length - 1) });
  await using box = await testGateway(grants, { names });
  const client = await toGood(box, web.port);
  const one = (path: string) => `GET ${path} HTTP/1.1\r\nHost: good.example\r\n\r\n`;
  client.send(one("/1") + one("/2") + one("/3"));
  await client.take(3 * answer.length);
  expect(box.rows().map(({ url }) => url?.slice(-2))).toEqual([undefined, "/1", "/2", "/3"]);
});

const chunked = "Transfer-Encoding: chunked";
const good = "Host: good.example";
const attacks: readonly [string, string, number][] = [
  ["a Host that is another name", "GET / HTTP/1.1\r\nHost: other.example\r\n\r\n", 403],
  ["a Host that is an address", "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 403],
  ["a Host with another port", `GET / HTTP/1.1\r\n${good}:1\r\n\r\n`, 403],
  ["no Host", "GET / HTTP/1.1\r\nAccept: *\r\n\r\n", 400],
  ["no Host in HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", 400],
  ["two Hosts", `GET / HTTP/1.1\r\n${good}\r\n${good}\r\n\r\n`, 400],
  ["a Host with a user", "GET / HTTP/1.1\r\nHost: x@good.example\r\n\r\n", 400],
  ["a Host with a NUL", "GET / HTTP/1.1\r\nHost: good.example\0.x\r\n\r\n", 400],
  [
    "a URL with another host",
    `GET http://other.example/ HTTP/1.1\r\nHost: other.example\r\n\r\n`,
    403,
  ],
  ["a URL that is not the Host's", `GET http://other.example/ HTTP/1.1\r\n${good}\r\n\r\n`, 400],
  ["a URL with a user", `GET http://a@good.example/ HTTP/1.1\r\n${good}\r\n\r\n`, 400],
  ["an https URL", `GET https://good.example/ HTTP/1.1\r\n${good}\r\n\r\n`, 400],
  ["lines without CR", `GET / HTTP/1.1\n${good}\n\n`, 400],
  ["one line without CR", `GET / HTTP/1.1\r\n${good}\n\r\n`, 400],
  ["a folded field", `GET / HTTP/1.1\r\n${good}\r\nX: a\r\n b\r\n\r\n`, 400],
  ["a space before the colon", "GET / HTTP/1.1\r\nHost : good.example\r\n\r\n", 400],
  ["a space before the first field", "GET / HTTP/1.1\r\n Host: good.example\r\n\r\n", 400],
  ["a CR inside a field", `GET / HTTP/1.1\r\n${good}\r\nX: a\rb\r\n\r\n`, 400],
  ["a NUL inside a field", `GET / HTTP/1.1\r\n${good}\r\nX: a\0b\r\n\r\n`, 400],
  ["an empty line first", `\r\nGET / HTTP/1.1\r\n${good}\r\n\r\n`, 400],
  ["two spaces in the first line", `GET  / HTTP/1.1\r\n${good}\r\n\r\n`, 400],
  ["a tab in the first line", `GET\t/\tHTTP/1.1\r\n${good}\r\n\r\n`, 400],
  ["HTTP/0.9", "GET /\r\n", 400],
  ["HTTP/2 without TLS", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505],
  ["another version", `GET / HTTP/1.2\r\n${good}\r\n\r\n`, 400],
  ["TRACE", `TRACE / HTTP/1.1\r\n${good}\r\n\r\n`, 405],
  ["CONNECT", "CONNECT good.example:443 HTTP/1.1\r\nHost: good.example:443\r\n\r\n", 400],
  [
    "two lengths",
    `POST / HTTP/1.1\r\n${good}\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na`,
    400,
  ],
  ["a list of lengths", `POST / HTTP/1.1\r\n${good}\r\nContent-Length: 1, 1\r\n\r\na`, 400],
  ["a signed length", `POST / HTTP/1.1\r\n${good}\r\nContent-Length: +1\r\n\r\na`, 400],
  [
    "a length beside chunks (CL.TE)",
    `POST / HTTP/1.1\r\n${good}\r\nContent-Length: 5\r\n${chunked}\r\n\r\n0\r\n\r\n`,
    400,
  ],
  [
    "chunks beside a length (TE.CL)",
    `POST / HTTP/1.1\r\n${good}\r\n${chunked}\r\nContent-Length: 5\r\n\r\n0\r\n\r\n`,
    400,
  ],
  ["two codings", `POST / HTTP/1.1\r\n${good}\r\n${chunked}\r\n${chunked}\r\n\r\n0\r\n\r\n`, 400],
  ["a list of codings", `POST / HTTP/1.1\r\n${good}\r\n${chunked}, identity\r\n\r\n0\r\n\r\n`, 501],
  ["an odd coding", `POST / HTTP/1.1\r\n${good}\r\nTransfer-Encoding: xchunked\r\n\r\n`, 501],
  ["chunks in HTTP/1.0", `POST / HTTP/1.0\r\n${good}\r\n${chunked}\r\n\r\n0\r\n\r\n`, 400],
  [
    "a Connection that drops the Host",
    `GET / HTTP/1.1\r\n${good}\r\nConnection: host\r\n\r\n`,
    400,
  ],
];

for (const [what, request, status] of attacks)
  test(`${what} is refused and nothing of it reaches the server`, async () => {
    using web = server({ reply: () => "" });
    await using box = await testGateway(grants, { names });
    const client = await toGood(box, web.port);
    client.send(request);
    const reply = await client.rest();
    expect(reply).toStartWith(`HTTP/1.1 ${status} `);
    expect(web.received).toEqual([""]);
    expect(box.rows()[1]).toMatchObject({ action: "NetRequest", decision: "deny", connection: 1 });
  });

const wrongBodies: readonly [string, string][] = [
  ["a size that is none", "x\r\n"],
  ["a size without CR", "1\na\r\n0\r\n\r\n"],
  ["a size with a sign", "+1\r\na\r\n0\r\n\r\n"],
  ["a size in another notation", "0x1\r\na\r\n0\r\n\r\n"],
  ["a chunk longer than its size", "1\r\nab\r\n0\r\n\r\n"],
  ["a long extension", `1;${"e".repeat(300)}\r\na\r\n0\r\n\r\n`],
  ["a trailer that changes the head", "0\r\nHost: other.example\r\n\r\n"],
];
for (const [what, body] of wrongBodies)
  test(`a chunked body with ${what} ends the connection`, async () => {
    using web = server({ reply: () => "" });
    await using box = await testGateway(grants, { names });
    const client = await toGood(box, web.port);
    const head = `POST / HTTP/1.1\r\n${good}\r\n${chunked}\r\n\r\n`;
    client.send(`${head}${body}GET /smuggled HTTP/1.1\r\nHost: other.example\r\n\r\n`);
    await client.rest();
    await waitFor("the row", () => box.rows().some(({ decision }) => decision === "deny"));
    expect(web.received.join("")).not.toContain("smuggled");
  });

test("a chunked body passes as it is, and the request behind it is judged", async () => {
  using web = server({ reply: () => "" });
  await using box = await testGateway(grants, { names });
  const client = await toGood(box, web.port);
  const head = `POST / HTTP/1.1\r\n${good}\r\n${chunked}\r\n\r\n`;
  const sent = `${head}4;x=y\r\nbody\r\n0\r\nX-Sum: 1\r\n\r\nGET /next HTTP/1.1\r\n${good}\r\n\r\n`;
  client.send(sent);
  await waitFor("both requests", () => web.received[0] === sent);
  expect(box.rows().map(({ method }) => method)).toEqual([undefined, "POST", "GET"]);
});

test("a websocket is opaque once the server agreed", async () => {
  const agreed = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n";
  using web = server({ reply: (chunk) => (chunk.includes("HTTP/1.1") ? agreed : chunk) });
  await using box = await testGateway(grants, { names });
  const client = await toGood(box, web.port);
  client.send(`GET /ws HTTP/1.1\r\n${good}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`);
  expect(await client.take(agreed.length)).toBe(agreed);
  client.send("\x81\x02hi");
  expect(await client.take(4)).toBe("\x81\x02hi");
});

test("a websocket the server did not agree to is no way around the judge", async () => {
  using web = server({ reply: () => answer });
  await using box = await testGateway(grants, { names });
  const client = await toGood(box, web.port);
  const upgrade = `GET /ws HTTP/1.1\r\n${good}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`;
  client.send(`${upgrade}GET /smuggled HTTP/1.1\r\nHost: other.example\r\n\r\n`);
  await client.rest();
  expect(web.received).toEqual([upgrade]);
});

for (const [what, framing] of [
  ["of a length", "Content-Length: 46\r\n"],
  ["in chunks", "Transfer-Encoding: chunked\r\n"],
])
  test(`an upgrade with a body ${what} is refused before the server sees it`, async () => {
    using web = server({ reply: () => answer });
    await using box = await testGateway(grants, { names });
    const client = await toGood(box, web.port);
    const fields = `Connection: Upgrade\r\nUpgrade: websocket\r\n${framing}`;
    client.send(`GET /ws HTTP/1.1\r\n${good}\r\n${fields}\r\n`);
    expect(await client.rest()).toContain("an upgrade with a body");
    expect(web.received.join("")).toBe("");
    expect(box.rows()[1]).toMatchObject({ decision: "deny", reason: "an upgrade with a body" });
  });

test("an upgrade that says it has no body is passed on", async () => {
  using web = server({ reply: () => answer });
  await using box = await testGateway(grants, { names });
  const client = await toGood(box, web.port);
  const fields = "Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 0\r\n";
  const upgrade = `GET /ws HTTP/1.1\r\n${good}\r\n${fields}\r\n`;
  client.send(upgrade);
  expect(await client.take(answer.length)).toBe(answer);
  expect(web.received).toEqual([upgrade]);
});

test("an upgrade to HTTP/2 is not offered to the server", async () => {
  using web = server({ reply: () => answer });
  await using box = await testGateway(grants, { names });
  const client = await toGood(box, web.port);
  const fields = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n";
  client.send(`GET / HTTP/1.1\r\n${good}\r\n${fields}Accept: */*\r\n\r\n`);
  await client.take(answer.length);
  expect(web.received).toEqual([`GET / HTTP/1.1\r\n${good}\r\nAccept: */*\r\n\r\n`]);
});

test("a rule about requests alone denies the request, not the connection", async () => {
  using web = server({ reply: () => answer });
  await using box = await testGateway([
    permit("NetConnect", host("127.0.0.1")),
    net(host("127.0.0.1")),
    { ...noNet(host("127.0.0.1")), actions: ["NetRequest"] },
  ]);
  const { client, status } = await through(box, { port: web.port });
  expect(status).toBe(0);
  client.send("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
  expect(await client.rest()).toStartWith("HTTP/1.1 403 ");
});

test("on an address a name passes only when it is granted itself", async () => {
  using web = server({ reply: () => answer });
  await using box = await testGateway([net(host("127.0.0.1")), net(host("good.example"))]);
  for (const [name, status] of [
    ["127.0.0.1", "200"],
    ["localhost", "200"],
    ["good.example", "200"],
    ["other.example", "403"],
  ]) {
    const { client } = await through(box, { port: web.port });
    client.send(`GET / HTTP/1.1\r\nHost: ${name}\r\n\r\n`);
    expect(await client.take(12)).toBe(`HTTP/1.1 ${status}`);
  }
});

test("a redirect is another request, judged again", async () => {
  const redirect =
    "HTTP/1.1 302 Found\r\nLocation: http://other.example/\r\nContent-Length: 0\r\n\r\n";
  using web = server({ reply: () => redirect });
  await using box = await testGateway(grants, { names });
  const client = await toGood(box, web.port);
  client.send(`GET / HTTP/1.1\r\n${good}\r\n\r\n`);
  expect(await client.take(redirect.length)).toBe(redirect);
  expect(await resolved(box, "other.example")).toBeUndefined();
});

const foreign: readonly [string, string][] = [
  ["redis", "*1\r\n$4\r\nPING\r\n"],
  ["postgres", "\0\0\0\x08\x04\xd2\x16\x2f"],
  ["memcached", "get key\r\n"],
  ["git", "0032git-upload-pack /x\0host=good.example\0"],
];
for (const [what, hello] of foreign)
  test(`${what} passes on its own port, and not on a port of the web`, async () => {
    using own = server();
    await using box = await testGateway(grants, { names });
    const client = await toGood(box, own.port);
    client.send(hello);
    expect(await client.take(hello.length)).toBe(hello);
  });
