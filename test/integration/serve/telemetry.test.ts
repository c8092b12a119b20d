// Traces of the built binary: in its file, and as a collector is sent them over OTLP/HTTP.

import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { freePort } from "../../support/free-port.ts";
import { conditionMs } from "../../support/patience.ts";
import { linkedPrograms } from "../../support/served.ts";
import { tempDir } from "../../support/temp.ts";

const trace = "4bf92f3577b34da6a3ce929d0e0e4736";
const parent = "00f067aa0ba902b7";
const traceparent = `00-${trace}-${parent}-01`;

interface Line {
  readonly name: string;
  readonly trace_id: string;
  readonly span_id: string;
  readonly parent_span_id?: string;
  readonly session_id?: string;
  readonly event_type?: string;
  readonly seq?: number;
  readonly duration_ms: number;
  readonly status?: string;
  readonly attrs?: object;
  readonly attributes: Readonly<Record<string, unknown>>;
}

type Post = (path: string, body: object, headers?: Record<string, string>) => Promise<Response>;

const event = (session: string, args: object = {}, type = "TOOL_CALL_PROPOSED") => ({
  tenant_id: "acme",
  session_id: session,
  event_type: type,
  payload: { tool_name: "read_file", call_id: "c1", args },
});

async function serving(
  environment: Readonly<Record<string, string>>,
  flags: readonly string[],
  work: (post: Post) => Promise<void>,
): Promise<string> {
  const linked = linkedPrograms(environment);
  const server = await linked.start("aegisd", "--dsn", ":memory:", "--addr", ":0", ...flags);
  const url = `http://${server.greeting.trim().split(" ").at(-1)}`;
  await work((path, body, headers = {}) =>
    fetch(url + path, { method: "POST", body: JSON.stringify(body), headers }),
  );
  expect(await server.stop()).toBe(0);
  return server.said();
}

function linesIn(path: string): readonly Line[] {
  const lines = readFileSync(path, "utf8").trimEnd().split("\n");
  return lines.map((line) => JSON.parse(line) as Line);
}

