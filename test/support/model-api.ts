// A model behind the APIs of Anthropic and Google, on loopback, for agents as they are shipped: it
// asks for one shell command, and when it has been told what came of it, it says that it is done.

export interface ModelApi {
  readonly port: number;
  /** What agents told of the command, as they sent it. */
  readonly results: readonly string[];
  /** The key of each request about messages. */
  readonly keys: readonly string[];
}

export const lastWords = "That is all.";

/** Until the process ends. */
export function serveModel(command: string): ModelApi {
  const results: string[] = [];
  const keys: string[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      const { pathname } = new URL(request.url);
      const isGoogle = pathname.endsWith(":streamGenerateContent");
      if (request.method !== "POST" || !(isGoogle || pathname === "/v1/messages")) {
        return Response.json({ error: { message: "there is none" } }, { status: 404 });
      }
      const { headers } = request;
      keys.push(headers.get("x-api-key") ?? headers.get("x-goog-api-key") ?? "");
      const body = (await request.json()) as Readonly<Record<string, readonly unknown[]>>;
      const last = JSON.stringify((isGoogle ? body.contents : body.messages)?.at(-1) ?? null);
      const isResult = last.includes(isGoogle ? '"functionResponse"' : '"tool_result"');
      if (isResult) results.push(last);
      const events = isGoogle ? googleEvents : anthropicEvents;
      return new Response(events(isResult ? undefined : command), {
        headers: { "Content-Type": "text/event-stream" },
      });
    },
  });
  server.unref();
  return { port: server.port ?? 0, results, keys };
}

function googleEvents(command: string | undefined): string {
  const call = { name: "run_shell_command", args: { command, description: "work" } };
  const part = command === undefined ? { text: lastWords } : { functionCall: call };
  const candidate = { content: { role: "model", parts: [part] }, finishReason: "STOP", index: 0 };
  return `data: ${JSON.stringify({ candidates: [candidate], usageMetadata: {} })}\r\n\r\n`;
}

function anthropicEvents(command: string | undefined): string {
  const usage = { input_tokens: 1, output_tokens: 1 };
  const message = { id: "msg_1", type: "message", role: "assistant", model: "m", content: [] };
  const input = JSON.stringify({ command, description: "work" });
  const block =
    command === undefined
      ? { type: "text", text: "" }
      : { type: "tool_use", id: "toolu_1", name: "Bash", input: {} };
  const delta =
    command === undefined
      ? { type: "text_delta", text: lastWords }
      : { type: "input_json_delta", partial_json: input };
  const stop_reason = command === undefined ? "end_turn" : "tool_use";
  const events = [
    { type: "message_start", message: { ...message, stop_reason: null, usage } },
    { type: "content_block_start", index: 0, content_block: block },
    { type: "content_block_delta", index: 0, delta },
    { type: "content_block_stop", index: 0 },
    { type: "message_delta", delta: { stop_reason, stop_sequence: null }, usage },
    { type: "message_stop" },
  ];
  return events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join("");
}
