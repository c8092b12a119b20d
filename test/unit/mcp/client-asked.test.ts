// What servers ask of clients, in messages of their own and in their answers: decided about before
// the client hears of it, recorded before the server does.

import { describe, expect, test } from "bun:test";
import { createStdioProxy } from "../../../src/mcp/stdio.ts";
import { waitFor } from "../../support/harness.ts";
import { budgets, call, gateScene, request, result, session } from "../../support/mcp-gate.ts";

const sampling = "mcp.sampling.create";
const elicitation = "mcp.elicitation.create";
const prompt = {
  messages: [{ role: "user", content: { type: "text", text: "how many?" } }],
  maxTokens: 9,
};
const question = { message: "who?", requestedSchema: { type: "object", properties: {} } };
const ask = (id: number | string, params: object = question) =>
  request(id, "elicitation/create", params);
const sample = (id: number | string, params: object = prompt) =>
  request(id, "sampling/createMessage", params);
const said = {
  role: "assistant",
  content: { type: "text", text: "7" },
  model: "m",
  stopReason: "endTurn",
};

function scene(permissions: object, approvalWaitMs?: number) {
  const gate = gateScene({ budgets, ...permissions }, approvalWaitMs);
  const [toClient, toServer] = [[] as string[], [] as string[]];
  const proxy = createStdioProxy({
    ...{ gate: gate.gate, session, say: gate.say },
    write: (text) => void toClient.push(text),
    send: async (text) => void toServer.push(text),
  });
  const stream = (lines: readonly object[]) =>
    new Response(lines.map((line) => `${JSON.stringify(line)}\n`).join("")).body ??
    new ReadableStream();
  const payloads = async (type: string) =>
    (await gate.events()).filter((event) => event.type === type).map(({ payload }) => payload);
  return {
    ...{ ...gate, proxy, toClient, toServer, payloads },
    client: (...lines: readonly object[]) => proxy.fromClient(stream(lines)),
    server: (...lines: readonly object[]) => proxy.fromServer(stream(lines)),
    /** Of the messages that passed. */
    read: (texts: readonly string[]) => texts.map((text) => JSON.parse(text)),
  };
}

type Scene = ReturnType<typeof scene>;

async function asked({ server, toClient, toServer }: Scene, message: object): Promise<void> {
  const before = toClient.length + toServer.length;
  await server(message);
  await waitFor("its decision", () => toClient.length + toServer.length > before);
}

