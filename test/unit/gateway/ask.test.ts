// Connections no rule is about: who is asked, what is shown, what each answer does, and that what a
// rule forbids is never asked about.

import { expect, test } from "bun:test";
import type { AskConnection, AskedConnection, ConnectionAnswer } from "../../../src/gateway/ask.ts";
import type { Capability } from "../../../src/model/capability.ts";
import {
  ask as askName,
  connectTo,
  host,
  net,
  noNet,
  preamble,
  question,
  resolved,
  server,
  type TestGatewayOptions,
  testGateway,
  through,
} from "../../support/gateway.ts";
import { waitFor } from "../../support/harness.ts";
import { port } from "../../support/ir.ts";

const denied = 13;
const names = { "api.test": ["127.0.0.1"] };

/** Somebody who gives these answers, in order, and keeps what was asked. */
function person(answers: readonly ConnectionAnswer[]) {
  const questions: AskedConnection[] = [];
  const ask: AskConnection = async (asked) => {
    questions.push(asked);
    return answers[questions.length - 1] ?? "no";
  };
  return { questions, ask };
}

async function askedGateway(
  capabilities: readonly Capability[],
  answers: readonly ConnectionAnswer[],
  options: TestGatewayOptions = {},
) {
  const { questions, ask } = person(answers);
  return { questions, box: await testGateway(capabilities, { names, ask, ...options }) };
}

const answers: readonly [ConnectionAnswer, number, object][] = [
  ["once", 0, { decision: "allow", rule: "ask:once", reason: "allowed when asked" }],
  ["session", 0, { decision: "allow", rule: "ask:session" }],
  ["always", 0, { decision: "allow", rule: "ask:always" }],
  ["no", denied, { decision: "deny", rule: "ask:no", reason: "denied when asked" }],
  ["unasked", denied, { decision: "deny", rule: "" }],
];
for (const [answer, expected, row] of answers)
  test(`an address nobody granted, answered with ${answer}`, async () => {
    using echo = server();
    const { box, questions } = await askedGateway([], [answer]);
    await using _ = box;
    const { client, status } = await through(box, { address: "127.0.0.1", port: echo.port });
    expect(status).toBe(expected);
    expect(questions).toEqual([
      {
        host: "127.0.0.1",
        port: echo.port,
        protocol: "tcp",
        name: undefined,
        kind: "this machine",
        caller: { pid: 7, exe: "/usr/bin/x" },
      },
    ]);
    expect(box.rows()[0]).toMatchObject(row);
    if (expected !== 0) return;
    client.send("hello\n");
    expect(await client.take(6)).toBe("hello\n");
  });

test("a name is asked about before it is resolved, and its private address after", async () => {
  using echo = server();
  const looked: string[] = [];
  const resolve = async (name: string) => {
    looked.push(`${name} after ${questions.length}`);
    return ["127.0.0.1"];
  };
  const { box, questions } = await askedGateway([], ["once", "once"], { resolve });
  await using _ = box;
  const address = (await resolved(box, "api.test")) ?? "";
  const { status } = await through(box, { address, port: echo.port });
  expect(status).toBe(0);
  expect(looked).toEqual(["api.test after 1"]);
  expect(questions.map(({ host, name, kind }) => [host, name, kind])).toEqual([
    ["api.test", undefined, undefined],
    ["127.0.0.1", "api.test", "this machine"],
  ]);
  expect(box.rows()[0]).toMatchObject({ host: "api.test", address: "127.0.0.1" });
});

test("a name that is refused is not resolved", async () => {
  const resolve = () => Promise.reject(new Error("resolved"));
  const { box, questions } = await askedGateway([], ["no"], { resolve });
  await using _ = box;
  const address = (await resolved(box, "api.test")) ?? "";
  expect((await through(box, { address, port: 9 })).status).toBe(denied);
  expect(questions).toHaveLength(1);
});

test("the private address of a name that is allowed may be refused", async () => {
  using echo = server();
  const { box } = await askedGateway([net(host("api.test"))], ["no"]);
  await using _ = box;
  const address = (await resolved(box, "api.test")) ?? "";
  expect((await through(box, { address, port: echo.port })).status).toBe(denied);
  expect(box.rows()[0]).toMatchObject({ rule: "ask:no", address: "127.0.0.1" });
});

