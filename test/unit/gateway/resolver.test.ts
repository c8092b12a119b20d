// The resolver of the box: what it answers, to whom, and that it tells nobody else.

import { expect, test } from "bun:test";
import { Endpoint, silent } from "../../../src/gateway/endpoint.ts";
import { serveResolver } from "../../../src/gateway/resolver-stream.ts";
import type { AccessPayload } from "../../../src/model/event.ts";
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
  testGateway,
} from "../../support/gateway.ts";
import { waitFor } from "../../support/harness.ts";
import { port } from "../../support/ir.ts";

const answers = (reply: Buffer) => ({
  code: reply.readUInt16BE(2) & 0xf,
  count: reply.readUInt16BE(6),
});

test("a name some rule could allow gets one address for good", async () => {
  await using box = await testGateway([net(host("a.example"), port(8443)), net(host("b.example"))]);
  const first = await resolved(box, "a.example");
  expect(first).toMatch(/^198\.1[89]\./);
  expect(await resolved(box, "A.Example")).toBe(first ?? "");
  expect(await resolved(box, "b.example")).not.toBe(first);
  expect(box.events).toEqual([]);
});

test("a name no rule allows does not exist, and the question is recorded", async () => {
  await using box = await testGateway([net(host("a.example"))]);
  const reply = await ask(box.gateway, question("secret-data.evil.example"));
  expect(answers(reply)).toEqual({ code: 3, count: 0 });
  expect(box.rows()).toMatchObject([
    {
      action: "NetConnect",
      decision: "deny",
      protocol: "dns",
      host: "secret-data.evil.example",
      flags: "dns A",
      pid: 7,
    },
  ]);
});

test("a refusal that cannot be recorded is no answer, and no end of aegis", async () => {
  const failing = { record: () => Promise.reject(new Error("disk full")) };
  await using box = await testGateway([net(host("a.example"))], failing);
  using client = await connectTo(box.gateway.port);
  const message = question("x.example");
  client.send(preamble(box.gateway, { kind: 6 }));
  client.send(Buffer.concat([Buffer.of(0, message.length), message]));
  expect(await client.rest()).toBe("\0");
  const socket = await Bun.udpSocket({ hostname: "127.0.0.1", socket: {} });
  using announcing = await connectTo(box.gateway.port);
  announcing.send(preamble(box.gateway, { kind: 5, port: socket.port }));
  await announcing.take(1);
  socket.send(message, box.gateway.resolverPort, "127.0.0.1");
  await waitFor("the row", () => box.events.length === 2);
  socket.close();
});

test("a forbidden name does not exist, its siblings do", async () => {
  await using box = await testGateway([net(hostLike("*.example")), noNet(host("bad.example"))]);
  expect(await resolved(box, "bad.example")).toBeUndefined();
  expect(await resolved(box, "deep.good.example")).toBeDefined();
});

test("nobody is asked when the box asks", async () => {
  await using box = await testGateway([net(hostLike("*.example"))], {
    resolve: () => {
      throw new Error("asked");
    },
  });
  expect(await resolved(box, "leak.example")).toBeDefined();
});

const empty: readonly [string, number][] = [
  ["AAAA", 28],
  ["MX", 15],
  ["TXT", 16],
  ["HTTPS", 65],
];
for (const [name, type] of empty)
  test(`${name} of an allowed name is empty, not an error`, async () => {
    await using box = await testGateway([net(host("a.example"))]);
    const reply = await ask(box.gateway, question("a.example", type));
    expect(answers(reply)).toEqual({ code: 0, count: 0 });
  });

/** The class is the last of a question; two of them have no name. */
const odd: readonly [string, (asked: Buffer) => void, number, Partial<AccessPayload>][] = [
  [
    "another class than the internet's",
    (asked) => asked.writeUInt16BE(3, asked.length - 2),
    4,
    {
      host: "a.example",
      flags: "dns A",
      reason: "this is about another class than the internet's",
    },
  ],
  [
    "two questions in one message",
    (asked) => asked.writeUInt16BE(2, 4),
    1,
    { host: "?", flags: "dns", reason: "this is no question" },
  ],
];
for (const [what, change, code, row] of odd)
  test(`${what}: refused, with a row`, async () => {
    await using box = await testGateway([net(host("a.example"))]);
    const asked = question("a.example");
    change(asked);
    expect((await ask(box.gateway, asked)).readUInt16BE(2) & 0xf).toBe(code);
    expect(box.rows()).toMatchObject([{ decision: "deny", port: 53, protocol: "dns", ...row }]);
  });

