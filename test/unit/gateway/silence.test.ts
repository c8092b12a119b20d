// A client that says little and waits: an answer may depend on it, so it has to reach the server,
// and nothing that a server reads as a request for another host may come with it.

import { expect, test } from "bun:test";
import {
  host,
  net,
  resolved,
  server,
  type TestClient,
  type TestGateway,
  testGateway,
  through,
} from "../../support/gateway.ts";
import { waitFor } from "../../support/harness.ts";

/** Whatever the machine serves on the ports of the web, it does not serve it here. */
const address = "127.73.1.9";
const names = { "good.example": [address] };
const grants = [net(host("good.example")), net(host(address))];
const patient = { silenceMs: 60_000, totalMs: 60_000 };

async function toGood(box: TestGateway, port: number): Promise<TestClient> {
  const own = (await resolved(box, "good.example")) ?? "";
  const { client, status } = await through(box, { address: own, port });
  expect(status).toBe(0);
  return client;
}

const beginnings: readonly [string, string][] = [
  ["one letter", "b"],
  ["one byte of TLS", "\x16"],
  ["a word without an end", "PING"],
  ["a blank", " "],
  ["a word and the start of another", "get k"],
];
for (const [what, bytes] of beginnings)
  test(`${what} reaches the server when nothing follows`, async () => {
    using own = server({ hostname: address });
    await using box = await testGateway(grants, { names });
    const client = await toGood(box, own.port);
    client.send(bytes);
    expect(await client.take(bytes.length)).toBe(bytes);
    client.send("\0more");
    expect(await client.take(5)).toBe("\0more");
    expect(own.received).toEqual([`${bytes}\0more`]);
  });

test("what follows a pause is still no way to another host", async () => {
  using own = server({ hostname: address, reply: (chunk) => (chunk === "G" ? "?" : chunk) });
  await using box = await testGateway(grants, { names });
  const client = await toGood(box, own.port);
  client.send("G");
  expect(await client.take(1)).toBe("?");
  client.send("ET / HTTP/1.1\r\nHost: other.example\r\n\r\n");
  await client.rest();
  expect(own.received[0]).not.toContain("other.example");
  const denied = box.rows().filter(({ decision }) => decision === "deny");
  expect(denied).toMatchObject([{ action: "NetRequest" }]);
});

test("a request that begins with a pause passes whole and once", async () => {
  using own = server({ hostname: address });
  await using box = await testGateway(grants, { names });
  const client = await toGood(box, own.port);
  const request = "GET / HTTP/1.1\r\nHost: good.example\r\n\r\n";
  client.send(request.slice(0, 1));
  expect(await client.take(1)).toBe("G");
  client.send(request.slice(1));
  expect(await client.take(request.length - 1)).toBe(request.slice(1));
  expect(own.received).toEqual([request]);
  expect(box.rows().at(-1)).toMatchObject({ action: "NetRequest", decision: "allow" });
});

test("a request that a credential changes does not begin with a pause", async () => {
  using own = server({ hostname: address });
  const spec = { host: "good.example", port: own.port, isWrapped: false };
  const key = { name: "KEY", placeholder: "aegis_0123", secret: "s3cr3t", places: [spec] };
  await using box = await testGateway(grants, { names, credentials: [key] });
  const client = await toGood(box, own.port);
  const beginning = "REPORT /?key=aegis_";
  client.send(beginning);
  await client.take(beginning.length);
  client.send("0123 HTTP/1.1\r\nHost: good.example\r\n\r\n");
  await client.rest();
  expect(own.received).toEqual([beginning]);
  const denied = box.rows().filter(({ decision }) => decision === "deny");
  expect(denied[0]?.reason).toContain("is with the server already");
});

const waiting: readonly [string, number, string][] = [
  ["a request without its end", 0, "GET / HTTP/1.1"],
  ["one letter on a port of the web", 8443, "b"],
];
for (const [what, port, bytes] of waiting)
  test(`${what} is refused after a while, and nothing of it reaches the server`, async () => {
    using own = server({ hostname: address, port });
    await using box = await testGateway(grants, {
      names,
      patience: { silenceMs: 1, totalMs: 100 },
    });
    const client = await toGood(box, own.port);
    client.send(bytes);
    await client.rest();
    expect(own.received).toEqual([""]);
    const denied = box.rows().filter(({ decision }) => decision === "deny");
    expect(denied).toMatchObject([{ reason: "the first bytes are no TLS and no whole request" }]);
  });

test("nothing passes before the silence", async () => {
  using own = server({ hostname: address });
  await using box = await testGateway(grants, { names, patience: patient });
  const client = await toGood(box, own.port);
  client.send("b");
  await waitFor("the connection", () => own.received.length === 1);
  client.send("cd\n");
  expect(await client.take(4)).toBe("bcd\n");
});