describe("a request of the server", () => {
  test.each([
    ["a question", ask(5), elicitation, ["TOOL_CALL_PROPOSED", "TOOL_CALL_ALLOWED"]],
    [
      "sampling",
      sample(5),
      sampling,
      ["TOOL_CALL_PROPOSED", "MODEL_CALL_STARTED", "TOOL_CALL_ALLOWED"],
    ],
  ] as const)("passes where the manifest names it: %s", async (_, message, name, types) => {
    const one = scene({ tools: [name] });
    await asked(one, message);
    expect(one.toClient).toEqual([JSON.stringify(message)]);
    expect(await one.types()).toEqual([...types]);
    expect((await one.payloads("TOOL_CALL_PROPOSED"))[0]).toMatchObject({
      tool_name: name,
      args: message.params,
    });
    const answer = result(5, name === sampling ? said : { action: "accept", content: {} });
    await one.client(answer);
    expect(one.toServer).toEqual([JSON.stringify(answer)]);
    expect((await one.payloads("TOOL_RESULT"))[0]).toMatchObject({
      tool_name: name,
      result: answer.result,
    });
    const ended = name === sampling ? [{ model_id: "m", finish_reason: "endTurn" }] : [];
    expect(await one.payloads("MODEL_CALL_FINISHED")).toMatchObject(ended);
  });

  test.each([
    ["a question", ask(5), elicitation, [sampling]],
    ["sampling", sample(5), sampling, [elicitation]],
  ])("is answered for the client where it does not: %s", async (_, message, name, tools) => {
    const one = scene({ tools });
    await asked(one, message);
    expect(one.toClient).toEqual([]);
    expect(one.read(one.toServer)).toMatchObject([
      {
        id: 5,
        error: { code: -32000, data: { reason: "PERMISSION_UNDECLARED", tool: name } },
      },
    ]);
    expect(await one.types()).toEqual(["TOOL_CALL_PROPOSED", "TOOL_CALL_DENIED"]);
    expect(one.said.join()).toContain("of the server was refused");
    await one.client(result(5, { action: "accept" }));
    expect(one.toServer).toHaveLength(1);
  });

  test("passes by default with a manifest of tools alone, and does not taint", async () => {
    const one = scene({ tools: ["echo", "write_file"] });
    await asked(one, ask(5));
    await asked(one, sample(6));
    await one.client(result(5, { action: "decline" }), result(6, said));
    expect(await one.payloads("TOOL_CALL_ALLOWED")).toMatchObject([
      { policy_ref: "default" },
      { policy_ref: "default" },
    ]);
    await one.client(call(1, "write_file"));
    expect(one.toServer).toHaveLength(3);
    await one.server(result(1, { content: [] }));
    await one.client(call(2, "write_file", { other: 1 }));
    expect(one.read(one.toClient).at(-1)).toMatchObject({
      error: { data: { reason: "TAINTED_TO_HIGH_RISK" } },
    });
  });

  test("roots and pings pass undecided, and so do their answers", async () => {
    const one = scene({ tools: [sampling] });
    await one.server(request(1, "roots/list"), request(2, "ping"));
    expect(one.toClient).toHaveLength(2);
    await one.client(result(1, { roots: [] }), result(2));
    expect(one.toServer).toHaveLength(2);
    expect(await one.types()).toEqual([]);
  });

  test("sampling uses up the budget of model calls, also when two come at once", async () => {
    const limits = { ...budgets, max_model_calls: 2 };
    const one = scene({ tools: [sampling, elicitation], budgets: limits });
    await asked(one, sample(1));
    await one.client(result(1, said));
    await one.server(sample(2), sample(3));
    await waitFor("both decisions", () => one.toClient.length + one.toServer.length >= 4);
    // Neither takes what the other one may have had.
    expect(one.toClient.length).toBeLessThanOrEqual(2);
    expect(one.read(one.toServer).at(-1)).toMatchObject({
      error: {
        data: { reason: "BUDGET_EXCEEDED" },
        message: expect.stringContaining("of 2 model calls"),
      },
    });
  });

  test("an answer above the limit is no answer, and passes once", async () => {
    const one = scene({ tools: [elicitation] });
    await asked(one, ask(5));
    await one.client(result(5, { action: "accept", content: { name: "x".repeat(2000) } }));
    expect(one.read(one.toServer)).toMatchObject([
      { id: 5, error: { data: { reason: "OUTPUT_TOO_LARGE" } } },
    ]);
    await asked(one, ask(6));
    await one.client(result(6, { action: "accept" }), result(6, { action: "decline" }));
    expect(one.read(one.toServer).slice(1)).toEqual([result(6, { action: "accept" })]);
  });

  test("waits for a person where the manifest wants one, and holds up nothing else", async () => {
    const permissions = { tools: ["echo", elicitation], approval_required: [elicitation] };
    const one = scene(permissions, 60_000);
    await one.client(call(1));
    await one.server(ask(5));
    await waitFor("the question to a person", () => one.said.length > 0);
    await one.server(result(1, { content: [] }));
    expect(one.toClient).toHaveLength(1);
    const cancelled = { method: "notifications/cancelled", params: { requestId: 5 } };
    await one.server({ jsonrpc: "2.0", ...cancelled });
    // The client never heard of it.
    expect(one.toClient).toHaveLength(1);
    expect(one.toServer).toHaveLength(1);
  });

  test("one that the server takes back is recorded as such, and told to the client", async () => {
    const one = scene({ tools: [elicitation] });
    await asked(one, ask(5));
    const cancelled = { method: "notifications/cancelled", params: { requestId: 5 } };
    await one.server({ jsonrpc: "2.0", ...cancelled });
    expect(one.toClient).toHaveLength(2);
    expect(await one.payloads("ERROR_RAISED")).toMatchObject([
      { tool_name: elicitation, code: "CANCELLED" },
    ]);
    await one.client(result(5, { action: "accept" }));
    expect(one.toServer).toEqual([]);
  });

  test("one id is not used for two of them, and none stays open when the proxy ends", async () => {
    const one = scene({ tools: [elicitation] });
    await asked(one, ask(5));
    await one.server(ask(5, { ...question, message: "and who else?" }));
    expect(one.toClient).toHaveLength(1);
    await one.proxy.end("over");
    expect(await one.payloads("ERROR_RAISED")).toMatchObject([{ code: "UPSTREAM_FAILED" }]);
  });

  test("the result of a task that a client runs for a server is recorded", async () => {
    const one = scene({ tools: [sampling] });
    await one.server(request(9, "tasks/result", { taskId: "t" }));
    await one.client(result(9, said));
    expect(await one.payloads("TOOL_RESULT")).toMatchObject([{ call_id: "t", result: said }]);
  });
});

