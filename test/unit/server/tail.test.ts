import { expect, test } from "bun:test";
import { parseJsonText } from "../../../src/base/json-text.ts";
import { createControlLog } from "../../../src/ledger/control/log.ts";
import { createMemoryStore } from "../../../src/ledger/memory.ts";
import { startLocalServer } from "../../support/local-server.ts";

/** A server whose log knows how many listen to it. */
function start() {
  const log = createControlLog(createMemoryStore("aegis.local/tail"));
  const counts = { listening: 0 };
  const server = startLocalServer({
    log: {
      ...log,
      onStored(listener) {
        counts.listening++;
        const forget = log.onStored(listener);
        return () => {
          counts.listening--;
          return forget();
        };
      },
    },
    origin: "aegis.local/tail",
  });
  return { log, counts, server, url: `http://127.0.0.1:${server.port}/v1/events/stream` };
}

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await Bun.sleep(5);
}

test("a tail that is left is forgotten, and the others go on", async () => {
  const { log, counts, server, url } = start();
  const base = counts.listening;
  const open = async () => {
    const leaving = new AbortController();
    const response = await fetch(`${url}?tenant_id=a`, { signal: leaving.signal });
    const reader = response.body?.getReader();
    await reader?.read();
    return { leaving, reader };
  };
  const tails = await Promise.all(Array.from({ length: 20 }, open));
  expect(counts.listening).toBe(base + 20);
  const [first, ...others] = tails;
  for (const { leaving, reader } of others) {
    reader?.read().catch(() => undefined);
    leaving.abort();
  }
  await until(() => counts.listening === base + 1);
  const payload = parseJsonText('{"x":1}');
  await log.append([{ tenant: "a", session: "s", user: "", type: "T", payload, tsUnixMs: 1 }]);
  const { value } = (await first?.reader?.read()) ?? {};
  expect(new TextDecoder().decode(value)).toContain('"payload":{"x":1}');
  first?.leaving.abort();
  await until(() => counts.listening === base);
  await server.stop();
});

test("a tail that has much to pass over says nothing of it", async () => {
  const { log, server, url } = start();
  const payload = parseJsonText("null");
  const one = { session: "s", user: "", type: "T", payload, tsUnixMs: 1 };
  await log.append(Array.from({ length: 10_000 }, () => ({ ...one, tenant: "b" })));
  await log.append([{ ...one, tenant: "a" }]);
  const response = await fetch(`${url}?tenant_id=a&after=0`);
  let text = "";
  const reader = response.body?.getReader();
  while (!text.includes("data:")) text += new TextDecoder().decode((await reader?.read())?.value);
  expect(text).toStartWith(": connected\n\nid: 10000\n");
  await reader?.cancel();
  await server.stop();
});

test("a server that stops ends its tails", async () => {
  const { counts, server, url } = start();
  const response = await fetch(`${url}?tenant_id=a`);
  const reader = response.body?.getReader();
  await reader?.read();
  const stopped = server.stop();
  expect(await reader?.read()).toMatchObject({ done: true });
  await stopped;
  expect(counts.listening).toBe(1);
});

test("nothing stays of those who only ask whether there is one, or read no further", async () => {
  const { counts, server, url } = start();
  const base = counts.listening;
  const clients = async (): Promise<string | undefined> => {
    const text = await (await fetch(url.replace("/v1/events/stream", "/metrics"))).text();
    return /^aegis_stream_clients (\d+)$/m.exec(text)?.[1];
  };
  for (let at = 0; at < 20; at++) {
    const { status } = await fetch(`${url}?tenant_id=a`, { method: "HEAD" });
    expect(status).toBe(200);
  }
  const { body } = await fetch(`${url}?tenant_id=a`);
  expect(await clients()).toBe("1");
  await body?.cancel();
  await until(() => counts.listening === base);
  expect(await clients()).toBe("0");
  await server.stop();
});
