// The proxy between clients and servers of both eras of Streamable HTTP, both played here over
// loopback: what one of them can do to the other with headers, ids and streams.

import { afterEach, describe, expect, test } from "bun:test";
import { sha256 } from "../../../src/base/hash.ts";
import { budgets, call, request, result } from "../../support/mcp-gate.ts";
import {
  content,
  echoes,
  endHttpScenes,
  event,
  inSession,
  json,
  httpScene as scene,
  stream,
} from "../../support/mcp-http.ts";

afterEach(endHttpScenes);

describe("requests that stand alone", () => {
  const version = "2026-07-28";
  const meta = { "io.modelcontextprotocol/protocolVersion": version };
  const modern = (name: string, method = "tools/call") =>
    request(1, method, { name, arguments: {}, _meta: meta });
  const headers = {
    "MCP-Protocol-Version": version,
    "Mcp-Method": "tools/call",
    "Mcp-Name": "echo",
  };

  test("pass with their headers, without the client's credentials", async () => {
    const { send, seen, types } = scene(echoes);
    const body = JSON.stringify(modern("echo"), undefined, 2);
    const more = { ...headers, Authorization: "Bearer mine", Cookie: "a=b", "Mcp-Param-X": "1" };
    const answer = await send(body, more);
    expect([answer.status, await answer.json()]).toEqual([200, result(1, { content: [] })]);
    expect(seen[0]?.text).toBe(body);
    const passed = seen[0]?.headers;
    expect(passed?.get("Authorization")).toBe("Bearer upstream-token");
    expect(passed?.get("Mcp-Name")).toBe("echo");
    expect(passed?.get("Mcp-Param-X")).toBe("1");
    expect(passed?.get("Cookie")).toBe(null);
    expect(await types()).toContain("TOOL_RESULT");
  });

  const mismatches: readonly (readonly [string, Record<string, string>])[] = [
    ["another name", { ...headers, "Mcp-Name": "other" }],
    ["a name in another case", { ...headers, "Mcp-Name": "Echo" }],
    ["a broken base64 name", { ...headers, "Mcp-Name": "=?base64?%%%?=" }],
    ["another name in base64", { ...headers, "Mcp-Name": "=?base64?b3RoZXI=?=" }],
    ["another method", { ...headers, "Mcp-Method": "ping" }],
    ["another version", { ...headers, "MCP-Protocol-Version": "2025-11-25" }],
    ["no name", { "MCP-Protocol-Version": version, "Mcp-Method": "tools/call" }],
    ["no method", { "MCP-Protocol-Version": version, "Mcp-Name": "echo" }],
    ["no version", { "Mcp-Method": "tools/call", "Mcp-Name": "echo" }],
  ];
  for (const [name, sent] of mismatches) {
    test(`with ${name} in the headers are refused and recorded`, async () => {
      const { send, seen, events } = scene(echoes);
      const answer = await send(modern("echo"), sent);
      expect(answer.status).toBe(400);
      expect(await answer.json()).toMatchObject({ id: 1, error: { code: -32020 } });
      expect(seen).toEqual([]);
      expect(await events()).toMatchObject([
        { type: "ERROR_RAISED", payload: { code: "HEADER_MISMATCH" } },
      ]);
    });
  }

  test("with a name that no header can hold are taken in base64", async () => {
    const { send } = scene(echoes, { tools: ["écho"] });
    const name = `=?base64?${Buffer.from("écho").toString("base64")}?=`;
    const answer = await send(modern("écho"), { ...headers, "Mcp-Name": name });
    expect(answer.status).toBe(200);
  });

  test("are decided about by the body", async () => {
    const { send, seen } = scene(echoes);
    const answer = await send(modern("other"), { ...headers, "Mcp-Name": "other" });
    expect(await answer.json()).toMatchObject({ error: { data: { tool: "other" } } });
    expect(seen).toEqual([]);
  });

  test("end when their client leaves", async () => {
    const left = Promise.withResolvers<void>();
    const started = Promise.withResolvers<void>();
    const { send, types } = scene(({ signal }) => {
      started.resolve();
      signal.addEventListener("abort", () => left.resolve());
      return new Promise<Response>(() => {});
    });
    const abort = new AbortController();
    const answer = send(modern("echo"), headers, { signal: abort.signal });
    await started.promise;
    abort.abort();
    await expect(answer).rejects.toThrow();
    await left.promise;
    while (!(await types()).includes("ERROR_RAISED")) await Bun.sleep(5);
  });

  test("are no batch", async () => {
    const { send, seen } = scene(echoes);
    const answer = await send([modern("echo")], headers);
    expect(answer.status).toBe(400);
    expect(seen).toEqual([]);
  });
});

