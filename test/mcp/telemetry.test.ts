// Spans of MCP calls: part of the caller's trace, with the server's work as a part of them.

import { expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import {
  budgets,
  connectHttp,
  connectStdio,
  type McpPlace,
  mcpPlace,
  proxyArgs,
  startFront,
} from "../support/mcp.ts";
import { testMs } from "../support/patience.ts";

/** Each starts several programs. */
setDefaultTimeout(testMs);

const trace = "0af7651916cd43dd8448eb211c80319c";
const parent = "b7ad6b7169203331";
const sent = { traceparent: `00-${trace}-${parent}-01`, tracestate: "who=me" };
const permissions = { tools: ["meta", "broken"], budgets };
const asks = { name: "meta", arguments: { text: "password=hunter2" } };

interface Span {
  readonly trace_id: string;
  readonly span_id: string;
  readonly parent_span_id: string;
  readonly name: string;
  readonly kind: string;
  readonly status?: unknown;
  readonly attributes: Readonly<Record<string, unknown>>;
}

/** Once the proxy has ended. */
function spans(path: string): readonly Span[] {
  const lines = readFileSync(path, "utf8").trimEnd().split("\n");
  return lines.map((line) => JSON.parse(line) as Span);
}

/** What the server got of the call's `_meta`. */
function metaIn(result: unknown): Record<string, string> {
  const { content } = result as { content: { text: string }[] };
  return JSON.parse(content[0]?.text ?? "") as Record<string, string>;
}

function placeOf(): { place: McpPlace; path: string } {
  const place = mcpPlace(permissions);
  return { place, path: join(place.folder, "traces.ndjson") };
}

test("a call is a part of its caller's trace, and the server's work is a part of the call", async () => {
  const { place, path } = placeOf();
  let got: Record<string, string> = {};
  {
    await using proxy = await connectStdio(place, ["--telemetry-path", path]);
    got = metaIn(await proxy.client.callTool({ ...asks, _meta: { ...sent, own: "kept" } }));
    await proxy.client.callTool({ name: "undeclared", arguments: {} }).catch(() => undefined);
    await proxy.client.callTool({ name: "broken", arguments: {} });
    await proxy.client.readResource({ uri: "test://note" });
  }
  const all = spans(path);
  expect(readFileSync(path, "utf8")).not.toContain("hunter2");
  const named = (name: string) => all.filter((one) => one.name === name);
  const [call] = named("execute_tool meta");
  expect(call).toMatchObject({
    ...{ trace_id: trace, parent_span_id: parent, kind: "server" },
    attributes: {
      ...{ "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "meta" },
      ...{ "mcp.method.name": "tools/call", "aegis.policy.outcome": "allow" },
    },
  });
  expect(named("decide meta")).toMatchObject([
    { trace_id: trace, parent_span_id: call?.span_id, kind: "internal" },
  ]);
  expect(got).toMatchObject({
    ...{ traceparent: `00-${trace}-${call?.span_id}-01`, tracestate: "who=me", own: "kept" },
  });
  expect(named("execute_tool undeclared")).toMatchObject([
    {
      attributes: {
        ...{ "aegis.policy.outcome": "deny", "aegis.policy.reason": "PERMISSION_UNDECLARED" },
        "error.type": "denied",
      },
    },
  ]);
  expect(named("execute_tool broken")).toMatchObject([
    { attributes: { "error.type": "tool_error" } },
  ]);
  expect(named("resources/read")).toHaveLength(1);
});

test("over HTTP a header says it as well, and what is no trace counts as none", async () => {
  const { place, path } = placeOf();
  const front = await startFront(place, undefined, proxyArgs(place, "--telemetry-path", path));
  try {
    const client = await connectHttp(front.url, { traceparent: sent.traceparent });
    expect(metaIn(await client.callTool(asks)).traceparent).toStartWith(`00-${trace}-`);
    const _meta = { traceparent: "00-none-of-it-01" };
    const other = metaIn(await client.callTool({ ...asks, arguments: { text: "b" }, _meta }));
    expect(other.traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
    expect(other.traceparent).not.toContain(trace);
    await client.close();
  } finally {
    await front.stop();
  }
  expect(spans(path).filter(({ name }) => name === "execute_tool meta")).toHaveLength(2);
});

test("without a place for them there are none, and messages pass as they are", async () => {
  const { place } = placeOf();
  {
    await using proxy = await connectStdio(place);
    expect(metaIn(await proxy.client.callTool({ ...asks, _meta: sent }))).toEqual(sent);
    expect(metaIn(await proxy.client.callTool({ ...asks, arguments: {} }))).toEqual({});
  }
  expect(existsSync(join(place.env.HOME ?? "", ".aegis/traces.ndjson"))).toBe(false);
});

test("variables that are meant for others keep no server from starting", async () => {
  const { place } = placeOf();
  const env = {
    ...place.env,
    OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:4317",
    OTEL_EXPORTER_OTLP_PROTOCOL: "grpc",
  };
  await using proxy = await connectStdio({ ...place, env });
  expect(metaIn(await proxy.client.callTool(asks))).toEqual({});
  expect(proxy.said()).toContain(
    'no traces are sent: OTEL_EXPORTER_OTLP_PROTOCOL is "grpc", which is not spoken',
  );
});