describe("the file", () => {
  test("has a span for each event and decision, by the names of OpenTelemetry", async () => {
    const path = `${tempDir("traces")}/traces.ndjson`;
    await serving({}, ["--telemetry-path", path], async (post) => {
      expect((await post("/v1/events", event("s"))).status).toBe(201);
      const call = event("s");
      const session = { tenant_id: "acme", session_id: "s" };
      const manifest = { permissions: { tools: ["read_file"] } };
      await post("/v1/policy/decide", { event: call, session, manifest });
      const model = { model_id: "m-1", provider: "p", prompt_tokens: 12 };
      const chat = { ...event("s", {}, "MODEL_CALL_STARTED"), payload: model };
      await post("/v1/events", chat, { traceparent });
      expect((await post("/v1/events", { tenant_id: "acme" })).status).toBe(400);
    });
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const [proposed, decided, model, refused, ...more] = linesIn(path);
    expect(more).toEqual([]);
    expect(proposed).toEqual({
      trace_id: expect.stringMatching(/^[0-9a-f]{32}$/),
      span_id: expect.stringMatching(/^[0-9a-f]{16}$/),
      name: "execute_tool read_file",
      kind: "server",
      session_id: "s",
      tenant_id: "acme",
      event_type: "TOOL_CALL_PROPOSED",
      seq: 0,
      ts_unix_ms: expect.any(Number),
      duration_ms: expect.any(Number),
      attrs: { tool_name: "read_file", call_id: "c1", args: {} },
      attributes: {
        "http.request.method": "POST",
        "http.route": "/v1/events",
        "http.response.status_code": 201,
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "read_file",
        "gen_ai.tool.call.id": "c1",
        "aegis.event.hash": expect.stringMatching(/^[0-9a-f]{64}$/),
      },
    } as Line);
    expect(decided).toMatchObject({
      name: "decide read_file",
      trace_id: proposed?.trace_id,
      session_id: "s",
      attributes: { "aegis.policy.outcome": "allow", "aegis.policy.reason": "OK" },
    });
    expect(model).toMatchObject({
      name: "chat m-1",
      trace_id: trace,
      parent_span_id: parent,
      attributes: {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "m-1",
        "gen_ai.provider.name": "p",
        "gen_ai.usage.input_tokens": 12,
      },
    });
    expect(refused).toMatchObject({
      status: "error",
      attributes: { "error.type": "member_missing", "http.response.status_code": 400 },
    });
  });

  test("holds no secret of a payload, however deep", async () => {
    const path = `${tempDir("traces")}/traces.ndjson`;
    const args = { list: [{ password: "hunter2" }, ["me@example.com"]], text: "token=abcdef123" };
    await serving({}, ["--telemetry-path", path], async (post) => {
      await post("/v1/events", event("s", args));
    });
    const [line] = linesIn(path);
    const safe = { list: [{ password: "[REDACTED]" }, ["[EMAIL]"]], text: "token=[REDACTED]" };
    expect(line?.attrs).toEqual({ tool_name: "read_file", call_id: "c1", args: safe });
  });

  test("is traces.ndjson among the user's own files where nothing was said", async () => {
    const home = tempDir("home");
    await serving({ HOME: home }, [], async (post) => {
      await post("/v1/events", event("s"));
      await post("/v1/events", event("s"));
    });
    expect(linesIn(`${home}/.aegis/traces.ndjson`).map(({ seq }) => seq)).toEqual([0, 1]);
  });

  test("is the one that aegis.yaml names", async () => {
    const folder = tempDir("yaml");
    writeFileSync(`${folder}/on.yaml`, `telemetry:\n  path: ${folder}/named.ndjson\n`);
    await serving({}, ["--config", `${folder}/on.yaml`], async (post) => {
      await post("/v1/events", event("s"));
    });
    expect(linesIn(`${folder}/named.ndjson`)).toHaveLength(1);
  });

  const offs: readonly (readonly [string, readonly string[], Record<string, string>])[] = [
    ["by flag", ["--telemetry-disabled"], {}],
    ["by OTEL_SDK_DISABLED", [], { OTEL_SDK_DISABLED: "true" }],
    ["by the file", ["--config", "off.yaml"], {}],
  ];
  test.each(offs)("is not there when telemetry is disabled %s", async (_, flags, environment) => {
    const home = tempDir("home");
    writeFileSync(`${home}/off.yaml`, "telemetry:\n  disabled: true\n  path: traces.ndjson\n");
    const named = flags.map((flag) => (flag === "off.yaml" ? `${home}/off.yaml` : flag));
    await serving({ HOME: home, ...environment }, named, async (post) => {
      expect((await post("/v1/events", event("s"))).status).toBe(201);
    });
    expect(existsSync(`${home}/.aegis/traces.ndjson`)).toBe(false);
    expect(existsSync(`${home}/traces.ndjson`)).toBe(false);
  });

  test("is there by flag though the file disables it", async () => {
    const home = tempDir("home");
    writeFileSync(`${home}/off.yaml`, "telemetry:\n  disabled: true\n");
    const flags = ["--config", `${home}/off.yaml`, "--telemetry-disabled=false"];
    await serving({ HOME: home }, flags, async (post) => {
      await post("/v1/events", event("s"));
    });
    expect(linesIn(`${home}/.aegis/traces.ndjson`)).toHaveLength(1);
  });

  test("is no link, and the server says so", async () => {
    const folder = tempDir("traces");
    symlinkSync("/dev/null", `${folder}/link`);
    const linked = linkedPrograms();
    const refused = await linked.run(
      "aegisd",
      "--addr",
      ":0",
      "--telemetry-path",
      `${folder}/link`,
    );
    expect([refused.exitCode, refused.stderr]).toEqual([
      1,
      expect.stringContaining("Cannot write"),
    ]);
  });
});

interface OtlpSpan {
  readonly traceId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly attributes: readonly { readonly key: string; readonly value: object }[];
}

interface OtlpBody {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly { key: string; value: object }[] };
    readonly scopeSpans: readonly { readonly spans: readonly OtlpSpan[] }[];
  }[];
}

