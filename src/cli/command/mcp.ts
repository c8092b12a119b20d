// `aegis mcp`: the proxy in front of an MCP server, until its client leaves or it is told to stop.

import { readSmallFile } from "../../app/control-client.ts";
import { withoutPostgresPassword } from "../../app/ledger/postgres-dsn.ts";
import type { ServeParts } from "../../app/serve/serve.ts";
import type { TelemetryOptions } from "../../app/serve/telemetry.ts";
import type { ServeNotice } from "../../app/serve/tool-policy.ts";
import { AegisError } from "../../base/errors.ts";
import { uniqueSuffix } from "../../base/ids.ts";
import { type AbsPath, resolvePath } from "../../base/paths.ts";
import { aegisPaths } from "../../config/location.ts";
import { readOtelSettings } from "../../config/otel.ts";
import { defaultTenant } from "../../mcp/http/scopes.ts";
import type { CallSession } from "../../mcp/record.ts";
import { approvalTtlFlag } from "../approval-flags.ts";
import { defineCommand } from "../command.ts";
import type { CliContext } from "../context.ts";
import { exitStatus } from "../exit.ts";
import { hostFlag } from "../flags.ts";
import { trustFlags, trustOptions } from "../manifest-flags.ts";
import { writeErr, writeOut } from "../output.ts";
import { escapeControls } from "../render/text.ts";
import { endThoughOthersWait } from "../serving.ts";
import { warn } from "../warn.ts";

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
        summary: "Session the calls belong to. Default: new ones, of the tenant mcp.",
      },
      listen: {
        kind: "text",
        value: "[HOST]:PORT",
        summary: "Serve over HTTP there, in front of the command or of --upstream.",
      },
      host: hostFlag,
      servers: {
        kind: "number",
        value: "N",
        min: 1,
        max: 1000,
        default: 32,
        summary: "With --listen: how often the command runs at once, at most.",
      },
      upstream: { kind: "text", value: "URL", summary: "The server behind it, Streamable HTTP." },
      "upstream-key-file": {
        kind: "text",
        value: "FILE",
        summary: "Bearer token for that server; a client's own is never passed on.",
      },
      keys: {
        kind: "text",
        value: "FILE",
        summary: "API keys of clients, as `aegis serve` reads them.",
      },
      ledger: { kind: "text", value: "PATH", summary: "Ledger to write. Default: your own." },
      dsn: {
        kind: "text",
        value: "DSN",
        summary: "Ledger in PostgreSQL: postgres://USER@HOST:PORT/DATABASE.",
      },
      "declared-only": {
        kind: "switch",
        summary:
          "Deny resources, prompts and what servers ask where the manifest names none of them.",
      },
      "pass-method": {
        kind: "list",
        value: "METHOD",
        summary: "A request MCP does not have, to pass undecided in both directions; repeatable.",
      },
      "rate-limit": {
        kind: "number",
        value: "N",
        min: 0,
        max: 1_000_000,
        default: 0,
        summary: "Calls of one tool in a minute; 0: no limit.",
      },
      "telemetry-path": {
        kind: "text",
        value: "FILE",
        summary: "Where traces go. Default: a collector that OTEL_… variables name, else nowhere.",
      },
      ...approvalTtlFlag,
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
    isCommandOptional: true,
    examples: [
      "aegis mcp --manifest m.json -- npx some-mcp-server",
      "aegis mcp --manifest m.json -- aegis run -- npx some-mcp-server",
      "aegis mcp --manifest m.json --listen :8090 -- npx some-mcp-server",
      "aegis mcp --manifest m.json --listen :8090 --upstream http://127.0.0.1:3000",
    ],
    notes: ["`aegis approve TOKEN --allow` lets a call go on while `aegis serve` has the ledger."],
  },
  async ({ flags, command: server }, context) => {
    const { manifest, ledger, listen, keys } = flags;
    if (manifest === undefined) {
      throw new AegisError("usage", "Cannot decide about tool calls: --manifest is missing", {
        hint: "`aegis manifest generate DIR` drafts one",
      });
    }
    requireOneWay(flags, server);
    const session = sessionOf(flags.session);
    const { prepareServe } = await import("../../app/serve/serve.ts");
    const trust = trustOptions(flags, context.directory);
    const telemetry = telemetryOf(flags["telemetry-path"], context);
    const rateLimit = flags["rate-limit"];
    const address = listen ?? ":0";
    const say = (line: string): void => void writeErr(`aegis: ${escapeControls(line)}\n`);
    const onNotice = ({ message }: ServeNotice): void => say(message);
    const postgres = flags.dsn === undefined ? undefined : { dsn: flags.dsn, isTyped: true };
    const where = { address: listen, ledger, postgres, keys, hosts: flags.host };
    const approvals = { ttlSeconds: flags["approval-ttl"] };
    const options = { ...where, approvals, manifest, telemetry, trust, rateLimit, onNotice };
    const parts = await prepareServe(options, context);
    warn(parts.warnings);
    try {
      return await proxy(parts, { flags, address, server, session, say }, context);
    } finally {
      await parts.telemetry.stop();
      await parts.close();
      endThoughOthersWait();
    }
  },
);

