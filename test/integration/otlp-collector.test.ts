// What OpenTelemetry's own collector understands of what it is sent: names, ids, kinds, times and
// attributes, as it prints them.

import { expect } from "bun:test";
import { writeFileSync } from "node:fs";
import { testWith } from "../support/features.ts";
import { freePort } from "../support/free-port.ts";
import { waitFor } from "../support/harness.ts";
import { linkedPrograms } from "../support/served.ts";
import { tempDir } from "../support/temp.ts";

const trace = "4bf92f3577b34da6a3ce929d0e0e4736";
const parent = "00f067aa0ba902b7";

interface Collector {
  readonly endpoint: string;
  /** Everything it printed so far. */
  printed(): string;
  stop(): Promise<void>;
}

async function startCollector(): Promise<Collector> {
  const port = freePort();
  const config = `${tempDir("collector")}/config.yaml`;
  const pipeline = "{receivers: [otlp], exporters: [debug]}";
  writeFileSync(
    config,
    `receivers: {otlp: {protocols: {http: {endpoint: "127.0.0.1:${port}"}}}}
exporters: {debug: {verbosity: detailed}}
service: {pipelines: {traces: ${pipeline}}, telemetry: {metrics: {level: none}}}
`,
  );
  const child = Bun.spawn(["otelcol", "--config", config], {
    env: { PATH: process.env.PATH ?? "", HOME: tempDir("home") },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let printed = "";
  const collect = async (): Promise<void> => {
    const decoder = new TextDecoder();
    for await (const piece of child.stderr) printed += decoder.decode(piece, { stream: true });
  };
  const collected = collect();
  await waitFor("the collector", () => {
    if (child.exitCode !== null) throw new Error(`it did not start: ${printed}`);
    return printed.includes("Everything is ready");
  });
  return {
    endpoint: `http://127.0.0.1:${port}`,
    printed: () => printed,
    async stop() {
      child.kill("SIGTERM");
      await child.exited;
      await collected;
    },
  };
}

testWith(["tool otelcol"], "a collector understands every span that it is sent", async () => {
  const collector = await startCollector();
  try {
    const linked = linkedPrograms({
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint,
      OTEL_SERVICE_NAME: "mine",
    });
    const server = await linked.start("aegisd", "--dsn", ":memory:", "--addr", ":0");
    const url = `http://${server.greeting.trim().split(" ").at(-1)}/v1/events`;
    const event = {
      ...{ tenant_id: "acme", session_id: "s", event_type: "TOOL_CALL_PROPOSED" },
      payload: { tool_name: "read_file", call_id: "c1", args: {} },
    };
    const headers = { traceparent: `00-${trace}-${parent}-01`, tracestate: "vendor=1" };
    const model = { model_id: "m-1", provider: "p", prompt_tokens: 12 };
    const bodies = [event, { ...event, event_type: "MODEL_CALL_STARTED", payload: model }, {}];
    for (const body of bodies) {
      await fetch(url, { method: "POST", body: JSON.stringify(body), headers });
    }
    expect(await server.stop()).toBe(0);
    expect(server.said()).not.toContain("trace");
    await waitFor("the spans", () => (collector.printed().match(/^Span #/gm) ?? []).length === 3);
  } finally {
    await collector.stop();
  }
  const [resource = "", ...spans] = collector.printed().split(/^Span #\d+\n/m);
  expect(resource).toContain("-> service.name: Str(mine)");
  expect(resource).toContain("InstrumentationScope aegis ");
  const [call = "", chat = "", refused = ""] = spans;
  for (const span of spans) {
    expect(span).toMatch(new RegExp(`Trace ID\\s+: ${trace}\\n`));
    expect(span).toMatch(new RegExp(`Parent ID\\s+: ${parent}\\n`));
    expect(span).toMatch(/Start time\s+: 20\d\d-/);
  }
  expect(call).toMatch(/ID\s+: [0-9a-f]{16}\n/);
  expect(call).toMatch(/TraceState\s+: vendor=1\n/);
  expect(call).toMatch(/Name\s+: execute_tool read_file\n\s+Kind\s+: Server\n/);
  expect(call).toContain("-> gen_ai.tool.name: Str(read_file)");
  expect(call).toContain("-> http.response.status_code: Int(201)");
  expect(chat).toContain("-> gen_ai.usage.input_tokens: Int(12)");
  expect(refused).toMatch(/Status code\s+: Error\n/);
});
