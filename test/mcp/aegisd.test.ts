// `aegisd` in front of an MCP server: the documented key, and the calls in its own ledger.

import { expect, setDefaultTimeout, test } from "bun:test";
import { cpSync } from "node:fs";
import { budgets, connectHttp, mcpPlace, startServerProgram } from "../support/mcp.ts";
import { testMs } from "../support/patience.ts";
import { readPrometheus } from "../support/prometheus.ts";
import { linkedPrograms } from "../support/served.ts";

setDefaultTimeout(testMs);

test("mcp_addr is where tool calls are decided about", async () => {
  const server = await startServerProgram("tools.ts", "http");
  const linked = linkedPrograms();
  const place = mcpPlace({ tools: ["echo"], budgets });
  cpSync(place.manifest, `${linked.folder}/m.json`);
  const addresses = ["--addr", "127.0.0.1:0", "--mcp-addr", "127.0.0.1:0"];
  const daemon = await linked.start(
    "aegisd",
    ...[...addresses, "--mcp-upstream", server.url, "--manifest", "m.json", "--dsn", "l.db"],
    "--telemetry-disabled",
  );
  try {
    const url = await daemon.says(/MCP on (\S+)\n/);
    const client = await connectHttp(url);
    const { content } = await client.callTool({ name: "echo", arguments: { text: "hi" } });
    expect(content).toEqual([{ type: "text", text: "hi" }]);
    const refused = client.callTool({ name: "undeclared", arguments: {} });
    await expect(refused).rejects.toThrow("permissions.tools");
    await client.close();
    const api = `http://${/listening on (\S+)/.exec(daemon.greeting)?.[1]}`;
    const metrics = readPrometheus(await (await fetch(`${api}/metrics`)).text());
    const counted = (name: string) => metrics.get(name)?.samples;
    const calls = { method: "tools/call" };
    expect(counted("aegis_mcp_requests_total")).toMatchObject([
      { labels: { ...calls, result: "answered" }, value: 1 },
      { labels: { ...calls, result: "denied" }, value: 1 },
    ]);
    expect(counted("aegis_mcp_request_duration_seconds")?.at(-1)).toMatchObject({
      ...{ labels: calls, value: 2 },
    });
    expect(counted("aegis_decisions_total")).toMatchObject([
      { labels: { outcome: "allow", reason: "OK" }, value: 1 },
      { labels: { outcome: "deny", reason: "PERMISSION_UNDECLARED" }, value: 1 },
    ]);
    expect(counted("aegis_events_total")).toMatchObject([{ value: 5 }]);
    const answer = await fetch(`${api}/v1/events?tenant_id=mcp`);
    const { Events } = (await answer.json()) as { Events: { event_type: string }[] };
    expect(Events.map(({ event_type }) => event_type)).toEqual([
      ...["TOOL_CALL_PROPOSED", "TOOL_CALL_ALLOWED", "TOOL_RESULT"],
      ...["TOOL_CALL_PROPOSED", "TOOL_CALL_DENIED"],
    ]);
  } finally {
    await daemon.stop();
    await server.stop();
  }
});
