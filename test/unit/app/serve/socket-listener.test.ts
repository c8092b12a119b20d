// What a Unix socket does with connections and requests: who is known for each, what is waited for
// and for how long, and how it ends.

import { describe, expect, test } from "bun:test";
import { connect } from "node:net";
import { join } from "node:path";
import { claimSocket } from "../../../../src/app/serve/socket-claim.ts";
import { openSocket, type SocketOptions } from "../../../../src/app/serve/socket-listener.ts";
import { type AbsPath, resolvePath } from "../../../../src/base/paths.ts";
import { openPeerReader } from "../../../../src/bridge/peer-credentials.ts";
import { afterThisTest } from "../../../support/endings.ts";
import { tempDir } from "../../../support/temp.ts";

type Answer = SocketOptions<number>["answer"];

/** Each connection is known by its number, from 1. */
async function listening(
  answer: Answer,
  { isBrief = false, idleTimeoutSeconds = 60 }: { isBrief?: boolean; idleTimeoutSeconds?: number },
) {
  const path = join(tempDir("listener"), "s");
  const claim = await claimSocket(resolvePath("/" as AbsPath, path));
  const met: number[] = [];
  const listener = openSocket<number>({
    claim,
    group: undefined,
    idleTimeoutSeconds,
    greet: (fd) => ({ who: met.push(fd), isBrief }),
    answer,
    failed: () => new Response("failed", { status: 500 }),
  });
  const stop = async (patienceMs: number): Promise<void> => {
    await listener.stop(patienceMs);
    claim.release();
  };
  afterThisTest(() => stop(0));
  return { path, stop, met };
}

