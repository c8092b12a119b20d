// `aegis mcp`: the proxy in front of an MCP server, until its client leaves or it is told to stop.

import { AegisError } from "../../base/errors.ts";
import { uniqueSuffix } from "../../base/ids.ts";
import type { CallSession } from "../../mcp/record.ts";
import { defineCommand } from "../command.ts";
import { trustFlags, trustOptions, warn } from "../manifest-flags.ts";
import { writeErr, writeOut } from "../output.ts";
import { escapeControls } from "../render/text.ts";

export const command = defineCommand(
  {
    name: "mcp",
    summary: "Stand in front of an MCP server: decide about each tool call, and record it.",
    flags: {
      manifest: { kind: "text", value: "FILE", summary: "What the tools may do; needed" },
      ...trustFlags,
      session: {
        kind: "text",
        value: "TENANT/SESSION",
        summary: "Session the calls belong to. Default: a new one of the tenant mcp.",
      },
      ledger: { kind: "text", value: "PATH", summary: "Ledger to write. Default: your own." },
      "rate-limit": {
        kind: "number",
        value: "N",
        min: 0,
        max: 1_000_000,
        default: 0,
        summary: "Calls of one tool in a minute; 0: no limit.",
      },
      "approval-wait": {
        kind: "number",
        value: "SECONDS",
        min: 0,
        max: 600,
        default: 45,
        summary: "How long a call waits for a person before its caller is told to come back.",
      },
    },
    operands: {},
    launches: true,
    examples: [
      "aegis mcp --manifest m.json -- npx some-mcp-server",
      "aegis mcp --manifest m.json -- aegis run -- npx some-mcp-server",
    ],
    notes: ["`aegis approve TOKEN --allow` lets a call go on while `aegis serve` has the ledger."],
  },
  async ({ flags, command: server }, context) => {
    const { manifest, ledger } = flags;
    if (manifest === undefined) {
      throw new AegisError("usage", "Cannot decide about tool calls: --manifest is missing", {
        hint: "`aegis manifest generate DIR` drafts one",
      });
    }
    const session = sessionOf(flags.session);
    const { prepareServe } = await import("../../app/serve.ts");
    const { prepareGate } = await import("../../mcp/prepare.ts");
    const { runStdioServer } = await import("../../mcp/stdio-server.ts");
    const trust = trustOptions(flags, context.directory);
    const telemetry = { isDisabled: true, path: undefined };
    const options = { address: ":0", ledger, manifest, keys: undefined, telemetry, trust };
    const rateLimit = flags["rate-limit"];
    const parts = await prepareServe({ ...options, rateLimit }, context);
    warn(parts.warnings);
    const say = (line: string): void => void writeErr(`aegis: ${escapeControls(line)}\n`);
    const stopped = new AbortController();
    process.once("SIGINT", () => stopped.abort());
    process.once("SIGTERM", () => stopped.abort());
    process.once("SIGHUP", () => stopped.abort());
    return runStdioServer({
      gate: prepareGate(parts, { approvalWaitMs: flags["approval-wait"] * 1000, say }),
      ...{ session, say, command: server },
      environment: context.environment,
      directory: context.directory,
      input: Bun.stdin.stream(),
      output: writeOut,
      signal: stopped.signal,
    });
  },
);

function sessionOf(text: string | undefined): CallSession {
  if (text === undefined) return { tenant: "mcp", id: uniqueSuffix(), user: "" };
  const [, tenant = "", id = ""] = /^([^/]+)\/(.+)$/.exec(text) ?? [];
  if (tenant !== "" && id !== "") return { tenant, id, user: "" };
  throw new AegisError("usage", `Cannot use "${text}" for "--session": it is no TENANT/SESSION`);
}
