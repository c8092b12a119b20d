// What others understand of the spans they are sent: OpenTelemetry's own collector where it is
// installed, and a receiver that reads them by OpenTelemetry's own definitions.

import { expect, test } from "bun:test";
import { existsSync, writeFileSync } from "node:fs";
import { testWith } from "../../support/features.ts";
import { freePort } from "../../support/free-port.ts";
import { repoRoot, waitFor } from "../../support/harness.ts";
import { testMs } from "../../support/patience.ts";
import { linkedPrograms } from "../../support/served.ts";
import { tempDir } from "../../support/temp.ts";

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

/** A tool call, a call of a model, and a request that is refused. */
async function sendSpans(endpoint: string): Promise<void> {
  const linked = linkedPrograms({
    OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
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
}

testWith(["tool otelcol"], "a collector understands every span that it is sent", async () => {
  const collector = await startCollector();
  try {
    await sendSpans(collector.endpoint);
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

/** Installed by `install.sh --test`. */
const python = `${repoRoot}/build/otlp/bin/python`;
const hasDefinitions = existsSync(python);
const why = hasDefinitions ? "" : " (skipped: opentelemetry-proto could not be installed)";

interface ReadSpan {
  readonly [name: string]: unknown;
  readonly start_ns: number;
  readonly end_ns: number;
}

test.skipIf(!hasDefinitions)(
  `OpenTelemetry's own definitions have every member of every span${why}`,
  async () => {
    const program = `${repoRoot}/test/fixtures/otlp-receiver.py`;
    const child = Bun.spawn([python, "-B", program], { stdio: ["ignore", "pipe", "inherit"] });
    const lines: string[] = [];
    const reading = (async () => {
      for await (const line of textLines(child.stdout)) lines.push(line);
    })();
    try {
      const endpoint = await waitFor("the receiver", () => lines[0] && JSON.parse(lines[0]));
      const wrong = { resourceSpans: [{ scopeSpans: [{ spans: [{ named: "x" }] }] }] };
      const headers = { "Content-Type": "application/json" };
      const body = JSON.stringify(wrong);
      const refused = await fetch(`${endpoint}/v1/traces`, { method: "POST", body, headers });
      expect([refused.status, await refused.text()]).toEqual([
        400,
        expect.stringContaining("named"),
      ]);
      await sendSpans(endpoint);
      await waitFor("the spans", () => lines.length === 4);
    } finally {
      child.kill("SIGKILL");
      await reading;
    }
    const spans = lines.slice(1).map((line) => JSON.parse(line) as ReadSpan);
    for (const { start_ns, end_ns } of spans) {
      expect(start_ns).toBeGreaterThan(1.7e18);
      expect(end_ns).toBeGreaterThanOrEqual(start_ns);
    }
    const common = {
      resource: expect.objectContaining({ "service.name": ["string_value", "mine"] }),
      scope: "aegis",
      trace_id: trace,
      parent_span_id: parent,
      span_id: expect.stringMatching(/^[0-9a-f]{16}$/),
      trace_state: "vendor=1",
      kind: "SPAN_KIND_SERVER",
    };
    expect(spans).toMatchObject([
      {
        ...{ ...common, name: "execute_tool read_file", status: "STATUS_CODE_UNSET" },
        attributes: {
          "gen_ai.tool.name": ["string_value", "read_file"],
          "http.response.status_code": ["int_value", 201],
        },
      },
      {
        ...{ ...common, status: "STATUS_CODE_UNSET" },
        attributes: { "gen_ai.usage.input_tokens": ["int_value", 12] },
      },
      { ...common, status: "STATUS_CODE_ERROR" },
    ]);
  },
  testMs,
);

async function* textLines(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const piece of stream) {
    const parts = `${rest}${decoder.decode(piece, { stream: true })}`.split("\n");
    rest = parts.pop() ?? "";
    yield* parts;
  }
}
