// `aegisd`: the server of `aegis serve` by its documented command line, with aegis.yaml and with
// log lines on standard error.

import type { DaemonOptions } from "../app/daemon.ts";
import type { ServeParts } from "../app/serve.ts";
import { AegisError } from "../base/errors.ts";
import { rateLimitMax, trustModes } from "../config/daemon.ts";
import type { RunningMcpServer } from "../mcp/http-server.ts";
import { approvalWaitMs } from "../mcp/limits.ts";
import type { AnsweredRequest } from "../server/server.ts";
import { defineCommand } from "./command.ts";
import { exitStatus } from "./exit.ts";
import { writeErr, writeOut } from "./output.ts";
import { escapeControls } from "./render/text.ts";

export const command = defineCommand(
  {
    program: "aegisd",
    name: "",
    summary: "The control plane's server: `aegis serve` with aegis.yaml and log lines.",
    flags: {
      config: { kind: "text", value: "FILE", summary: "aegis.yaml; flags win over it" },
      dsn: {
        kind: "text",
        value: "DSN",
        summary: "postgres://…, file:PATH, a path or :memory:. Default: your own ledger.",
      },
      addr: { kind: "text", value: "[HOST]:PORT", summary: "Where to listen. Default: :8080." },
      manifest: {
        kind: "text",
        value: "FILE",
        summary: "Manifest for decisions whose request has none",
      },
      keys: { kind: "text", value: "FILE", summary: "API keys, as `aegis serve` reads them" },
      "payload-keys": {
        kind: "text",
        value: "FILE",
        summary: "Encrypt what clients record with the keys in FILE: docs/encryption.md",
      },
      "trust-mode": {
        kind: "choice",
        choices: trustModes,
        summary: "prod refuses a manifest that nobody on the allow-list signed. Default: dev.",
      },
      trust: { kind: "text", value: "FILE", summary: "The allow-list: docs/manifests.md" },
      "rate-limit": {
        kind: "text",
        value: "N",
        summary: "Calls of one tool by one tenant in a minute; 0: no limit, -1: as the file says",
      },
      "telemetry-disabled": { kind: "switch", summary: "Write and send no traces" },
      "telemetry-path": {
        kind: "text",
        value: "FILE",
        summary: "Where traces go. Default: traces.ndjson in AEGIS_HOME",
      },
      "mcp-addr": {
        kind: "text",
        value: "[HOST]:PORT",
        summary: "Where clients of an MCP server reach it through the proxy",
      },
      "mcp-upstream": { kind: "text", value: "URL", summary: "That server" },
    },
    operands: {},
    launches: false,
    examples: ["aegisd --addr :8080", "aegisd --config /etc/aegis/aegis.yaml"],
  },
  async ({ flags }, context) => {
    const { config, dsn, addr, manifest, keys, trust } = flags;
    const { daemonOptions } = await import("../app/daemon.ts");
    const options = daemonOptions(
      {
        ...{ config, dsn, addr, manifest, keys, trust },
        payloadKeys: flags["payload-keys"],
        trustMode: flags["trust-mode"],
        mcpAddr: flags["mcp-addr"],
        mcpUpstream: flags["mcp-upstream"],
        rateLimit: rateLimitOf(flags["rate-limit"]),
        telemetryDisabled: flags["telemetry-disabled"],
        telemetryPath: flags["telemetry-path"],
      },
      context.directory,
    );
    const { prepareServe } = await import("../app/serve.ts");
    const { startServer } = await import("../server/server.ts");
    const parts = await prepareServe(options, context);
    const nowMs = () => context.clock.nowUnixMs();
    for (const warning of parts.warnings) logWarning(options.log, nowMs(), warning);
    const onAnswered = logWriter(options.log, nowMs);
    const server = startServer({ ...parts, onAnswered });
    const mcp = options.mcp === undefined ? undefined : await startMcp(parts, options.mcp);
    const { hostname, port } = server;
    const address = /:0+$/.test(options.address) ? `${hostname}:${port}` : options.address;
    const { promise, resolve } = Promise.withResolvers<void>();
    process.once("SIGINT", () => resolve());
    process.once("SIGTERM", () => resolve());
    writeOut(`aegisd listening on ${escapeControls(address)}\n`);
    const { serviceManager } = await import("../app/service-manager.ts");
    const manager = serviceManager({
      environment: context.environment,
      check: () => parts.log.size(),
      warn: (text) => logWarning(options.log, nowMs(), text),
    });
    manager.ready(`listening on ${escapeControls(address)}`);
    await promise;
    manager.stopping();
    await mcp?.stop();
    await server.stop();
    return exitStatus.ok;
  },
);

/** Its own talk goes where the log goes. */
async function startMcp(
  parts: ServeParts,
  { address, upstream }: NonNullable<DaemonOptions["mcp"]>,
): Promise<RunningMcpServer> {
  const { serveMcp } = await import("../mcp/serve.ts");
  const say = (line: string): void => void writeErr(`aegisd: ${escapeControls(line)}\n`);
  const session = undefined;
  const wishes = { address, upstream, token: undefined, session, approvalWaitMs: approvalWaitMs };
  const running = serveMcp(parts, { ...wishes, say });
  say(`MCP on http${parts.tls === undefined ? "" : "s"}://${running.host}/mcp`);
  return running;
}

function rateLimitOf(text: string | undefined): number | undefined {
  if (text === undefined || text === "-1") return undefined;
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (value <= rateLimitMax) return value;
  const range = `-1 or a whole number from 0 to ${rateLimitMax}`;
  throw new AegisError("usage", `Cannot use "${text}" for "--rate-limit": it is not ${range}`);
}

const levels = ["debug", "info", "warn", "error"] as const;

/** A line for each answered request. Routes stand for paths: a path may hold a token. */
function logWriter(
  { level: least, format }: DaemonOptions["log"],
  nowMs: () => number,
): (request: AnsweredRequest) => void {
  return ({ method, route, status, durationMs }) => {
    const level = levelOf(route, status);
    if (levels.indexOf(level) < levels.indexOf(least)) return;
    const time = new Date(nowMs()).toISOString();
    if (format === "text") {
      writeErr(`${time} ${level} ${escapeControls(method)} ${route} ${status} ${durationMs} ms\n`);
      return;
    }
    const entry = { time, level, msg: "request", method, route, status, duration_ms: durationMs };
    writeErr(`${JSON.stringify(entry)}\n`);
  };
}

function logWarning({ level, format }: DaemonOptions["log"], nowMs: number, text: string): void {
  if (level === "error") return;
  const time = new Date(nowMs).toISOString();
  if (format === "text") writeErr(`${time} warn ${escapeControls(text)}\n`);
  else writeErr(`${JSON.stringify({ time, level: "warn", msg: text })}\n`);
}

function levelOf(route: string, status: number): (typeof levels)[number] {
  if (status >= 500) return "error";
  if (status >= 400) return "warn";
  return route === "/healthz" || route === "/readyz" ? "debug" : "info";
}