interface ProxyWishes {
  readonly flags: {
    readonly dsn: string | undefined;
    readonly listen: string | undefined;
    readonly servers: number;
    readonly "declared-only": boolean;
    readonly upstream: string | undefined;
    readonly "upstream-key-file": string | undefined;
    readonly "pass-method": readonly string[];
    readonly "approval-wait": number;
  };
  readonly address: string;
  readonly server: readonly string[];
  readonly session: CallSession | undefined;
  readonly say: (line: string) => void;
}

/** Until it is told to stop, or its client leaves. */
async function proxy(
  parts: ServeParts,
  { flags, address, server, session, say }: ProxyWishes,
  { environment, directory }: CliContext,
): Promise<number> {
  const { upstream } = flags;
  const stopped = new AbortController();
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.once(name, () => stopped.abort());
  }
  const given = {
    command: server,
    // A server that knows how to get into the ledger would need no gate.
    environment: flags.dsn === undefined ? environment : withoutPostgresPassword(environment),
    directory,
  };
  const { loadHelper } = await import("../../bridge/helper.ts");
  const { readyServer } = await import("../../mcp/server-process.ts");
  const started = await readyServer(given, () => {
    return loadHelper(resolvePath(aegisPaths(environment).home, "cache/helper"));
  });
  const { prepareGate, serveMcp } = await import("../../mcp/serve.ts");
  const approvalWaitMs = flags["approval-wait"] * 1000;
  const passedMethods = flags["pass-method"];
  const wishes = { approvalWaitMs, isStrict: flags["declared-only"], passedMethods, say };
  if (flags.listen !== undefined) {
    const behind =
      upstream === undefined
        ? ({ kind: "command", ...started, processesMax: flags.servers } as const)
        : ({
            kind: "address",
            url: upstream,
            token: tokenFrom(flags["upstream-key-file"], directory),
          } as const);
    const running = serveMcp(parts, { ...wishes, address, server: behind, session });
    say(`listening on http://${running.host}/mcp`);
    await new Promise<void>((resolve) => stopped.signal.addEventListener("abort", () => resolve()));
    await running.stop();
    return exitStatus.ok;
  }
  const { runStdioServer } = await import("../../mcp/stdio-server.ts");
  return runStdioServer({
    gate: prepareGate(parts, wishes),
    session: session ?? { tenant: defaultTenant, id: uniqueSuffix(), user: "" },
    ...{ say, ...started },
    input: Bun.stdin.stream(),
    output: writeOut,
    signal: stopped.signal,
  });
}

/** One proxy stands before each server, so that without a wish there is no file for all of them. */
function telemetryOf(path: string | undefined, { environment }: CliContext): TelemetryOptions {
  if (path !== undefined) return { isDisabled: false, path };
  const { sendsTraces, obstacle } = readOtelSettings(environment);
  // The variables are those of whoever starts the proxy, and may be meant for other programs.
  if (sendsTraces && obstacle !== undefined) {
    warn([`no traces are sent: ${obstacle}; http/json at http://HOST:4318 is usual`]);
  }
  return { isDisabled: !sendsTraces || obstacle !== undefined, path };
}

/** A server is a command to start or an address, never both. */
function requireOneWay(
  flags: Readonly<Record<"listen" | "upstream" | "keys" | "upstream-key-file", string | undefined>>,
  server: readonly string[],
): void {
  const usage = (why: string) => new AegisError("usage", `Cannot start a proxy: ${why}`);
  const { listen, upstream, keys } = flags;
  const isUpstream = upstream !== undefined;
  if (isUpstream && listen === undefined) throw usage("--upstream goes with --listen");
  if (isUpstream && server.length > 0) throw usage("there are both --upstream and a command");
  if (!isUpstream && server.length === 0) {
    throw usage("a command behind -- or --upstream is missing");
  }
  if (listen === undefined && keys !== undefined) throw usage("--keys goes with --listen");
  if (!isUpstream && flags["upstream-key-file"] !== undefined) {
    throw usage("--upstream-key-file goes with --upstream");
  }
}

function tokenFrom(path: string | undefined, directory: AbsPath): string | undefined {
  return path === undefined ? undefined : readSmallFile(resolvePath(directory, path)).trim();
}

function sessionOf(text: string | undefined): CallSession | undefined {
  if (text === undefined) return undefined;
  const [, tenant = "", id = ""] = /^([^/]+)\/(.+)$/.exec(text) ?? [];
  if (tenant !== "" && id !== "") return { tenant, id, user: "" };
  throw new AegisError("usage", `Cannot use "${text}" for "--session": it is no TENANT/SESSION`);
}
