// TLS through the gateway, without being opened: the name the client asks for must be the host of
// its connection. Real handshakes, with a certificate made for the test.

import { expect, test } from "bun:test";
import { parseClientHello } from "../../../src/gateway/protocol/tls-hello.ts";
import {
  host,
  net,
  resolved,
  server,
  type TestGateway,
  type TestServer,
  testGateway,
  through,
} from "../../support/gateway.ts";
import { waitFor } from "../../support/harness.ts";
import { certificate, clientHello } from "../../support/tls.ts";

const names = { "good.example": ["127.0.0.1"], "other.example": ["127.0.0.1"] };
const grants = [net(host("good.example")), net(host("127.0.0.1"))];
/** A server for good.example alone, whose certificate is made here. */
function webOverTls() {
  const { key, cert } = certificate("good.example");
  return Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    tls: { key, cert },
    fetch: () => new Response("secret of good.example"),
  });
}

/** A real handshake through a tunnel to good.example. */
async function handshake(serverName: string): Promise<string> {
  await using web = webOverTls();
  await using box = await testGateway(grants, { names });
  const proxy = box.gateway.environment[0]?.replace("HTTP_PROXY=", "") ?? "";
  const options = { proxy, tls: { serverName, rejectUnauthorized: false } };
  try {
    const response = await fetch(`https://good.example:${web.port}/`, options);
    return await response.text();
  } catch {
    return "failed";
  }
}

test("a client that asks for the host of its connection gets through", async () => {
  expect(await handshake("good.example")).toBe("secret of good.example");
});

test("a client that asks for another name is refused", async () => {
  expect(await handshake("other.example")).toBe("failed");
});

const hellos: readonly [string, string, string | undefined, boolean][] = [
  ["a name and the same name", "good.example", "good.example", true],
  ["a name in capitals", "good.example", "GOOD.example", true],
  ["a name and another name", "good.example", "other.example", false],
  ["a name and no name", "good.example", undefined, false],
  ["an address and no name", "127.0.0.1", undefined, true],
  ["an address and a granted name", "127.0.0.1", "good.example", true],
  ["an address and a name that is not granted", "127.0.0.1", "other.example", false],
];
for (const [what, target, serverName, passes] of hellos)
  test(`${what}: ${passes ? "passes" : "is refused"}, in one piece and in many`, async () => {
    for (const size of [1 << 16, 1]) {
      using plain = server({ reply: () => "answer" });
      await using box = await testGateway(grants, { names });
      const address = target.endsWith("example") ? await resolved(box, target) : target;
      const { client } = await through(box, { address: address ?? "", port: plain.port });
      const hello = clientHello({ serverName });
      for (let at = 0; at < hello.length; at += size) client.send(hello.subarray(at, at + size));
      if (passes) {
        await client.take(6);
        expect(plain.received).toEqual([hello.toString("latin1")]);
      } else {
        expect(await client.rest()).toBe("\x15\x03\x01\0\x02\x02\x31");
        expect(plain.received).toEqual([""]);
        expect(box.rows()[1]).toMatchObject({
          action: "NetConnect",
          decision: "deny",
          ...(serverName === undefined ? {} : { server_name: serverName }),
        });
      }
    }
  });

const versions = 43;
const earlyData = 42;
const record = (type: number, body: string) =>
  Buffer.from([type, 3, 3, 0, body.length, ...Buffer.from(body, "latin1")]);