describe("a collector", () => {
  async function collected(
    more: Readonly<Record<string, string>>,
    work: (post: Post) => Promise<void>,
  ): Promise<{ readonly bodies: readonly OtlpBody[]; readonly tokens: readonly string[] }> {
    const bodies: OtlpBody[] = [];
    const tokens: string[] = [];
    const home = tempDir("home");
    const collector = Bun.serve({
      port: 0,
      async fetch(request) {
        expect(new URL(request.url).pathname).toBe("/v1/traces");
        expect(request.headers.get("Content-Type")).toBe("application/json");
        tokens.push(request.headers.get("X-Token") ?? "");
        bodies.push((await request.json()) as OtlpBody);
        return Response.json({});
      },
    });
    const OTEL_EXPORTER_OTLP_ENDPOINT = `http://127.0.0.1:${collector.port}`;
    await serving({ HOME: home, OTEL_EXPORTER_OTLP_ENDPOINT, ...more }, [], work);
    await collector.stop(true);
    expect(existsSync(`${home}/.aegis/traces.ndjson`)).toBe(false);
    return { bodies, tokens };
  }

  const spansOf = (bodies: readonly OtlpBody[]): readonly OtlpSpan[] =>
    bodies.flatMap(({ resourceSpans }) =>
      resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans)),
    );
  const valueIn = (span: OtlpSpan | undefined, name: string): object | undefined =>
    span?.attributes.find(({ key }) => key === name)?.value;

  test("is sent what is left when the server stops, without any payload", async () => {
    const headers = { OTEL_EXPORTER_OTLP_HEADERS: "X-Token=abc", OTEL_SERVICE_NAME: "mine" };
    const { bodies, tokens } = await collected(headers, async (post) => {
      await post("/v1/events", event("s", { path: "/data" }), { traceparent });
      await post("/v1/events", event("me@example.com"));
    });
    const [first, second] = spansOf(bodies);
    expect(first).toMatchObject({ traceId: trace, parentSpanId: parent, kind: 2 });
    expect(valueIn(first, "gen_ai.tool.name")).toEqual({ stringValue: "read_file" });
    expect(valueIn(second, "gen_ai.conversation.id")).toEqual({ stringValue: "[EMAIL]" });
    expect(JSON.stringify(bodies)).not.toContain("/data");
    expect(tokens).toEqual(tokens.map(() => "abc"));
    const [resource] = bodies[0]?.resourceSpans ?? [];
    expect(resource?.resource.attributes).toContainEqual({
      key: "service.name",
      value: { stringValue: "mine" },
    });
  });

  test("is sent arguments, redacted, where that was asked for", async () => {
    const asked = { OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT: "true" };
    const { bodies } = await collected(asked, async (post) => {
      await post("/v1/events", event("s", { path: "/data", api_key: "k-1" }));
    });
    const [span] = spansOf(bodies);
    expect(valueIn(span, "gen_ai.tool.call.arguments")).toEqual({
      stringValue: '{"path":"/data","api_key":"[REDACTED]"}',
    });
  });

  test("is sent nothing of what its caller did not sample, and nothing when always off", async () => {
    const unsampled = { traceparent: `00-${trace}-${parent}-00` };
    const one = await collected({}, async (post) => {
      await post("/v1/events", event("s"), unsampled);
      await post("/v1/events", event("other"));
    });
    expect(spansOf(one.bodies)).toHaveLength(1);
    const off = await collected({ OTEL_TRACES_SAMPLER: "always_off" }, async (post) => {
      await post("/v1/events", event("s"));
    });
    expect(spansOf(off.bodies)).toEqual([]);
  });

  test("that is not there delays no answer and no end", async () => {
    const OTEL_EXPORTER_OTLP_ENDPOINT = `http://127.0.0.1:${freePort()}`;
    const started = performance.now();
    await serving({ OTEL_EXPORTER_OTLP_ENDPOINT }, [], async (post) => {
      expect((await post("/v1/events", event("s"))).status).toBe(201);
    });
    expect(performance.now() - started).toBeLessThan(conditionMs);
  });

  const head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
  test.each([
    ["refuses everything", "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"],
    ["speaks no HTTP", "\0\u0001\r\n\r\n"],
    ["says nothing", ""],
    ["never ends what it says", `${head}Content-Length: 1000000\r\n\r\n`],
  ])("that %s lets the server end as ever", async (_, answer) => {
    const dripping: Timer[] = [];
    const collector = Bun.listen({
      port: 0,
      hostname: "127.0.0.1",
      socket: {
        data(socket) {
          socket.write(answer);
          if (answer.startsWith(head)) dripping.push(setInterval(() => socket.write("x"), 100));
        },
      },
    });
    try {
      const OTEL_EXPORTER_OTLP_ENDPOINT = `http://127.0.0.1:${collector.port}`;
      const said = await serving({ OTEL_EXPORTER_OTLP_ENDPOINT }, [], async (post) => {
        expect((await post("/v1/events", event("s"))).status).toBe(201);
      });
      expect(said).not.toContain("fault");
    } finally {
      for (const timer of dripping) clearInterval(timer);
      collector.stop(true);
    }
  });

  test("with another protocol keeps the server from starting", async () => {
    const linked = linkedPrograms({
      OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:4317",
      OTEL_EXPORTER_OTLP_PROTOCOL: "grpc",
    });
    const refused = await linked.run("aegisd", "--dsn", ":memory:", "--addr", ":0");
    expect([refused.exitCode, refused.stderr]).toEqual([1, expect.stringContaining("grpc")]);
  });

  test.each(["collector:4318", "//collector:4318", "collector", "ftp://u:hidden@collector"])(
    "at %s, which is no address, keeps the server from starting",
    async (OTEL_EXPORTER_OTLP_TRACES_ENDPOINT) => {
      const linked = linkedPrograms({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT });
      const refused = await linked.run("aegisd", "--dsn", ":memory:", "--addr", ":0");
      expect(refused.exitCode).toBe(1);
      const why = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is no http or https address";
      expect(refused.stderr).toContain(`Cannot send traces: ${why}`);
      expect(refused.stderr).not.toContain("hidden");
    },
  );
});
