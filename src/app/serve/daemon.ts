// `aegisd`: what its flags and aegis.yaml ask for, as options of the server, or the reason for not
// starting. Flags win over the file; nothing that was asked for is left out silently.

import { statSync } from "node:fs";
import { AegisError } from "../../base/errors.ts";
import { type AbsPath, resolvePath } from "../../base/paths.ts";
import { approvalKeepUsual, type DaemonFile, readDaemonFile } from "../../config/daemon.ts";
import { readSmallFile } from "../control-client.ts";
import { isPostgresDsn } from "../ledger/postgres-dsn.ts";
import { memoryLedger, type ServeOptions } from "./serve.ts";
import { requireUse, socketWishes } from "./socket-wishes.ts";

/** As typed; undefined for a flag that was not given. */
export interface DaemonFlags {
  readonly config: string | undefined;
  readonly dsn: string | undefined;
  readonly addr: string | undefined;
  /** None: as the file says. */
  readonly hosts: readonly string[];
  /** `unix:PATH` */
  readonly listen: string | undefined;
  readonly listenGroup: string | undefined;
  readonly peers: string | undefined;
  readonly manifest: string | undefined;
  readonly keys: string | undefined;
  readonly payloadKeys: string | undefined;
  readonly bundle: string | undefined;
  readonly bundleKey: string | undefined;
  readonly bundleScope: string | undefined;
  readonly approvalWebhook: string | undefined;
  readonly approvalWebhookSecret: string | undefined;
  /** Seconds. */
  readonly approvalTtl: number | undefined;
  /** Undefined: as the file says. */
  readonly approvalByRequester: boolean | undefined;
  /** Days. */
  readonly approvalKeep: number | undefined;
  readonly trustMode: "dev" | "prod" | undefined;
  /** The allow-list's file. */
  readonly trust: string | undefined;
  readonly mcpAddr: string | undefined;
  readonly mcpUpstream: string | undefined;
  /** None: as the file says. */
  readonly mcpMethods: readonly string[];
  /** Undefined: as the file says. */
  readonly rateLimit: number | undefined;
  readonly telemetryDisabled: boolean | undefined;
  readonly telemetryPath: string | undefined;
}

export interface DaemonOptions extends Omit<ServeOptions, "onNotice"> {
  /** Undefined: no MCP server is behind this one. */
  readonly mcp:
    | {
        readonly address: string;
        readonly upstream: string;
        /** Of requests that MCP does not have, and that pass all the same. */
        readonly methods: readonly string[];
      }
    | undefined;
  readonly log: {
    readonly level: "debug" | "info" | "warn" | "error";
    readonly format: "text" | "json";
  };
}

/**
 * An empty flag is as good as none.
 * @throws {AegisError} `config/invalid` naming the key
 */
export function daemonOptions(flags: DaemonFlags, directory: AbsPath): DaemonOptions {
  const file = fileOf(first(flags.config), directory);
  const { telemetry, log } = file;
  const socket = socketWishes({
    listen: first(flags.listen, file.listen),
    peers: first(flags.peers, file.peers),
    group: first(flags.listenGroup, file.listen_group?.toString()),
  });
  const address = first(flags.addr, file.addr) ?? (socket === undefined ? ":8080" : undefined);
  const keys = first(flags.keys, file.keys);
  const tls = tlsOf(file.tls, directory);
  const mcp = mcpOf(flags, file);
  // What is in front of an MCP server has a port of its own.
  if (mcp === undefined) requireUse({ socket, address, keys, tls });
  return {
    ...{ address, socket, keys, tls, mcp },
    hosts: flags.hosts.length > 0 ? flags.hosts : file.hosts,
    ...storeOfDsn(first(flags.dsn, file.dsn) ?? "", first(flags.dsn) !== undefined, directory),
    manifest: first(flags.manifest, file.manifest),
    trust: trustOf(flags, file, directory),
    payloadKeys: first(flags.payloadKeys, file.payload_keys),
    bundle: {
      file: first(flags.bundle, file.bundle),
      key: first(flags.bundleKey, file.bundle_key),
      scope: first(flags.bundleScope, file.bundle_scope),
    },
    webhook: webhookOf(flags, file),
    approvals: {
      ttlSeconds: flags.approvalTtl ?? file.approval_ttl,
      isOwnDecided: flags.approvalByRequester ?? file.approval_by_requester === true,
      keptDays: flags.approvalKeep ?? file.approval_keep ?? approvalKeepUsual,
    },
    rateLimit: flags.rateLimit ?? file.rate_limit ?? 0,
    telemetry: {
      isDisabled: flags.telemetryDisabled ?? telemetry?.disabled === true,
      path: first(flags.telemetryPath, telemetry?.path),
    },
    log: { level: log?.level || "info", format: log?.format || "text" },
  };
}

/** The first one that says something. */
function first(...texts: readonly (string | undefined)[]): string | undefined {
  return texts.find((text) => text !== undefined && text !== "");
}

function fileOf(config: string | undefined, directory: AbsPath): DaemonFile {
  if (config === undefined) return readDaemonFile("no file", "");
  const path = resolvePath(directory, config);
  return readDaemonFile(path, readSmallFile(path));
}

