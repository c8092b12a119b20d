// What clients over HTTP and a server that is a process say to each other, the server played here:
// whose a message is, and what becomes of those that are nobody's.

import { describe, expect, test } from "bun:test";
import { createProcessLink } from "../../../../src/mcp/http/process-link.ts";
import { type Request as Asking, readMessages } from "../../../../src/mcp/message.ts";
import { request, result } from "../../../support/mcp-gate.ts";

function scene(isShared: boolean) {
  const sent: { id?: number; method?: string; params?: object; error?: object }[] = [];
  const said: string[] = [];
  const lines = new TransformStream<Uint8Array, Uint8Array>();
  const writer = lines.writable.getWriter();
  const link = createProcessLink({
    isShared,
    send: async (text) => void sent.push(JSON.parse(text)),
    say: (line) => void said.push(line),
    onUsed: () => undefined,
  });
  const read = link.read(lines.readable);
  const encoder = new TextEncoder();
  const never = new AbortController().signal;
  return {
    ...{ link, sent, said },
    ask: (message: object, signal = never) => link.ask(requestOf(message), signal),
    /** Everything is read when it resolves. */
    async server(...messages: readonly object[]) {
      const text = messages.map((one) => `${JSON.stringify(one)}\n`).join("");
      await writer.write(encoder.encode(text));
      await new Promise((resolve) => setImmediate(resolve));
    },
    async end() {
      await writer.close();
      await read;
    },
  };
}

function requestOf(message: object): Asking {
  const read = readMessages(new TextEncoder().encode(JSON.stringify(message)));
  const [first] = read.ok ? read.value.messages : [];
  if (first?.kind !== "request") throw new Error("it is no request");
  return first;
}

const progress = (progressToken: number | string, at = 1) => {
  const params = { progressToken, progress: at };
  return { jsonrpc: "2.0", method: "notifications/progress", params };
};
const log = { jsonrpc: "2.0", method: "notifications/message", params: { data: "x" } };
const asking = (id: number, token: number) => {
  return request(id, "tools/call", { name: "t", _meta: { progressToken: token } });
};

/** Messages of a response, whatever it is. */
async function messages(response: Promise<Response>): Promise<readonly object[]> {
  const text = await (await response).text();
  if (!text.startsWith("event:")) return [JSON.parse(text)];
  return [...text.matchAll(/^data: (.*)$/gm)].map(([, data = ""]) => JSON.parse(data));
}

describe("a process that several clients share", () => {
  test("knows each request by an id of its own, and each client by what it said", async () => {
    const { ask, server, sent, end } = scene(true);
    const [one, other] = [messages(ask(asking(1, 7))), messages(ask(asking(1, 7)))];
    expect(sent).toMatchObject([
      { id: 1, params: { _meta: { progressToken: 1 } } },
      { id: 2, params: { _meta: { progressToken: 2 } } },
    ]);
    await server(progress(2), result(2, { for: "other" }), result(1, { for: "one" }));
    expect(await one).toEqual([result(1, { for: "one" })]);
    expect(await other).toEqual([progress(7), result(1, { for: "other" })]);
    await end();
  });

  test("does not tell one of them what may be for another", async () => {
    const { ask, server, said, end } = scene(true);
    const one = messages(ask(request(1)));
    await server(log);
    const other = messages(ask(request(1)));
    await server(log, progress(1), progress("made up"), result(1), result(2));
    expect(await one).toEqual([log, result(1)]);
    expect(await other).toEqual([result(1)]);
    await end();
    expect(said).toEqual(["a message of the server is left out: nobody knows whom it is for"]);
  });

  test("asks nobody, and its second answer is nobody's", async () => {
    const { ask, server, sent, said, end } = scene(true);
    const one = messages(ask(request("a")));
    await server(request("s", "sampling/createMessage"), result(1), result(1), result(99));
    expect(await one).toEqual([result("a")]);
    await end();
    expect(sent.at(-1)).toMatchObject({ id: "s", error: { code: -32601 } });
    expect(said).toHaveLength(2);
  });

  test("gets the subscription of each by the name that is its own", async () => {
    const { ask, server, end } = scene(true);
    const member = "io.modelcontextprotocol/subscriptionId";
    const changed = (id: number | string) => {
      const params = { _meta: { [member]: id } };
      return { jsonrpc: "2.0", method: "notifications/tools/list_changed", params };
    };
    const one = messages(ask(request("s", "subscriptions/listen")));
    const other = messages(ask(request("s", "subscriptions/listen")));
    await server(changed(2), result(2, { _meta: { [member]: 2 } }), result(1));
    expect(await one).toEqual([result("s")]);
    expect(await other).toEqual([changed("s"), result("s", { _meta: { [member]: "s" } })]);
    await end();
  });
});

describe("a process with one client", () => {
  test("asks a client nothing without an id, and answers nothing", async () => {
    const { ask, server, said, end } = scene(false);
    const one = messages(ask(request(1)));
    const bare = { jsonrpc: "2.0", method: "sampling/createMessage", params: {} };
    await server(bare, { ...bare, id: null }, { jsonrpc: "2.0", id: null, result: {} }, log);
    await server(result(1));
    expect(await one).toEqual([log, result(1)]);
    expect(said).toHaveLength(3);
    await end();
  });

  test("says to whoever listens what is no answer, and keeps it where nobody does", async () => {
    const { link, ask, server, end } = scene(false);
    await server(log);
    const gone = new AbortController();
    const stream = await link.listen(gone.signal);
    const asks = request(5, "sampling/createMessage");
    await server(asks);
    const one = messages(ask(request(1)));
    await server(log, result(1));
    expect(await one).toEqual([log, result(1)]);
    await end();
    link.end("over");
    expect(await messages(Promise.resolve(stream))).toEqual([log, asks]);
  });

  test("is told when nobody waits any more; an answer that comes nevertheless is left out", async () => {
    const { ask, server, sent, said, link, end } = scene(false);
    const left = new AbortController();
    const one = ask(request(1), left.signal);
    left.abort();
    await expect(one).rejects.toThrow("nobody waits");
    expect(sent.at(-1)).toMatchObject({
      method: "notifications/cancelled",
      params: { requestId: 1 },
    });
    await server(result(1));
    const next = messages(ask(request(1)));
    await server(result(2));
    expect(await next).toEqual([result(1)]);
    expect(link.underway()).toBe(0);
    await end();
    expect(said).toEqual(["an answer of the server is left out: nobody waits for it"]);
  });

  test("that ends leaves no request without an end", async () => {
    const { ask, link } = scene(false);
    const one = ask(request(1));
    link.end("the server ended");
    await expect(one).rejects.toThrow("the server ended");
    expect(link.underway()).toBe(0);
  });
});