const inputs = (inputRequests: object, more: object = {}) => ({
  resultType: "input_required",
  inputRequests,
  requestState: "s",
  ...more,
});
const inner = (method: string, params: object) => ({ method, params });

describe("a question in an answer", () => {
  const again = (id: number, inputResponses: object, requestState = "s") =>
    request(id, "tools/call", {
      ...{ name: "echo", arguments: { n: 1 }, inputResponses, requestState },
    });

  test("passes where the manifest names it, and its answer is recorded first", async () => {
    const one = scene({ tools: ["echo", elicitation, sampling] });
    await one.client(call(1));
    const questions = {
      who: inner("elicitation/create", question),
      model: inner("sampling/createMessage", prompt),
      where: inner("roots/list", {}),
    };
    await one.server(result(1, inputs(questions)));
    await waitFor("its decision", () => one.toClient.length > 0);
    expect(one.read(one.toClient)).toEqual([result(1, inputs(questions))]);
    const answers = { who: { action: "accept", content: { name: "Ada" } }, model: said };
    await one.client(again(2, answers));
    expect(one.toServer).toHaveLength(2);
    const results = await one.payloads("TOOL_RESULT");
    expect(results).toMatchObject([
      { tool_name: "echo" },
      { tool_name: elicitation, result: answers.who },
      { tool_name: sampling, result: said },
    ]);
    expect(await one.payloads("MODEL_CALL_STARTED")).toHaveLength(1);
    expect(await one.payloads("MODEL_CALL_FINISHED")).toHaveLength(1);
    // It goes on with the same call.
    expect(await one.payloads("TOOL_CALL_PROPOSED")).toHaveLength(3);
  });

  test.each([
    ["one that is not named", { who: inner("elicitation/create", question) }],
    [
      "one of two",
      {
        model: inner("sampling/createMessage", prompt),
        who: inner("elicitation/create", question),
      },
    ],
    ["no request", { who: { params: question } }],
    ["no object", ["elicitation/create"]],
    [
      "too many",
      Object.fromEntries(Array.from({ length: 33 }, (_, at) => [at, inner("roots/list", {})])),
    ],
  ])("keeps the answer back where it is refused: %s", async (_, questions) => {
    const one = scene({ tools: ["echo", sampling] });
    await one.client(call(1));
    await one.server(result(1, inputs(questions)));
    await waitFor("its decision", () => one.toClient.length > 0);
    expect(one.read(one.toClient)).toMatchObject([{ id: 1, error: { code: -32000 } }]);
  });

  test("is decided about in the answer to any request, whatever its result says it is", async () => {
    const one = scene({ tools: ["echo", sampling] });
    await one.client(request(1, "tools/list"));
    const asking = { inputRequests: { who: inner("elicitation/create", question) } };
    await one.server(result(1, { tools: [], ...asking }));
    await waitFor("its decision", () => one.toClient.length > 0);
    expect(one.read(one.toClient)).toMatchObject([
      { error: { data: { reason: "PERMISSION_UNDECLARED", tool: elicitation } } },
    ]);
    await one.client(request(2, "tools/list"));
    await one.server(result(2, { tools: [] }));
    expect(one.read(one.toClient)[1]).toEqual(result(2, { tools: [] }));
  });

  test("an answer to it that is too large is not sent on", async () => {
    const one = scene({ tools: ["echo", elicitation] });
    await one.client(call(1));
    await one.server(result(1, inputs({ who: inner("elicitation/create", question) })));
    await waitFor("its decision", () => one.toClient.length > 0);
    await one.client(again(2, { who: { action: "accept", content: { name: "x".repeat(2000) } } }));
    expect(one.toServer).toHaveLength(1);
    expect(one.read(one.toClient)[1]).toMatchObject({
      error: { data: { reason: "OUTPUT_TOO_LARGE", tool: elicitation } },
    });
  });

  test.each([
    [[elicitation], true],
    [[sampling], false],
  ] as const)("pages that an error wants opened, with %p: %p", async (names, passes) => {
    const one = scene({ tools: ["echo", ...names] });
    await one.client(call(1));
    const elicitations = [
      { mode: "url", url: "https://a.example", elicitationId: "e", message: "m" },
    ];
    const error = { code: -32042, message: "open it", data: { elicitations } };
    await one.server({ jsonrpc: "2.0", id: 1, error });
    await waitFor("its decision", () => one.toClient.length > 0);
    const [got] = one.read(one.toClient);
    if (passes) expect(got).toEqual({ jsonrpc: "2.0", id: 1, error });
    else expect(got).toMatchObject({ error: { code: -32000, data: { tool: elicitation } } });
  });
});