/** The documented key says where to listen; what stands behind has to be said as well. */
function mcpOf(
  { mcpAddr, mcpUpstream, mcpMethods }: DaemonFlags,
  file: DaemonFile,
): DaemonOptions["mcp"] {
  const [address, upstream] = [mcpAddr ?? file.mcp_addr, mcpUpstream ?? file.mcp_upstream];
  const methods = mcpMethods.length > 0 ? mcpMethods : file.mcp_methods;
  if (address !== "" && upstream !== "") return { address, upstream, methods };
  if (address !== "") {
    throw invalid("mcp_addr", "nobody says which MCP server is behind it", "give mcp_upstream too");
  }
  if (upstream === "") {
    if (methods.length === 0) return undefined;
    throw invalid("mcp_methods", "no MCP server is behind this one", "give mcp_addr too");
  }
  throw invalid("mcp_upstream", "nobody says where to listen for its clients", "give mcp_addr too");
}

function trustOf(
  { trustMode, trust }: DaemonFlags,
  file: DaemonFile,
  directory: AbsPath,
): ServeOptions["trust"] {
  const mode = trustMode ?? (file.trust_mode === "prod" ? "prod" : "dev");
  const list = first(trust, file.trust);
  return { mode, file: list === undefined ? undefined : resolvePath(directory, list) };
}

function webhookOf(flags: DaemonFlags, file: DaemonFile): ServeOptions["webhook"] {
  return {
    url: first(flags.approvalWebhook, file.approval_webhook?.url),
    secret: first(flags.approvalWebhookSecret, file.approval_webhook?.secret_file),
  };
}

function tlsOf(tls: DaemonFile["tls"], directory: AbsPath): ServeOptions["tls"] {
  const [cert = "", key = "", ca = ""] = [tls?.cert_file, tls?.key_file, tls?.ca_file];
  if (tls?.enabled !== true) {
    if (tls?.enabled === false || `${cert}${key}${ca}` === "") return undefined;
    throw invalid("tls.enabled", "there are certificates and nobody says whether to use them");
  }
  if (cert === "") throw invalid("tls.cert_file", "it is required where tls.enabled is true");
  if (key === "") throw invalid("tls.key_file", "it is required where tls.enabled is true");
  const at = (path: string): AbsPath => resolvePath(directory, path);
  return { cert: at(cert), key: at(key), ca: ca === "" ? undefined : at(ca) };
}

function storeOfDsn(
  dsn: string,
  isTyped: boolean,
  directory: AbsPath,
): Pick<ServeOptions, "ledger" | "postgres"> {
  if (isPostgresDsn(dsn)) return { ledger: undefined, postgres: { dsn, isTyped } };
  return { ledger: dsn === "" ? undefined : ledgerOfDsn(dsn, directory) };
}

/** @throws {AegisError} for every form and parameter that would mean something else here */
export function ledgerOfDsn(dsn: string, directory: AbsPath): string {
  if (dsn === ":memory:") return memoryLedger;
  if (!dsn.startsWith("file:")) {
    if (/^[a-z][a-z0-9+.-]+:/i.test(dsn))
      throw invalid("dsn", "it is no file:PATH, path, :memory: or postgres://");
    return dsn;
  }
  const cut = dsn.indexOf("?");
  const path = decodedPath(dsn.slice(5, cut < 0 ? undefined : cut).replace(/^\/\/(?=\/)/, ""));
  const query = new URLSearchParams(cut < 0 ? "" : dsn.slice(cut + 1));
  for (const [name, value] of query) requireParameter(name, value);
  if (path === ":memory:" || query.get("mode") === "memory") return memoryLedger;
  if (path === "") throw invalid("dsn", "it names no file");
  const isThere = statSync(resolvePath(directory, path), { throwIfNoEntry: false }) !== undefined;
  if (query.get("mode") === "rw" && !isThere) throw invalid("dsn", `"${path}" is not there`);
  return path;
}

function decodedPath(text: string): string {
  try {
    const path = decodeURIComponent(text);
    if (!path.includes("\0")) return path;
  } catch {
    // ignored: the error below says so
  }
  throw invalid("dsn", "its path is no URI");
}

/** Values that say what this server does anyway; `cache` changes nothing but speed. */
const parameters: Readonly<Record<string, RegExp>> = {
  mode: /^(rwc|rw|memory)$/,
  cache: /^(shared|private)$/,
  _journal_mode: /^wal$/i,
  _journal: /^wal$/i,
  _foreign_keys: /^(on|off|true|false|1|0)$/i,
  _busy_timeout: /^\d{1,9}$/,
};

function requireParameter(name: string, value: string): void {
  const known = Object.hasOwn(parameters, name) ? parameters[name] : undefined;
  if (known?.test(value) === true) return;
  const hint = "mode=rwc, mode=rw, cache=shared and _journal_mode=WAL are";
  throw invalid("dsn", `the parameter ${name}=${value} is not part of this build`, hint);
}

function invalid(key: string, why: string, hint?: string): AegisError {
  return new AegisError("config/invalid", `config: invalid ${key}: ${why}`, { hint });
}