const unasked: readonly [string, readonly Capability[], string][] = [
  ["what is granted", [net(host("127.0.0.1"))], "127.0.0.1"],
  ["what a rule forbids", [noNet(host("127.0.0.1"))], "127.0.0.1"],
  ["an address that carries a forbidden one", [noNet(host("127.0.0.1"))], "64:ff9b::7f00:1"],
  ["a name at a forbidden port", [noNet(host("api.test"), port(9))], "api.test"],
];
for (const [what, capabilities, to] of unasked)
  test(`${what} is not asked about`, async () => {
    const { box, questions } = await askedGateway(capabilities, ["always"]);
    await using _ = box;
    const address = to === "api.test" ? ((await resolved(box, to)) ?? "") : to;
    await through(box, { address, port: 9 });
    expect(questions).toEqual([]);
  });

test("a name whose only address is forbidden is not asked about twice", async () => {
  const { box, questions } = await askedGateway([noNet(host("127.0.0.1"))], ["once", "once"]);
  await using _ = box;
  const address = (await resolved(box, "api.test")) ?? "";
  expect((await through(box, { address, port: 9 })).status).toBe(denied);
  expect(questions).toHaveLength(1);
});

test("the resolver knows names that can be asked about, and none that is forbidden", async () => {
  const { box } = await askedGateway([noNet(host("no.test"))], []);
  await using _ = box;
  expect(await resolved(box, "any.test")).toStartWith("198.18.");
  expect((await askName(box.gateway, question("no.test")))[3]).toBe(0x83);
});

test("a yes to a connection is one to the requests on it, and to no other host's", async () => {
  const answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
  using web = server({ reply: () => answer });
  const { box } = await askedGateway([], ["once"]);
  await using _ = box;
  const { client } = await through(box, { address: "127.0.0.1", port: web.port });
  client.send(`GET / HTTP/1.1\r\nHost: 127.0.0.1:${web.port}\r\n\r\n`);
  expect(await client.take(answer.length)).toBe(answer);
  client.send(`GET / HTTP/1.1\r\nHost: other.test:${web.port}\r\n\r\n`);
  await client.rest();
  expect(web.received.join("")).not.toContain("other.test");
  expect(box.rows().map(({ action, decision, rule }) => [action, decision, rule])).toEqual([
    ["NetConnect", "allow", "ask:once"],
    ["NetRequest", "allow", "ask:once"],
    ["NetRequest", "deny", ""],
  ]);
});

test("a request that a rule forbids stays forbidden after a yes", async () => {
  using web = server({ reply: () => "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" });
  const [forbidden] = [noNet(host("127.0.0.1"))];
  const onlyRequests = { ...forbidden, actions: ["NetRequest"] } as Capability;
  const { box } = await askedGateway([onlyRequests], ["once"]);
  await using _ = box;
  const { client } = await through(box, { address: "127.0.0.1", port: web.port });
  client.send(`GET / HTTP/1.1\r\nHost: 127.0.0.1:${web.port}\r\n\r\n`);
  expect(await client.rest()).toContain("403");
  expect(web.received.join("")).toBe("");
});

test("UDP is asked about as itself", async () => {
  const { box, questions } = await askedGateway([], ["session"]);
  await using _ = box;
  const asked = await connectTo(box.gateway.port);
  asked.send(preamble(box.gateway, { kind: 3, address: "127.0.0.1", port: 53 }));
  expect((await asked.take(1)).charCodeAt(0)).toBe(0);
  expect(questions.map(({ protocol, port: at }) => [protocol, at])).toEqual([["udp", 53]]);
});

for (const kind of [1, 3])
  test(`a caller that leaves withdraws its question (kind ${kind})`, async () => {
    const withdrawn = Promise.withResolvers<void>();
    let isAsked = false;
    const ask: AskConnection = (_, signal) =>
      new Promise((settle) => {
        isAsked = true;
        signal.addEventListener("abort", () => {
          withdrawn.resolve();
          settle("once");
        });
      });
    await using box = await testGateway([], { names, ask });
    const client = await connectTo(box.gateway.port);
    client.send(preamble(box.gateway, { kind, address: "127.0.0.1", port: 9 }));
    await waitFor("the question", () => isAsked);
    client.end();
    await withdrawn.promise;
    await waitFor("its row", () => box.rows().length > 0);
    expect(box.rows()[0]).toMatchObject({ decision: "deny", rule: "ask:no" });
  });
