// Whose a session of the protocol is: a handle opens what it was given for, to whom it was given.

import { afterEach, expect, test } from "bun:test";
import { sha256 } from "../../../../src/base/hash.ts";
import { createSessionHandles } from "../../../../src/mcp/http/handles.ts";
import { call, request, result } from "../../../support/mcp-gate.ts";
import {
  content,
  endHttpScenes,
  event,
  httpScene,
  json,
  stream,
} from "../../../support/mcp-http.ts";

afterEach(endHttpScenes);

test("a handle opens for its holder alone, and only as it was given", () => {
  const { seal, open } = createSessionHandles(new Uint8Array(32));
  const handle = seal("s.1", "ann");
  expect(open(handle, "ann")).toBe("s.1");
  expect(handle).toMatch(/^[\x21-\x7e]+$/);
  const [first = "", ...rest] = handle;
  const forged = ["", "s.1", "s.1.", handle.slice(2), `${handle}0`, `${first}x${rest.join("")}`];
  for (const other of [...forged, seal("s.2", "ann"), seal("s.1", "bob")]) {
    expect(open(other, "ann")).not.toBe("s.1");
  }
  for (const other of forged) expect(open(other, "ann")).toBeUndefined();
  expect(createSessionHandles(new Uint8Array(32).fill(1)).open(handle, "ann")).toBeUndefined();
});

const keys = (["ann", "bob"] as const).map((name) => {
  return { hash: sha256(name), role: "agent", tenant: "acme", name } as const;
});
const by = (name: string) => ({ Authorization: `Bearer ${name}` });

/** A server with one session, which it tells to who begins one. */
function oneSession() {
  return httpScene(
    (asked, { id, method }) => {
      if (asked.method === "GET") return stream(event(result(7, content), "e1"));
      if (asked.method === "DELETE") return new Response(null, { status: 204 });
      const headers = { "Mcp-Session-Id": "s1" };
      return Response.json(result(id, content), method === "initialize" ? { headers } : {});
    },
    undefined,
    undefined,
    keys,
  );
}

test("a session is nothing to who has another key, whatever he asks of it", async () => {
  const { send, url, seen } = oneSession();
  const begun = await send(request(0, "initialize"), by("ann"));
  const handle = begun.headers.get("Mcp-Session-Id") ?? "";
  const ask = async (name: string) => {
    const headers = { ...by(name), "Mcp-Session-Id": handle };
    const answers = [await send(request(1, "tools/list"), headers)];
    for (const method of ["GET", "DELETE"]) answers.push(await fetch(url, { method, headers }));
    return answers.map(({ status }) => status);
  };
  const before = seen.length;
  expect(await ask("bob")).toEqual([404, 404, 404]);
  expect(seen).toHaveLength(before);
  expect(await ask("ann")).toEqual([200, 200, 204]);
  const known = seen.slice(before).map(({ headers }) => headers.get("Mcp-Session-Id"));
  expect(known).toEqual(["s1", "s1", "s1"]);
});

test("a session that no server gave is none", async () => {
  const { send, seen } = httpScene((_, { id }) => json(result(id, content)));
  for (const made of ["m1", `m1.${"0".repeat(64)}`]) {
    expect((await send(call(1), { "Mcp-Session-Id": made })).status).toBe(404);
  }
  expect(seen).toEqual([]);
});

test("since 2026-07-28 there are none, whatever a header says", async () => {
  const version = "2026-07-28";
  const _meta = { "io.modelcontextprotocol/protocolVersion": version };
  const { send, seen } = httpScene((_, { id }) => {
    const headers = { "Mcp-Session-Id": "s1" };
    return Response.json(result(id, content), { headers });
  });
  const alone = { "MCP-Protocol-Version": version, "Mcp-Method": "tools/list" };
  const asked = request(1, "tools/list", { _meta });
  const answer = await send(asked, { ...alone, "Mcp-Session-Id": "m1" });
  expect([answer.status, answer.headers.get("Mcp-Session-Id")]).toEqual([200, null]);
  expect(seen[0]?.headers.get("Mcp-Session-Id")).toBeNull();
});
