// Messages are UTF-8, whatever a header says of them: who decodes them by another charset reads
// something else than was decided about and recorded.

import { afterEach, expect, test } from "bun:test";
import { call, request, result } from "../../support/mcp-gate.ts";
import { content, endHttpScenes, event, httpScene, json } from "../../support/mcp-http.ts";

afterEach(endHttpScenes);

const types = ["application/json", "application/json; charset=utf-7", "APPLICATION/json;x=y"];
test.each(types)("a server is told of no charset: %s", async (type) => {
  const { send, seen } = httpScene((_, { id }) => json(result(id, content)));
  const note = { jsonrpc: "2.0", method: "notifications/x" };
  for (const message of [call(1), request(2), note]) {
    expect((await send(message, { "Content-Type": type })).status).toBe(200);
  }
  const told = seen.map(({ headers }) => headers.get("Content-Type"));
  expect(told).toEqual(Array(3).fill("application/json"));
});

test("nor is a client, of an answer and of a stream", async () => {
  const typed = (text: string, type: string) =>
    new Response(text, { headers: { "Content-Type": `${type}; charset=utf-7` } });
  const { send, url } = httpScene(({ method }, { id }) => {
    if (method === "GET") return typed(": open\n\n", "text/event-stream");
    const answer = result(id, content);
    if (id === 1) return typed(JSON.stringify(answer), "application/json");
    return typed(event(answer), "text/event-stream");
  });
  const told = [await send(call(1)), await send(call(2)), await fetch(url)].map(({ headers }) =>
    headers.get("Content-Type"),
  );
  expect(told).toEqual(["application/json", "text/event-stream", "text/event-stream"]);
});