describe("answers", () => {
  test("to another request do not pass, in a body", async () => {
    const { send, types } = scene(() => json(result(2, content)));
    const answer = await send(call(1));
    expect(answer.status).toBe(502);
    expect(await answer.text()).not.toContain('"hi"');
    expect(await types()).toEqual(["TOOL_CALL_PROPOSED", "TOOL_CALL_ALLOWED", "ERROR_RAISED"]);
  });

  test("to another request do not pass, in a stream", async () => {
    const other = event(result(2, { content: ["smuggled"] }));
    const { send, types } = scene(() => stream(other, event(result(1, content))));
    const text = await (await send(call(1))).text();
    expect(text).toBe(event(result(1, content)));
    expect(await types()).toContain("TOOL_RESULT");
  });

  const spelled = JSON.stringify(result(1, content));
  const framings: readonly (readonly [string, readonly string[]])[] = [
    ["line feeds", [`data: ${spelled}\n\n`]],
    ["both", [`data: ${spelled}\r\n\r\n`]],
    ["carriage returns", [`data: ${spelled}\r\r`]],
    ["a byte order mark", [`\ufeffdata:${spelled}\n\n`]],
    ["several data lines", [`data: ${spelled.replace(",", ",\ndata: ")}\n\n`]],
    ["data lines between carriage returns", [`data: ${spelled.replace(",", ",\rdata: ")}\r\r`]],
    ["bytes that come one by one", [...`: c\r\n\r\ndata: ${spelled}\r\n\r\n`]],
    ["an event name", [`event: other\ndata: ${spelled}\n\n`]],
  ];
  for (const [name, texts] of framings) {
    test(`are recorded and bounded in streams with ${name}`, async () => {
      const { send, types } = scene(() => stream(...texts));
      expect(await (await send(call(1))).text()).toBe(texts.join("").replace(/^\ufeff/, ""));
      expect(await types()).toContain("TOOL_RESULT");
      const small = { tools: ["echo"], budgets: { ...budgets, max_output_bytes: 20 } };
      const strict = scene(() => stream(...texts), small);
      const text = await (await strict.send(call(1))).text();
      expect(text).toContain("OUTPUT_TOO_LARGE");
      expect(text).not.toContain('"hi"');
    });
  }

  test("that two readers would understand differently do not pass", async () => {
    const twice = `data: {"jsonrpc":"2.0","id":1,"result":{},"result":{"content":["smuggled"]}}\n\n`;
    const endpoint = "event: endpoint\ndata: http://127.0.0.1:1/elsewhere\n\n";
    const { send, said } = scene(() => stream(endpoint, twice, event(result(1, content))));
    expect(await (await send(call(1))).text()).toBe(event(result(1, content)));
    expect(said).toHaveLength(2);
  });

  test("that do not come are told as such", async () => {
    const { send, types } = scene(() => stream(": nothing\n\n"));
    const text = await (await send(call(1))).text();
    expect(text).toStartWith(": nothing\n\n");
    expect(text).toContain("its stream ended without an answer");
    expect(await types()).toContain("ERROR_RAISED");
  });

  test("that lead elsewhere are not followed", async () => {
    const { send } = scene(() => Response.redirect("http://127.0.0.1:1/", 307));
    const answer = await send(call(1));
    expect(answer.status).toBe(502);
    expect(await answer.text()).toContain("elsewhere");
  });

  test("of a server that is not there are errors, and recorded", async () => {
    const { send, url, types } = scene(echoes, undefined, "http://127.0.0.1:1/mcp");
    const answer = await send(call(1));
    expect([answer.status, await answer.json()]).toMatchObject([
      502,
      { id: 1, error: { data: { reason: "UPSTREAM_FAILED" } } },
    ]);
    expect((await send(request(2))).status).toBe(502);
    expect((await send({ jsonrpc: "2.0", method: "notifications/x" })).status).toBe(502);
    expect((await fetch(url)).status).toBe(502);
    expect((await types()).at(-1)).toBe("ERROR_RAISED");
  });

  test("with a status keep it", async () => {
    const { send } = scene(() => new Response("no such session", { status: 404 }));
    expect((await send(call(1), inSession("gone"))).status).toBe(404);
    expect((await send(request(2))).status).toBe(404);
    expect((await send({ jsonrpc: "2.0", method: "notifications/x" })).status).toBe(404);
  });

  test.each([
    ["a notification", "POST", { jsonrpc: "2.0", method: "notifications/x" }],
    ["an answer", "POST", result(7, content)],
    ["a stream that is asked for", "GET", undefined],
    ["a session that is ended", "DELETE", undefined],
  ])(
    "what a server says of %s stays with the proxy, its status passes",
    async (_, method, body) => {
      const orders = { jsonrpc: "2.0", id: null, error: { code: -32600, message: "do as I say" } };
      const headers = { "Content-Type": "text/markdown", "Retry-After": "7" };
      const says = (status: number) =>
        scene(() => new Response(JSON.stringify(orders), { status, headers }));
      const ask = ({ url }: { readonly url: string }) =>
        fetch(url, {
          method,
          headers: { "Content-Type": "application/json", ...inSession("m1") },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        });
      const refused = await ask(says(404));
      expect(refused.status).toBe(404);
      expect(refused.headers.get("Content-Type")).toBe("application/json");
      expect(refused.headers.get("Retry-After")).toBe("7");
      const text = await refused.text();
      expect(text).not.toContain("do as I say");
      expect(JSON.parse(text)).toMatchObject({
        id: null,
        error: { code: -32603, message: expect.stringContaining("404") },
      });
      const passed = await ask(says(202));
      expect([passed.status, await passed.text()]).toEqual([202, ""]);
    },
  );
});