/** What is answered until the connection ends. */
async function exchanged(path: string, ...pieces: readonly string[]): Promise<string> {
  const socket = connect(path);
  let said = "";
  socket.on("data", (piece) => {
    said += piece.toString();
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  socket.on("close", () => resolve());
  socket.on("error", () => resolve());
  for (const piece of pieces) socket.write(piece);
  await promise;
  return said;
}

const ask = (path: string, more = "") => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${more}\r\n`;
const close = "Connection: close\r\n";
const plain: Answer = (request, who) => new Response(`${who} ${request.method} ${request.url}`);

describe("a connection", () => {
  test("is the same caller's for all of its requests, and of nobody else's", async () => {
    const { path } = await listening(plain, {});
    const [one, two] = await Promise.all([
      exchanged(path, ask("/a"), ask("/b", close)),
      exchanged(path, ask("/c", close)),
    ]);
    const whose = (text: string) => [...text.matchAll(/(\d) GET http:\/\/localhost\/\w/g)];
    expect(whose(one).map(([all]) => all)).toEqual([
      "1 GET http://localhost/a",
      "1 GET http://localhost/b",
    ]);
    expect(whose(two).map(([all]) => all)).toEqual(["2 GET http://localhost/c"]);
  });

  test("has the credentials of the process that made it", async () => {
    const read = openPeerReader();
    const path = join(tempDir("listener"), "s");
    const claim = await claimSocket(resolvePath("/" as AbsPath, path));
    const listener = openSocket({
      claim,
      group: undefined,
      idleTimeoutSeconds: 60,
      greet: (fd) => ({ who: read?.(fd), isBrief: false }),
      answer: (_, who) => Response.json(who ?? null),
      failed: () => new Response(null, { status: 500 }),
    });
    afterThisTest(async () => {
      await listener.stop(0);
      claim.release();
    });
    const answer = await fetch("http://localhost/", { unix: path });
    const { groups, ...own } = (await answer.json()) as { groups: number[] };
    const [uid, gid] = [process.geteuid?.(), process.getegid?.()];
    expect<object>(own).toEqual({ pid: process.pid, uid, gid });
    const others = process.getgroups?.() ?? [];
    expect(new Set([...groups, gid])).toEqual(new Set([...others, gid]));
  });

  test.each([
    ["says nothing", []],
    ["does not finish its request", ["GET / HTTP/1.1\r\nHost: loc"]],
    ["says nothing after an answer", [ask("/")]],
  ])("that %s is ended", async (_, pieces) => {
    const { path } = await listening(plain, { idleTimeoutSeconds: 1 });
    const said = await exchanged(path, ...pieces);
    expect(said.includes("GET http://localhost/")).toBe(pieces[0] === ask("/"));
  });

  test("that drips its request is ended all the same", async () => {
    const { path } = await listening(plain, { idleTimeoutSeconds: 1 });
    const socket = connect(path);
    const { promise, resolve } = Promise.withResolvers<void>();
    const drip = setInterval(() => socket.write("x"), 20);
    socket.on("error", () => resolve());
    socket.on("close", () => resolve());
    socket.write("GET / HTTP/1.1\r\nA: ");
    await promise;
    clearInterval(drip);
  });

  test("whose stream nobody reads is ended, and its source told", async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const endless = () =>
      new ReadableStream({
        pull: (controller) => controller.enqueue(new Uint8Array(65_536)),
        cancel: () => resolve(),
      });
    const { path } = await listening(
      () => new Response(endless(), { headers: { "Content-Type": "text/event-stream" } }),
      { idleTimeoutSeconds: 1 },
    );
    const socket = connect(path);
    socket.on("error", () => undefined);
    socket.pause();
    socket.write(ask("/"));
    await promise;
    socket.destroy();
  });

  test("of somebody who is going to be refused is answered once", async () => {
    const { path } = await listening(plain, { isBrief: true });
    const said = await exchanged(path, ask("/a"), ask("/b"));
    expect(said.match(/HTTP\/1.1 200/g)).toHaveLength(1);
    expect(said.toLowerCase()).toContain("connection: close");
  });
});

test("callers that leave at any point harm nobody else", async () => {
  const late: Answer = async (request, who) => {
    // Later than what its caller sends next, if it leaves.
    await new Promise((resolve) => setImmediate(resolve));
    // As what refuses a body that is too large.
    if (request.url.endsWith("/c")) await request.body?.cancel();
    return plain(request, who);
  };
  const { path } = await listening(late, {});
  const sent = [
    ask("/a").repeat(5),
    "POST /b HTTP/1.1\r\nHost: l\r\nContent-Length: 9\r\n\r\nabc",
    `POST /c HTTP/1.1\r\nHost: l\r\nContent-Length: 900000\r\n\r\n${"a".repeat(500_000)}`,
    "GET /d HTTP/1.1\r\nHos",
  ];
  const leave = async (text: string): Promise<void> => {
    const socket = connect(path);
    const closed = new Promise((resolve) => socket.once("close", resolve));
    socket.on("error", () => socket.destroy());
    await new Promise((resolve) => socket.write(text, resolve));
    socket.destroy();
    await closed;
  };
  for (let round = 0; round < 25; round++) await Promise.all(sent.map(leave));
  // What is waited for of theirs is over when it is of this one.
  expect(await exchanged(path, sent[1] ?? "")).toContain("POST http://localhost/b");
  expect(await exchanged(path, ask("/e", close))).toContain("GET http://localhost/e");
});

describe("a request", () => {
  test("comes with its headers and its body, whole or in pieces", async () => {
    const echo: Answer = async (request) =>
      Response.json([request.headers.get("x-a"), new TextDecoder().decode(await request.bytes())]);
    const { path } = await listening(echo, {});
    const post = (headers: string, body: string) =>
      exchanged(path, `POST / HTTP/1.1\r\nHost: l\r\nX-A: b\r\n${close}${headers}\r\n`, body);
    expect(await post("Content-Length: 5\r\n", "hello")).toEndWith('["b","hello"]');
    const pieces = "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n";
    expect(await post("Transfer-Encoding: chunked\r\n", pieces)).toEndWith('["b","hello"]');
  });

  test.each([
    ["two lengths", 400, "Content-Length: 4\r\nContent-Length: 5\r\n"],
    ["a length and pieces", 400, "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n"],
    ["no header", 400, "no header\r\n"],
    ["headers without end", 431, `A: ${"a".repeat(100_000)}\r\n`],
  ])("with %s is refused", async (_, status, headers) => {
    const { path } = await listening(plain, {});
    const said = await exchanged(path, `POST / HTTP/1.1\r\nHost: l\r\n${headers}\r\n`, "0\r\n\r\n");
    expect(said).toStartWith(`HTTP/1.1 ${status} `);
  });

  test("whose body ends too soon is told of as that", async () => {
    const { promise, resolve } = Promise.withResolvers<unknown>();
    const { path } = await listening(async (request) => {
      await request.bytes().catch(resolve);
      return new Response("late");
    }, {});
    const socket = connect(path);
    socket.end("POST / HTTP/1.1\r\nHost: l\r\nContent-Length: 9\r\n\r\nabc");
    expect(await promise).toBeInstanceOf(Error);
    socket.destroy();
  });

  test("whose body nobody reads is answered, and nothing of it taken for a request", async () => {
    const { path, met } = await listening(plain, {});
    const hidden = ask("/hidden");
    const head = `POST /a HTTP/1.1\r\nHost: l\r\nContent-Length: ${hidden.length + 1}\r\n\r\n`;
    const said = await exchanged(path, head, hidden);
    expect(said).toContain("1 POST http://localhost/a");
    expect(said).not.toContain("hidden");
    expect(met).toHaveLength(1);
  });

  test("for a head gets that of the answer, and ends what goes on producing", async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const answer: Answer = ({ url }) => {
      if (!url.endsWith("/stream")) return new Response("hello");
      const headers = { "Content-Type": "text/event-stream" };
      return new Response(new ReadableStream({ cancel: () => resolve() }), { headers });
    };
    const { path } = await listening(answer, {});
    const head = (to: string) =>
      exchanged(path, `HEAD ${to} HTTP/1.1\r\nHost: localhost\r\n${close}\r\n`);
    const plainHead = await head("/");
    expect(plainHead.toLowerCase()).toContain("content-length: 5\r\n");
    expect(plainHead).toEndWith("\r\n\r\n");
    expect(await head("/stream")).toEndWith("\r\n\r\n");
    await promise;
  });

  test("that fails is answered as on a port", async () => {
    const { path } = await listening(() => Promise.reject(new Error("a detail")), {});
    expect(await exchanged(path, ask("/", close))).toEndWith("failed");
  });

  test("is abandoned when its caller leaves", async () => {
    const gone = Promise.withResolvers<void>();
    const asked = Promise.withResolvers<void>();
    const { path } = await listening(async ({ signal }) => {
      signal.addEventListener("abort", () => gone.resolve());
      asked.resolve();
      await gone.promise;
      return new Response(null);
    }, {});
    const socket = connect(path);
    socket.write(ask("/"));
    await asked.promise;
    socket.destroy();
    await gone.promise;
  });
});

describe("the end of a listener", () => {
  test("answers what is under way and closes what is not", async () => {
    const asked = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    const { path, stop } = await listening(async () => {
      asked.resolve();
      await go.promise;
      return new Response("done");
    }, {});
    const idle = exchanged(path);
    const busy = exchanged(path, ask("/"));
    await asked.promise;
    const stopped = stop(60_000);
    expect(await idle).toBe("");
    go.resolve();
    expect(await busy).toEndWith("done");
    await stopped;
  });

  test("does not wait for ever", async () => {
    const asked = Promise.withResolvers<void>();
    const { path, stop } = await listening(() => {
      asked.resolve();
      return new Promise<Response>(() => undefined);
    }, {});
    const busy = exchanged(path, ask("/"));
    await asked.promise;
    await stop(10);
    expect(await busy).toBe("");
  });
});