const betweenHellos: readonly [string, readonly number[], Buffer][] = [
  ["at once", [versions], Buffer.alloc(0)],
  ["behind a change of cipher", [versions], record(20, "\x01")],
  [
    "behind a warning and an empty record",
    [versions],
    Buffer.concat([record(21, "\x01Z"), record(22, "")]),
  ],
  [
    "behind early data",
    [versions, earlyData],
    Buffer.concat([record(23, "GET /"), record(23, "x")]),
  ],
];
for (const [what, extra, between] of betweenHellos)
  test(`the server asks for another hello: the name in it counts, ${what}`, async () => {
    for (const size of [1 << 16, 1]) {
      const first = clientHello({ serverName: "good.example", extra });
      const sent = (serverName: string) => {
        const second = clientHello({ serverName, extra: [versions], recordSize: 40 });
        return Buffer.concat([first, between, second, record(23, "sealed")]);
      };
      const pass = async (bytes: Buffer, web: TestServer, box: TestGateway) => {
        const address = (await resolved(box, "good.example")) ?? "";
        const { client } = await through(box, { address, port: web.port });
        for (let at = 0; at < bytes.length; at += size) client.send(bytes.subarray(at, at + size));
        return client;
      };
      using web = server({ reply: () => "" });
      await using box = await testGateway(grants, { names });
      const right = sent("good.example").toString("latin1");
      await pass(sent("good.example"), web, box);
      await waitFor("all of it", () => web.received[0] === right);
      const refused = await pass(sent("other.example"), web, box);
      await refused.rest();
      const passed = Buffer.concat([first, between]).toString("latin1");
      expect(passed).toStartWith(web.received[1] ?? "?");
      const denial = box.rows().find(({ decision }) => decision === "deny");
      expect(denial).toMatchObject({ action: "NetConnect", server_name: "other.example" });
    }
  });

test("what a client of an older TLS sends behind its hello passes unread", async () => {
  using web = server({ reply: () => "" });
  await using box = await testGateway(grants, { names });
  const address = (await resolved(box, "good.example")) ?? "";
  const { client } = await through(box, { address, port: web.port });
  const hello = clientHello({ serverName: "good.example" });
  const sent = Buffer.concat([hello, clientHello({ serverName: "other.example" })]);
  client.send(sent);
  await waitFor("all of it", () => web.received[0] === sent.toString("latin1"));
});

test("what is encrypted in a hello is noted, and its outer name counts", () => {
  const step = parseClientHello(clientHello({ serverName: "good.example", extra: [0xfe0d] }));
  expect(step).toMatchObject({
    kind: "done",
    hello: { serverName: "good.example", hasEncryptedHello: true },
  });
});

test("a hello in several records is one hello", () => {
  const whole = clientHello({ serverName: "good.example", recordSize: 20 });
  expect(parseClientHello(whole)).toMatchObject({ kind: "done" });
});

const name = (text: string) => [0, 0, text.length + 5, 0, text.length + 3, 0, 0, text.length];
const broken: readonly [string, Uint8Array][] = [
  ["the same extension twice", clientHello({ serverName: "a.b", extra: [0] })],
  [
    "two names",
    clientHello({
      raw: [...name("a.b").slice(0, 2), 0, 14, 0, 12, 0, 0, 3, 97, 46, 98, 0, 0, 3, 99, 46, 100],
    }),
  ],
  ["an empty name", clientHello({ raw: [0, 0, 0, 5, 0, 3, 0, 0, 0] })],
  ["a NUL in the name", clientHello({ serverName: "good.example\0.evil" })],
  ["an extension that is cut off", clientHello({ raw: [0, 0, 0, 99] })],
  ["an empty record", Buffer.from([22, 3, 1, 0, 0])],
  ["a record that is too long", Buffer.from([22, 3, 1, 0x40, 1])],
  [
    "a hello in too many records",
    clientHello({ serverName: `${"a".repeat(60)}.b`, recordSize: 1 }),
  ],
  ["another message", Buffer.from([22, 3, 1, 0, 4, 2, 0, 0, 0])],
  ["a message behind the hello", Buffer.concat([clientHello({ serverName: "a.b", tail: [1] })])],
  ["a hello that is too long", Buffer.from([22, 3, 1, 0, 4, 1, 0xff, 0xff, 0xff])],
];
for (const [what, bytes] of broken)
  test(`${what} is refused`, () => {
    expect(parseClientHello(bytes)).toMatchObject({ kind: "refused" });
  });