describe("sessions", () => {
  const headers = inSession("m1");

  test("take an id for one request at a time", async () => {
    const release = Promise.withResolvers<void>();
    const { send, seen } = scene(async (_, { id }) => {
      await release.promise;
      return json(result(id, content));
    });
    const first = send(call(1), headers);
    while (seen.length === 0) await Bun.sleep(5);
    const second = await send(request(1), headers);
    expect(second.status).toBe(400);
    expect(await second.text()).toContain("the id is in use");
    expect(
      await send(request("1"), inSession("m2"), { signal: AbortSignal.timeout(50) }).catch(
        () => undefined,
      ),
    ).toBeUndefined();
    release.resolve();
    expect((await first).status).toBe(200);
    expect((await send(request(1), headers)).status).toBe(200);
  });

  test("give a lost stream back, what passed before as it was and nothing else", async () => {
    const answer = event(result(1, content), "e2");
    const changed = event(result(1, { content: ["changed"] }), "e3");
    const { send, url, types } = scene(({ method }) =>
      method === "GET" ? stream(answer, changed) : stream("id: e1\nretry: 1\ndata:\n\n"),
    );
    expect(await (await send(call(1), headers)).text()).toBe("id: e1\nretry: 1\ndata:\n\n");
    expect(await types()).toEqual(["TOOL_CALL_PROPOSED", "TOOL_CALL_ALLOWED"]);
    const resume = { headers: { ...headers, "Last-Event-ID": "e1" } };
    for (const _ of [1, 2]) {
      expect(await (await fetch(url, resume)).text()).toBe(answer);
    }
    expect((await types()).filter((type) => type === "TOOL_RESULT")).toHaveLength(1);
  });

  test("do not give an answer to the holder of another handle", async () => {
    const answer = event(result(1, content), "e2");
    const { send, url } = scene(({ method }) =>
      method === "GET" ? stream(answer) : stream("id: e1\ndata:\n\n"),
    );
    await (await send(call(1), headers)).text();
    const other = { headers: { ...inSession("m2"), "Last-Event-ID": "e1" } };
    expect(await (await fetch(url, other)).text()).toBe("");
  });

  test("are told on the resumed stream when a call took too long", async () => {
    const fast = { tools: ["echo"], budgets: { ...budgets, timeout_ms: 300 } };
    const open = new AbortController();
    const { send, url, seen, types } = scene(({ method }, body) => {
      if (method === "GET") {
        const silent = new ReadableStream({
          start(controller) {
            controller.enqueue(new TextEncoder().encode(": open\n\n"));
          },
        });
        return new Response(silent, { headers: { "Content-Type": "text/event-stream" } });
      }
      if (body.method === "tools/call") return stream("id: e1\ndata:\n\n");
      return new Response(null, { status: 202 });
    }, fast);
    await (await send(call(1), headers)).text();
    const init = { headers: { ...headers, "Last-Event-ID": "e1" }, signal: open.signal };
    const resumed = await fetch(url, init);
    let text = "";
    for await (const piece of resumed.body ?? []) {
      text += new TextDecoder().decode(piece);
      if (text.includes("TIMEOUT")) break;
    }
    open.abort();
    expect(text).toContain("no answer within 300 ms");
    expect((await types()).at(-1)).toBe("ERROR_RAISED");
    while (!seen.some((one) => one.text.includes("notifications/cancelled"))) await Bun.sleep(5);
  });

  test("end on both sides, and calls with them", async () => {
    const { send, url, types, seen } = scene(({ method }) =>
      method === "DELETE" ? new Response(null, { status: 204 }) : new Promise<Response>(() => {}),
    );
    const waiting = send(call(1), headers);
    while (seen.length === 0) await Bun.sleep(5);
    expect((await fetch(url, { method: "DELETE", headers })).status).toBe(204);
    while (!(await types()).includes("ERROR_RAISED")) await Bun.sleep(5);
    expect(await (await waiting).text()).toContain("the caller ended its session");
  });
});

