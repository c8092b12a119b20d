// Clients that are slow, that leave, or that do not speak HTTP, on plain sockets.

import { afterAll, describe, expect, test } from "bun:test";
import { connect, type Socket } from "node:net";
import { requestBodyMaxBytes, requestBodyMs } from "../../../src/base/limits.ts";
import { serve } from "../../support/served.ts";
import { tempDir } from "../../support/temp.ts";

const server = await serve(`${tempDir("bad-connections")}/ledger.db`);
afterAll(() => server.stop());
const { port, host } = new URL(server.url);

const body = '{"tenant_id":"acme","session_id":"s"}';
const head = (...lines: readonly string[]): string =>
  ["POST /v1/events HTTP/1.1", `Host: ${host}`, ...lines, "", ""].join("\r\n");

interface Line {
  readonly socket: Socket;
  /** All that was said, once the server has closed the connection. */
  readonly closed: Promise<string>;
  /** Resolves when that was said. */
  until(text: string): Promise<void>;
}

function dial(): Line {
  const { promise, resolve } = Promise.withResolvers<string>();
  const heard = { text: "", look: (): void => undefined };
  const socket = connect(Number(port), "127.0.0.1");
  socket.on("data", (piece) => {
    heard.text += piece.toString("latin1");
    heard.look();
  });
  // A connection that is reset while we go on sending is closed as well.
  socket.on("error", () => undefined);
  socket.on("close", () => resolve(heard.text));
  const until = (text: string) =>
    new Promise<void>((found) => {
      heard.look = () => {
        if (heard.text.includes(text)) found();
      };
      heard.look();
    });
  return { socket, closed: promise, until };
}

async function eventCount(): Promise<number> {
  const response = await fetch(`${server.url}/v1/events?tenant_id=acme`);
  const { Events } = (await response.json()) as { readonly Events: readonly unknown[] };
  return Events.length;
}

describe("a client", () => {
  test.each([
    ["that announces too much", head(`Content-Length: ${requestBodyMaxBytes + 1}`), "x"],
    ["that sends too much in pieces", head("Transfer-Encoding: chunked"), "chunks"],
  ])("%s is told 413 and cut off", async (_, start, sent) => {
    const { socket, closed } = dial();
    socket.write(start);
    const piece = `100000\r\n${"x".repeat(0x100000)}\r\n`;
    for (let at = 0; sent === "chunks" && at < 9; at++) socket.write(piece);
    if (sent !== "chunks") socket.write(sent);
    const said = await closed;
    expect(said).toStartWith("HTTP/1.1 413 ");
    expect(said).toContain('"code":"body_too_large"');
  });

  test("that leaves in the middle of its body has sent nothing", async () => {
    const before = await eventCount();
    const { socket, closed } = dial();
    socket.write(`${head(`Content-Length: ${body.length + 10}`)}${body}`);
    socket.end();
    await closed;
    const metrics = await (await fetch(`${server.url}/metrics`)).text();
    const left = `method="POST",route="/v1/events",status="400"`;
    expect(metrics).toContain(`aegis_http_requests_total{${left}} 1`);
    expect(metrics).not.toContain('status="500"');
    const whole = dial();
    whole.socket.write(`${head(`Content-Length: ${body.length}`, "Connection: close")}${body}`);
    expect(await whole.closed).toStartWith("HTTP/1.1 201 ");
    expect(await eventCount()).toBe(before + 1);
  });

  test("that leaves in the middle of a stream does not disturb the others", async () => {
    const path = "/v1/events/stream?tenant_id=acme";
    const lines = Array.from({ length: 10 }, dial);
    for (const { socket } of lines) socket.write(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    await Promise.all(lines.map(({ until }) => until(": connected")));
    for (const { socket } of lines.slice(1)) socket.resetAndDestroy();
    const response = await fetch(`${server.url}/v1/events`, { method: "POST", body });
    expect(response.status).toBe(201);
    await lines[0]?.until('"session_id":"s"');
    lines[0]?.socket.destroy();
  });

  test.each([
    ["that says nothing of HTTP", "\0\u0001\u0002\r\n\r\n", "400"],
    ["that names no host", "GET /healthz HTTP/1.1\r\n\r\n", "400"],
    ["that says HTTP/1.0 and no host", "GET /healthz HTTP/1.0\r\n\r\n", "403"],
    ["that says HTTP/1.0", `GET /healthz HTTP/1.0\r\nHost: ${host}\r\n\r\n`, "200"],
    ["that gives two lengths", head("Content-Length: 2", "Transfer-Encoding: chunked"), "400"],
    ["that gives a negative length", head("Content-Length: -2"), "400"],
    ["whose head has 100,000 letters", head(`X: ${"x".repeat(100_000)}`), "431"],
  ])("%s is cut off", async (_, sent, status) => {
    const { socket, closed } = dial();
    socket.write(sent);
    expect(await closed).toStartWith(`HTTP/1.1 ${status} `);
  });

  test.concurrent("that sends its body too slowly is told 408", async () => {
    const { socket, closed } = dial();
    socket.write(head("Content-Length: 1000"));
    const timer = setInterval(() => socket.write(" "), 500);
    const started = performance.now();
    const said = await closed;
    clearInterval(timer);
    expect(said).toStartWith("HTTP/1.1 408 ");
    expect(said).toContain('"code":"request_timeout"');
    expect(performance.now() - started).toBeLessThan(requestBodyMs + 15_000);
  }, 60_000);

  test.concurrent("that sends its head too slowly is cut off", async () => {
    const { socket, closed } = dial();
    socket.write(`GET /healthz HTTP/1.1\r\nHost: ${host}\r\n`);
    const timer = setInterval(() => socket.write("X-Slow: 1\r\n"), 500);
    expect(await closed).toBe("");
    clearInterval(timer);
  }, 60_000);
});

test("afterwards the server answers", async () => {
  expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
});
