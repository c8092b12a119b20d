// A connection that another one speaks for: who comes first does not matter, what is said goes to
// the right one, and nobody else is taken for it.

import { describe, expect, test } from "bun:test";
import { connect } from "node:net";
import { freePort } from "../../support/free-port.ts";
import {
  connectTo,
  host,
  net,
  preamble,
  server,
  type TestClient,
  type TestGateway,
  testGateway,
} from "../../support/gateway.ts";
import { waitFor } from "../../support/harness.ts";
import { port } from "../../support/ir.ts";

const denied = 13;

async function speakFor(
  { gateway }: TestGateway,
  client: Pick<TestClient, "localPort">,
  fields: { readonly port: number; readonly address?: string; readonly from?: string },
): Promise<TestClient> {
  const { from = "127.0.0.1", ...rest } = fields;
  const speaker = await connectTo(gateway.port);
  speaker.send(preamble(gateway, { ...rest, source: { address: from, port: client.localPort } }));
  return speaker;
}

const status = async (speaker: TestClient) => (await speaker.take(1)).charCodeAt(0);

describe("a connection that another one speaks for", () => {
  test("is relayed, with what it said before, and recorded as the caller's", async () => {
    using echo = server();
    await using box = await testGateway([net(host("127.0.0.1"), port(echo.port))]);
    using client = await connectTo(box.gateway.port);
    using speaker = await speakFor(box, client, { port: echo.port });
    expect(await status(speaker)).toBe(0);
    client.send("hello\n");
    expect(await client.take(6)).toBe("hello\n");
    expect(box.rows()[0]).toMatchObject({ decision: "allow", pid: 7, exe: "/usr/bin/x" });
    await speaker.rest();
    client.send("again\n");
    expect(await client.take(6)).toBe("again\n");
  });

  test("may be seen after the one that speaks for it", async () => {
    using echo = server();
    await using box = await testGateway([net(host("127.0.0.1"), port(echo.port))]);
    const localPort = freePort();
    using speaker = await speakFor(box, { localPort }, { port: echo.port });
    const client = connect({ host: "127.0.0.1", port: box.gateway.port, localPort });
    const heard = new Promise<string>((done) => client.once("data", (data) => done(String(data))));
    client.write("hello\n");
    expect(await status(speaker)).toBe(0);
    expect(await heard).toBe("hello\n");
    client.destroy();
  });

  test("is cut when it is denied, and the one that speaks is told why", async () => {
    using echo = server();
    await using box = await testGateway([net(host("127.0.0.1"), port(1))]);
    using client = await connectTo(box.gateway.port);
    using speaker = await speakFor(box, client, { port: echo.port });
    expect(await status(speaker)).toBe(denied);
    await client.rest();
    expect(echo.received).toEqual([]);
  });

  test("is cut when the one that speaks goes before the answer", async () => {
    const asked = Promise.withResolvers<AbortSignal>();
    await using box = await testGateway([], {
      ask: (_, signal) => {
        asked.resolve(signal);
        return new Promise((done) => signal.addEventListener("abort", () => done("no")));
      },
    });
    using client = await connectTo(box.gateway.port);
    using speaker = await speakFor(box, client, { port: 80, address: "8.8.8.8" });
    const signal = await asked.promise;
    speaker.end();
    await client.rest();
    await waitFor("nobody to wait", () => signal.aborted);
  });

  test("is none that said something already", async () => {
    using echo = server();
    await using box = await testGateway([net(host("127.0.0.1"), port(echo.port))]);
    using client = await connectTo(box.gateway.port);
    client.send("GET http://127.0.0.1/ HTTP/1.1\r\n");
    await Bun.sleep(50);
    using speaker = await speakFor(box, client, { port: echo.port });
    speaker.end();
    await speaker.rest();
    expect(speaker.received()).toBe("");
    expect(box.rows()).toEqual([]);
  });

  test("is one for one: who comes second is refused", async () => {
    using echo = server();
    await using box = await testGateway([net(host("127.0.0.1"), port(echo.port))]);
    const localPort = freePort();
    using first = await speakFor(box, { localPort }, { port: echo.port });
    using second = await speakFor(box, { localPort }, { port: echo.port });
    expect(await status(second)).toBe(denied);
    expect(first.received()).toBe("");
  });

  test("is none from another address with the same port", async () => {
    using echo = server();
    await using box = await testGateway([net(host("127.0.0.1"), port(echo.port))]);
    using client = await connectTo(box.gateway.port);
    using speaker = await speakFor(box, client, { port: echo.port, from: "127.0.0.9" });
    speaker.end();
    await speaker.rest();
    expect(speaker.received()).toBe("");
  });
});