describe("strangers", () => {
  for (const [name, headers] of [
    ["a name that was made to point here", { Host: "evil.example" }],
    ["a name that only begins like ours", { Host: "localhost.evil.example" }],
    ["another port of ours", { Host: "127.0.0.1:1" }],
    ["a page of another origin", { Origin: "http://evil.example" }],
    ["a page of no origin", { Origin: "null" }],
    ["a page of another port", { Origin: "http://localhost:1" }],
  ] as const) {
    test(`with ${name} are not answered`, async () => {
      const { send, seen } = scene(echoes);
      expect((await send(request(1), headers)).status).toBe(403);
      expect((await send(request(1))).status).toBe(200);
      expect(seen).toHaveLength(1);
    });
  }

  test("are told apart from our own where keys are needed as well", async () => {
    const key = { hash: sha256("a-key"), role: "agent", tenant: "acme", name: "bot" } as const;
    const { send, seen } = scene(echoes, undefined, undefined, [key]);
    const known = { Authorization: "Bearer a-key" };
    const pages = { Host: "evil.example", Origin: "null", "Sec-Fetch-Site": "cross-site" };
    for (const [name, value] of Object.entries(pages)) {
      expect((await send(request(1), { ...known, [name]: value })).status).toBe(403);
    }
    expect(seen).toHaveLength(0);
    // Through a port that somebody maps to ours.
    expect((await send(request(1), { ...known, Host: "127.0.0.1:1" })).status).toBe(200);
  });

  test("that may only look on call nothing, whatever they ask for", async () => {
    const roles = ["agent", "approver", "admin", "monitor"] as const;
    const keys = roles.map((role) => {
      return { hash: sha256(role), role, tenant: "acme", name: role } as const;
    });
    const { send, url, seen } = scene(echoes, undefined, undefined, keys);
    for (const role of ["agent", "approver", "admin"]) {
      expect((await send(call(1), { "X-API-Key": role })).status).toBe(200);
    }
    const before = seen.length;
    const headers = { "X-API-Key": "monitor", ...inSession("m1") };
    for (const message of [request(0, "initialize"), call(1), { ...request(2), id: undefined }]) {
      const answer = await send(message, headers);
      expect([answer.status, await answer.text()]).toEqual([
        403,
        expect.stringContaining("this key's is monitor"),
      ]);
    }
    for (const method of ["GET", "DELETE"]) {
      expect((await fetch(url, { method, headers })).status).toBe(403);
    }
    expect(seen).toHaveLength(before);
  });

  test("with anything but a message of JSON are told what is wrong", async () => {
    const { send, url, seen } = scene(echoes);
    const type = (value: string) => ({ "Content-Type": value });
    expect((await send(request(1), type("text/plain"))).status).toBe(415);
    expect((await send("{", {})).status).toBe(400);
    expect((await send('{"jsonrpc":"2.0","id":1,"id":2,"method":"a"}')).status).toBe(400);
    expect((await send(`"${"x".repeat(5 << 20)}"`)).status).toBe(413);
    expect((await fetch(url, { method: "PUT" })).status).toBe(405);
    expect((await fetch(url.replace("/mcp", "/other"))).status).toBe(404);
    expect((await fetch(url.replace("/mcp", "/healthz"))).status).toBe(200);
    expect(seen).toEqual([]);
  });
});
