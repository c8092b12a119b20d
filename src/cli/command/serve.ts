// `aegis serve`: the control plane's HTTP API until it is told to stop.

import { prepareServe } from "../../app/serve/serve.ts";
import { serviceManager } from "../../app/serve/service-manager.ts";
import { requireUse } from "../../app/serve/socket-wishes.ts";
import type { ServeNotice } from "../../app/serve/tool-policy.ts";
import { formatEndpoint } from "../../base/host.ts";
import { startServer } from "../../server/server.ts";
import { approvalFlags, approvalOptions } from "../approval-flags.ts";
import { defineCommand } from "../command.ts";
import { exitStatus } from "../exit.ts";
import { hostFlag } from "../flags.ts";
import { trustFlags, trustOptions } from "../manifest-flags.ts";
import { writeErr } from "../output.ts";
import { escapeControls } from "../render/text.ts";
import { serveUntilStopped } from "../serving.ts";
import { socketFlags, socketWanted } from "../socket-flags.ts";
import { warn } from "../warn.ts";

export const command = defineCommand(
  {
    name: "serve",
    summary: "Answer tools that ask first, and record what they do, over HTTP.",
    flags: {
      addr: {
        kind: "text",
        value: "[HOST]:PORT",
        summary: "Where to listen. Default: 127.0.0.1:8080, without --listen.",
      },
      ...socketFlags,
      host: hostFlag,
      ledger: { kind: "text", value: "PATH", summary: "Ledger to write. Default: your own." },
      dsn: {
        kind: "text",
        value: "DSN",
        summary: "Ledger in PostgreSQL: postgres://USER@HOST:PORT/DATABASE.",
      },
      manifest: {
        kind: "text",
        value: "FILE",
        summary: "Manifest for decisions whose request has none.",
      },
      ...trustFlags,
      keys: {
        kind: "text",
        value: "FILE",
        summary: "API keys, a line each: SHA256 agent|approver|admin|monitor TENANT|* NAME.",
      },
      "payload-keys": {
        kind: "text",
        value: "FILE",
        summary: "Encrypt what clients record with the keys in FILE: docs/encryption.md.",
      },
      bundle: {
        kind: "text",
        value: "FILE",
        summary: "Tool policy: policy.wasm or bundle.tar.gz. Default: the built-in one.",
      },
      "bundle-key": {
        kind: "text",
        value: "FILE",
        summary: "Key that has to have signed the bundle: docs/tool-policies.md.",
      },
      "bundle-scope": { kind: "text", value: "NAME", summary: "Scope of that signature." },
      "approval-webhook": {
        kind: "text",
        value: "URL",
        summary: "Told of tool calls that wait for a person.",
      },
      "approval-webhook-secret": {
        kind: "text",
        value: "FILE",
        summary: "The key that signs what it is told.",
      },
      ...approvalFlags,
      "telemetry-disabled": { kind: "switch", summary: "Write and send no traces." },
      "telemetry-path": {
        kind: "text",
        value: "FILE",
        summary: "Where traces go. Default: traces.ndjson in AEGIS_HOME.",
      },
    },
    operands: {},
    launches: false,
    examples: [
      "aegis serve",
      "aegis serve --addr 0.0.0.0:8080 --keys /etc/aegis/keys",
      "aegis serve --listen unix:/run/aegis/aegis.sock --peers /etc/aegis/peers",
    ],
  },
  async ({ flags }, context) => {
    const { addr, ledger, manifest, keys } = flags;
    const postgres = flags.dsn === undefined ? undefined : { dsn: flags.dsn, isTyped: true };
    const telemetry = { isDisabled: flags["telemetry-disabled"], path: flags["telemetry-path"] };
    const trust = trustOptions(flags, context.directory);
    const onNotice = ({ level, message }: ServeNotice): void => {
      writeErr(`aegis: ${level === "error" ? "error: " : ""}${escapeControls(message)}\n`);
    };
    const webhook = {
      url: flags["approval-webhook"],
      secret: flags["approval-webhook-secret"],
    };
    const payloadKeys = flags["payload-keys"];
    const { bundle: file, "bundle-key": key, "bundle-scope": scope } = flags;
    const bundle = { file, key, scope };
    const approvals = approvalOptions(flags);
    const more = { ledger, postgres, payloadKeys, bundle, webhook, approvals, onNotice };
    const socket = socketWanted(flags);
    const address = addr ?? (socket === undefined ? ":8080" : undefined);
    requireUse({ address, socket, keys });
    const where = { address, socket, hosts: flags.host };
    const options = { ...where, ...more, manifest, keys, telemetry, trust };
    const parts = await prepareServe(options, context);
    warn(parts.warnings);
    const { environment } = context;
    const check = () => parts.log.size();
    const manager = serviceManager({ environment, check, warn: (text) => warn([text]) });
    const start = () => startServer(parts);
    await serveUntilStopped({ parts, start, manager }, ({ hostname, port }) => {
      const at = parts.port === undefined ? [] : [formatEndpoint(hostname, port)];
      const on = parts.socket === undefined ? [] : [`unix:${escapeControls(parts.socket.path)}`];
      for (const one of [...at.map((host) => `http://${host}`), ...on]) {
        writeErr(`aegis: listening on ${one}\n`);
      }
      return `listening on ${[...at, ...on].join(", ")}`;
    });
    return exitStatus.ok;
  },
);