test("localhost is this machine and stands for no name", async () => {
  await using box = await testGateway([]);
  expect(await resolved(box, "localhost")).toBe("127.0.0.1");
});

test("letters keep their case in the answer", async () => {
  await using box = await testGateway([net(host("a.example"))]);
  const reply = await ask(box.gateway, question("A.eXaMpLe"));
  expect(reply.includes(Buffer.from("eXaMpLe"))).toBe(true);
});

test("who was not announced gets no answer", async () => {
  await using box = await testGateway([net(host("a.example"))]);
  let replies = 0;
  const stranger = await Bun.udpSocket({
    hostname: "127.0.0.1",
    socket: {
      data: () => {
        replies += 1;
      },
    },
  });
  stranger.send(question("a.example"), box.gateway.resolverPort, "127.0.0.1");
  // The answer to somebody else shows that the stranger's question was read before.
  await ask(box.gateway, question("a.example"));
  expect(replies).toBe(0);
  stranger.close();
});

test("the same over TCP, several questions on one connection and in pieces", async () => {
  await using box = await testGateway([net(host("a.example"))]);
  using client = await connectTo(box.gateway.port);
  client.send(preamble(box.gateway, { kind: 6 }));
  expect(await client.take(1)).toBe("\0");
  const both = Buffer.concat([
    framed(question("a.example", 1, 1)),
    framed(question("x.example", 1, 2)),
  ]);
  client.send(both.subarray(0, 5));
  client.send(both.subarray(5));
  const sizes: number[] = [];
  for (const id of [1, 2]) {
    const size = Buffer.from(await client.take(2), "latin1").readUInt16BE(0);
    const reply = Buffer.from(await client.take(size), "latin1");
    expect(reply.readUInt16BE(0)).toBe(id);
    sizes.push(answers(reply).count);
  }
  expect(sizes).toEqual([1, 0]);
});

const framed = (message: Buffer) => Buffer.concat([Buffer.of(0, message.length), message]);

test("who does not read the answers over TCP is not read from", async () => {
  const sent: number[] = [];
  const state = { isFull: true, isPaused: false };
  const socket = {
    remoteAddress: "127.0.0.1",
    remotePort: 1,
    data: undefined,
    write: (bytes: Uint8Array) => (state.isFull ? 0 : sent.push(...bytes) && bytes.length),
    pause: () => Object.assign(state, { isPaused: true }),
    resume: () => Object.assign(state, { isPaused: false }),
    end: () => sent.push(-1),
  };
  const client = new Endpoint(socket as unknown as Bun.Socket<Endpoint | undefined>, silent);
  const asked: number[] = [];
  const answer = (message: Uint8Array) =>
    Promise.resolve(Uint8Array.of(asked.push(message[1] ?? 0)));
  const arrival = { early: new Uint8Array(0), settled: () => {}, closed: () => {} };
  serveResolver({ answer }, client, { pid: 1, exe: "" }, arrival);
  client.received(Buffer.concat([1, 2, 3].map((id) => framed(question("a.example", 1, id)))));
  await Bun.sleep(0);
  expect(asked).toEqual([1]);
  expect(state.isPaused).toBe(true);
  client.peerEnded();
  state.isFull = false;
  client.canTakeMore();
  await waitFor("the end", () => sent.at(-1) === -1);
  expect(asked).toEqual([1, 2, 3]);
  expect(sent).toEqual([0, 1, 1, 0, 1, 2, 0, 1, 3, -1]);
});

test("who sends no more over TCP still gets the answers", async () => {
  await using box = await testGateway([net(host("a.example"))]);
  using client = await connectTo(box.gateway.port);
  client.send(preamble(box.gateway, { kind: 6 }));
  await client.take(1);
  client.send(framed(question("x.example")));
  client.end();
  expect(await client.rest()).not.toBe("");
});

test("an asker that is gone before its answer is nobody's error", async () => {
  const gate = Promise.withResolvers<void>();
  await using box = await testGateway([net(host("a.example"))], { record: () => gate.promise });
  const socket = await Bun.udpSocket({ hostname: "127.0.0.1", socket: {} });
  using announcing = await connectTo(box.gateway.port);
  announcing.send(preamble(box.gateway, { kind: 5, port: socket.port }));
  await announcing.take(1);
  socket.send(question("x.example"), box.gateway.resolverPort, "127.0.0.1");
  await waitFor("the question", () => box.events.length === 1);
  socket.close();
  gate.resolve();
  // The answer to somebody else shows that what came back of the first was read.
  await ask(box.gateway, question("a.example"));
});
