// A client and a server that say anything in any order, with few ids between them: an answer passes
// where its request was sent on and nobody took it back, once, and no result passes unrecorded.
// AEGIS_MCP_CASES raises the number of conversations.

import { expect, test } from "bun:test";
import { createStdioProxy } from "../../src/mcp/stdio.ts";
import { call, gateScene, request, result, session } from "../support/mcp-gate.ts";

const conversations = Number(process.env.AEGIS_MCP_CASES ?? 200);
const stepsEach = 40;
const ids = [1, 2, 3, "1", "2"];
const plenty = 1_000_000_000;
const budgets = { max_steps: plenty, max_tool_calls: plenty, timeout_ms: 60_000 };
const tools = ["t0", "t1", "t2", "t3", "t4", "t5", "t6", "t7"];

/** Numbers that are the same in every run. */
function createRandom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

type Id = (typeof ids)[number];

function conversation(random: (below: number) => number) {
  const { gate, events } = gateScene({ tools, budgets });
  const [toClient, toServer] = [[] as string[], [] as string[]];
  const proxy = createStdioProxy({
    ...{ gate, session },
    say: () => {},
    write: (text) => void toClient.push(text),
    send: async (text) => void toServer.push(text),
  });
  const stream = (line: object) => new Response(`${JSON.stringify(line)}\n`).body as ReadableStream;
  /** Sent on and not answered, by what was asked. */
  const open = new Map<Id, string>();
  const late = new Set<Id>();
  const passed: string[] = [];
  let count = 0;

  async function ask(id: Id): Promise<void> {
    const before = toServer.length;
    const line = random(2) === 0 ? request(id) : call(id, tools[count % 8], { n: count });
    await proxy.fromClient(stream(line));
    const isTaken = toServer.length > before;
    if (open.has(id) || late.has(id)) expect(isTaken).toBe(false);
    if (isTaken) open.set(id, line.method);
  }

  async function takeBack(requestId: Id): Promise<void> {
    const params = { requestId };
    const method = "notifications/cancelled";
    await proxy.fromClient(stream({ jsonrpc: "2.0", method, params }));
    if (open.delete(requestId)) late.add(requestId);
  }

  async function answer(id: Id): Promise<void> {
    const marker = `marker-${count}-`;
    const before = toClient.length;
    await proxy.fromServer(stream(result(id, { content: [{ type: "text", text: marker }] })));
    const isPassed = toClient.slice(before).some((text) => text.includes(marker));
    expect(isPassed).toBe(open.has(id));
    if (isPassed && open.get(id) === "tools/call") passed.push(marker);
    open.delete(id);
    late.delete(id);
  }

  return async (): Promise<number> => {
    for (; count < stepsEach; count++) {
      const id = ids[random(ids.length)] ?? 1;
      await [ask, ask, answer, answer, takeBack][random(5)]?.(id);
    }
    const recorded = (await events()).filter(({ type }) => type === "TOOL_RESULT");
    const text = JSON.stringify(recorded.map(({ payload }) => payload));
    for (const marker of passed) expect(text).toContain(marker);
    expect(recorded).toHaveLength(passed.length);
    return passed.length;
  };
}

test(
  `no answer goes astray in ${conversations} conversations`,
  async () => {
    const random = createRandom(11);
    let passed = 0;
    for (let at = 0; at < conversations; at++) passed += await conversation(random)();
    expect(passed).toBeGreaterThan(conversations);
    console.log(`${conversations} conversations, ${passed} results passed and were recorded`);
  },
  5000 + conversations * 20,
);
