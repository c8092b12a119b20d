// Several messages in one body, over HTTP.

import { afterEach, describe, expect, test } from "bun:test";
import { call, request, result } from "../../../support/mcp-gate.ts";
import { echoes, endHttpScenes, httpScene } from "../../../support/mcp-http.ts";

afterEach(endHttpScenes);

describe("batches", () => {
  test("are taken apart, and every request is answered", async () => {
    const { send, seen } = httpScene(echoes);
    const note = { jsonrpc: "2.0", method: "notifications/x" };
    const answer = await send([request(1), call(2), call(3, "other"), note]);
    const events = (await answer.text()).split("\n\n").filter((text) => text !== "");
    const ids = events.map((text) => JSON.parse(text.replace(/^event: message\ndata: /, "")).id);
    expect(ids.sort()).toEqual([1, 2, 3]);
    expect(seen).toHaveLength(3);
  });

  test("are answered in whole events, however their answers are spelled", async () => {
    const answered = (id: number) => result(id, { content: [] });
    const { send } = httpScene((_, { id }) => {
      const text = JSON.stringify(answered(id), undefined, 2).replace("\n", "\r");
      return new Response(text, { headers: { "Content-Type": "application/json" } });
    });
    const answer = await send([request(1), call(2)]);
    const events = (await answer.text()).split("\n\n").filter((text) => text !== "");
    const said = events.map((text) => JSON.parse(/^data: (.*)$/m.exec(text)?.[1] ?? ""));
    expect(said.sort((a, b) => a.id - b.id)).toEqual([answered(1), answered(2)]);
  });
});
