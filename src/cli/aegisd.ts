// `aegisd`: the server of `aegis serve` by its documented command line, with aegis.yaml and with
// log lines on standard error.

import type { DaemonOptions } from "../app/serve/daemon.ts";
import type { ServeParts } from "../app/serve/serve.ts";
import type { ServeNotice } from "../app/serve/tool-policy.ts";
import { AegisError } from "../base/errors.ts";
import { formatEndpoint } from "../base/host.ts";
import { rateLimitMax, trustModes } from "../config/daemon.ts";
import type { Decide } from "../control/decide/decision.ts";
import type { RunningMcpServer } from "../mcp/http/http-server.ts";
import { approvalWaitMs } from "../mcp/limits.ts";
import type { ServerMetrics } from "../server/metrics/server-metrics.ts";
import type { AnsweredRequest, RunningServer } from "../server/server.ts";
import { approvalFlags } from "./approval-flags.ts";
import { defineCommand } from "./command.ts";
import { exitStatus } from "./exit.ts";
import { hostFlag } from "./flags.ts";
import { writeErr, writeOut } from "./output.ts";
import { escapeControls } from "./render/text.ts";
import { serveUntilStopped } from "./serving.ts";
import { socketFlags } from "./socket-flags.ts";

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
      ...socketFlags,
      host: hostFlag,
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
      bundle: { kind: "text", value: "FILE", summary: "Tool policy: policy.wasm or bundle.tar.gz" },
      "bundle-key": {
        kind: "text",
        value: "FILE",
        summary: "Key that has to have signed the bundle: docs/tool-policies.md",
      },
      "bundle-scope": { kind: "text", value: "NAME", summary: "Scope of that signature" },
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
      "approval-webhook": {
        kind: "text",
        value: "URL",
        summary: "Told of tool calls that wait for a person",
      },
      "approval-webhook-secret": {
        kind: "text",
        value: "FILE",
        summary: "The key that signs what it is told",
      },
      ...approvalFlags,
      "approval-by-requester": { ...approvalFlags["approval-by-requester"], isOverFile: true },
      "telemetry-disabled": {
        kind: "switch",
        isOverFile: true,
        summary: "Write and send no traces",
      },
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
      "mcp-method": {
        kind: "list",
        value: "METHOD",
        summary: "A request MCP does not have, to pass undecided in both directions; repeatable",
      },
    },
    operands: {},
    launches: false,
    examples: ["aegisd --addr :8080", "aegisd --config /etc/aegis/aegis.yaml"],
  },
  async ({ flags }, context) => {
    const { config, dsn, addr, manifest, keys, trust } = flags;
    const { daemonOptions } = await import("../app/serve/daemon.ts");
    const options = daemonOptions(
      {
        ...{ config, dsn, addr, manifest, keys, trust, bundle: flags.bundle },
        ...{ listen: flags.listen, peers: flags.peers, listenGroup: flags["listen-group"] },
        hosts: flags.host,
        bundleKey: flags["bundle-key"],
        bundleScope: flags["bundle-scope"],
        payloadKeys: flags["payload-keys"],
        trustMode: flags["trust-mode"],
        ...{ mcpAddr: flags["mcp-addr"], mcpUpstream: flags["mcp-upstream"] },
        mcpMethods: flags["mcp-method"],
        approvalWebhook: flags["approval-webhook"],
        approvalWebhookSecret: flags["approval-webhook-secret"],
        ...{ approvalTtl: flags["approval-ttl"], approvalKeep: flags["approval-keep"] },
        approvalByRequester: flags["approval-by-requester"],
        rateLimit: rateLimitOf(flags["rate-limit"]),
        telemetryDisabled: flags["telemetry-disabled"],
        telemetryPath: flags["telemetry-path"],
      },
      context.directory,
    );
    const { prepareServe } = await import("../app/serve/serve.ts");
    const { serverMetrics, startServer } = await import("../server/server.ts");
    const nowMs = () => context.clock.nowUnixMs();
    const onNotice = noticeWriter(options.log, nowMs);
    const parts = await prepareServe({ ...options, onNotice }, context);
    for (const message of parts.warnings) onNotice({ level: "warn", message });
    const onAnswered = logWriter(options.log, nowMs);
    const { serviceManager } = await import("../app/serve/service-manager.ts");
    const manager = serviceManager({
      environment: context.environment,
      check: () => parts.log.size(),
      warn: (message) => onNotice({ level: "warn", message }),
    });
    const start = async (): Promise<RunningServer> => {
      const metrics = serverMetrics(parts);
      const { mcp: behind } = options;
      const mcp = behind === undefined ? undefined : await startMcp(parts, behind, metrics);
      try {
        const server = startServer({ ...parts, onAnswered, metrics });
        const stop = async (): Promise<void> => {
          await mcp?.stop();
          await server.stop();
        };
        return { ...server, stop };
      } catch (error) {
        await mcp?.stop();
        throw error;
      }
    };
    await serveUntilStopped({ parts, start, manager }, ({ hostname, port }) => {
      const places = listening(options.address, parts.socket?.path, formatEndpoint(hostname, port));
      for (const place of places) writeOut(`aegisd listening on ${place}\n`);
      return `listening on ${places.join(", ")}`;
    });
    return exitStatus.ok;
  },
);

/** @param bound where port 0 became one */
function listening(
  address: string | undefined,
  socket: string | undefined,
  bound: string,
): readonly string[] {
  const ports = address === undefined ? [] : [/:0+$/.test(address) ? bound : address];
  const sockets = socket === undefined ? [] : [`unix:${socket}`];
  return [...ports, ...sockets].map((text) => escapeControls(text));
}

/** Its own talk goes where the log goes. */
async function startMcp(
  parts: ServeParts,
  { address, upstream, methods: passedMethods }: NonNullable<DaemonOptions["mcp"]>,
  metrics: ServerMetrics,
): Promise<RunningMcpServer> {
  const { serveMcp } = await import("../mcp/serve.ts");
  const say = (line: string): void => void writeErr(`aegisd: ${escapeControls(line)}\n`);
  const session = undefined;
  const server = { kind: "address", url: upstream, token: undefined } as const;
  const wishes = { address, server, session, approvalWaitMs, isStrict: false, passedMethods };
  const timed = metrics.decide(parts.decide);
  const decide: Decide = async (input) => {
    const decision = await timed(input);
    metrics.decided(decision);
    return decision;
  };
  const counting = { ...parts, log: metrics.log(parts.log), decide };
  const running = serveMcp(counting, { ...wishes, say, onEnded: metrics.proxied });
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

function noticeWriter(
  { level: least, format }: DaemonOptions["log"],
  nowMs: () => number,
): (notice: ServeNotice) => void {
  return ({ level, message }) => {
    if (levels.indexOf(level) < levels.indexOf(least)) return;
    const time = new Date(nowMs()).toISOString();
    const text = `${time} ${level} ${escapeControls(message)}`;
    writeErr(
      format === "text" ? `${text}\n` : `${JSON.stringify({ time, level, msg: message })}\n`,
    );
  };
}

function levelOf(route: string, status: number): (typeof levels)[number] {
  if (status >= 500) return "error";
  if (status >= 400) return "warn";
  return route === "/healthz" || route === "/readyz" ? "debug" : "info";
}
