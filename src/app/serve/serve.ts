// `aegis serve`: the ledger of this user, the tool policy and the control plane's HTTP server put
// together.

import { AegisError } from "../../base/errors.ts";
import { type AbsPath, resolvePath } from "../../base/paths.ts";
import { aegisPaths, ledgerFile, privateDirectory } from "../../config/location.ts";
import { type ApprovalRules, usualRules } from "../../control/approvals/router.ts";
import type { Decide } from "../../control/decide/decision.ts";
import type { Telemetry } from "../../control/telemetry/span.ts";
import { createControlLog } from "../../ledger/control/log.ts";
import { sealRecords } from "../../ledger/control/sealed-store.ts";
import { outsideOf } from "../../ledger/open.ts";
import { openSteadyStore } from "../../ledger/sqlite/steady-store.ts";
import type { Store } from "../../ledger/store.ts";
import { type HeadSigner, startHeadSigner } from "../../ledger/tree/head-signer.ts";
import type { SigningParts } from "../../ledger/tree/signing.ts";
import type { JsonValue } from "../../model/event.ts";
import { postgresPlace, typedPassword } from "../ledger/postgres-dsn.ts";
import { requireManifestText } from "../manifest/files.ts";
import { requireTrust, type TrustOptions } from "../manifest/trust.ts";
import type { Surroundings } from "../surroundings.ts";
import { type Retention, startRetention } from "./approval-retention.ts";
import { openWebhook, type Webhook, type WebhookParts } from "./approval-webhook.ts";
import type { ServedKey } from "./keys.ts";
import { readKeys } from "./keys.ts";
import { type LiveCallers, liveCallers, noCallers } from "./live-callers.ts";
import { type HostName, readHostNames } from "./own-hosts.ts";
import { payloadKeysVariable, withPayloadKeys } from "./payload-keys.ts";
import { serverSecret } from "./secret.ts";
import type { ServedSocket } from "./socket.ts";
import { portWarnings, type SocketWishes } from "./socket-wishes.ts";
import { openTelemetry, type TelemetryOptions } from "./telemetry.ts";
import { openTls, type TlsFiles, type TlsSource } from "./tls.ts";
import { type BundleFile, builtInPolicy, filePolicy, type ServeNotice } from "./tool-policy.ts";

export interface ServeOptions {
  /** `HOST:PORT`, `:PORT` for this machine alone; undefined: no port, where there is a socket. */
  readonly address: string | undefined;
  /** Of what listens beside it, with the same keys; undefined: nothing does. */
  readonly mcp?: { readonly address: string } | undefined;
  /** Absent: no Unix socket. */
  readonly socket?: SocketWishes | undefined;
  /** `NAME` or `NAME:PORT`: what clients call it, where that is none of its machine's own names. */
  readonly hosts?: readonly string[] | undefined;
  readonly ledger: string | undefined;
  /** Instead of a ledger's path. */
  readonly postgres?: PostgresDsn | undefined;
  readonly manifest: string | undefined;
  /** Absent: trust mode dev without an allow-list. */
  readonly trust?: TrustOptions | undefined;
  /** File of the keys that clients' events are encrypted with; absent: as the environment says. */
  readonly payloadKeys?: string | undefined;
  /** File of API keys; none: on a loopback address everybody may everything, in dev alone. */
  readonly keys: string | undefined;
  /** Calls of one tool by one tenant in a minute; 0 or absent: no limit. */
  readonly rateLimit?: number;
  readonly tls?: TlsFiles | undefined;
  readonly telemetry: TelemetryOptions;
  /** A tool policy of one's own instead of the built-in one: its file, and how it is signed. */
  readonly bundle?: Partial<Record<"file" | "key" | "scope", string | undefined>> | undefined;
  /** Who is told of calls that wait; the file holds the key that signs. */
  readonly webhook?: Partial<Record<"url" | "secret", string | undefined>> | undefined;
  readonly approvals?: ApprovalOptions | undefined;
  /** What happens to files that are read again while the server runs. */
  readonly onNotice?: (notice: ServeNotice) => void;
}

export interface ApprovalOptions {
  /** How long a call waits for a person; undefined: ten minutes. */
  readonly ttlSeconds?: number | undefined;
  /** A key may decide about what was asked for with it; not where trust is in earnest. */
  readonly isOwnDecided?: boolean | undefined;
  /** Days that one is kept when nothing can come of it any more; absent: nobody here removes it. */
  readonly keptDays?: number | undefined;
}

/** Where the ledger is in PostgreSQL. */
export interface PostgresDsn {
  readonly dsn: string;
  /** In a command, which everybody on this machine may read while it runs. */
  readonly isTyped: boolean;
}

/** Instead of a ledger's path: one that is gone with the process. */
export const memoryLedger = ":memory:";

/** Everything a server needs; nothing listens yet. */
export interface ServeParts {
  readonly hostname: string;
  /** Undefined: none. */
  readonly port: number | undefined;
  readonly socket: ServedSocket | undefined;
  /** What clients call it besides its own names. */
  readonly hosts: readonly HostName[];
  readonly log: ReturnType<typeof createControlLog>;
  readonly decide: Decide;
  /** SHA-256, hex, of the policy that `decide` asks now. */
  readonly policyHash: () => string;
  readonly manifest: JsonValue;
  /** What a request's own manifest declares may narrow this one, not replace it. */
  readonly isManifestBinding: boolean;
  readonly keys: readonly ServedKey[];
  readonly secret: Uint8Array;
  /** Of the ledger. */
  readonly origin: string;
  readonly nowMs: () => number;
  readonly monotonicMs: () => number;
  readonly rateLimit: number;
  readonly tls: TlsSource | undefined;
  readonly telemetry: Telemetry;
  readonly webhook: Webhook | undefined;
  readonly approvalRules: ApprovalRules;
  /** To be told whoever starts it. */
  readonly warnings: readonly string[];
  /** Reads again what may change while the server runs. */
  reload(): void;
  /** For when nothing is answered any more. */
  close(): Promise<void>;
}

/** @throws {AegisError} when the server could not answer as asked */
export async function prepareServe(
  options: ServeOptions,
  around: Surroundings,
): Promise<ServeParts> {
  const paths = aegisPaths(around.environment);
  privateDirectory(paths.home);
  const { onNotice = () => undefined } = options;
  const known = keysOf(options, around.directory);
  const keys = known.callers;
  const hosts = readHostNames(options.hosts ?? []);
  const approvalRules = approvalRulesOf(options);
  const { manifest, isManifestBinding, warnings } = await manifestOf(options, around.directory);
  const { hostname, port } = portOf(options, keys);
  const typed = options.postgres?.isTyped === true ? options.postgres.dsn : undefined;
  const dsnWarnings = typed === undefined ? [] : typedPassword("--dsn", typed);
  const bundle = bundleOf(options, around.directory);
  const tls = options.tls === undefined ? undefined : openTls(options.tls, onNotice);
  const opened = await storeOf(options, paths, around);
  const store = await withPayloadKeys(await sealedStore(opened), options.payloadKeys, around);
  const signer = await signerOf({ ...opened, store }, onNotice);
  const named = options.payloadKeys ?? around.environment[payloadKeysVariable] ?? "";
  const keepsPayloads = named === "";
  const telemetry = await openTelemetry({ ...options.telemetry, keepsPayloads }, around);
  const webhook = webhookOf(options, { telemetry, notify: onNotice }, around);
  const socket = await socketOf(options, onNotice, around);
  // Last: it may start a process, which whoever has the parts ends.
  const policy = await (bundle === undefined ? builtInPolicy() : filePolicy(bundle, onNotice));
  const log = createControlLog(store, opened.outside);
  const nowMs = () => around.clock.nowUnixMs();
  const kept = { log, nowMs, secret: serverSecret(paths.keys) };
  const retention = retentionOf(options, kept);
  return {
    ...{ hostname, port, socket, hosts, keys, tls, ...kept },
    rateLimit: options.rateLimit ?? 0,
    decide: policy.decide,
    policyHash: policy.hash,
    reload() {
      known.reload();
      socket?.reload();
      tls?.reload();
      policy.reload();
    },
    async close() {
      known.stop();
      tls?.stop();
      webhook?.stop();
      socket?.release();
      await retention?.stop();
      await policy.stop();
      await signer?.stop();
    },
    manifest,
    isManifestBinding,
    warnings: [...warnings, ...dsnWarnings, ...portWarnings(options)],
    origin: store.origin,
    monotonicMs: () => around.clock.monotonicMs(),
    ...{ telemetry, webhook, approvalRules },
  };
}

function keysOf(
  { keys, onNotice = () => undefined }: ServeOptions,
  directory: AbsPath,
): LiveCallers<ServedKey> {
  if (keys === undefined) return noCallers;
  return liveCallers(resolvePath(directory, keys), readKeys, onNotice);
}

/** Without keys a port is open to every process of this machine: to try things out, no further. */
function requireKeys({ address, mcp, keys, trust }: ServeOptions): void {
  if (trust?.mode !== "prod" || keys !== undefined) return;
  const served = address ?? mcp?.address;
  if (served === undefined) return;
  const why = `config: invalid trust_mode: prod, and no keys for "${served}": every process reaches it`;
  throw new AegisError("config/invalid", why, {
    hint: "give keys (--keys FILE), or serve on a Unix socket alone: listen (--listen unix:PATH)",
  });
}

function portOf(
  options: ServeOptions,
  keys: readonly ServedKey[],
): Pick<ServeParts, "hostname" | "port"> {
  requireKeys(options);
  const { address } = options;
  return address === undefined ? { hostname: "", port: undefined } : listenAddress(address, keys);
}

/** Loaded where one is asked for: the library that reads its requests is large. */
async function socketOf(
  { socket }: ServeOptions,
  notify: (notice: ServeNotice) => void,
  { directory, clock }: Surroundings,
): Promise<ServedSocket | undefined> {
  if (socket === undefined) return undefined;
  const { prepareSocket } = await import("./socket.ts");
  return prepareSocket(socket, directory, { notify, nowMs: () => clock.nowUnixMs() });
}

/** @throws {AegisError} for what is no address, and for one that others reach without keys */
export function listenAddress(
  text: string,
  keys: readonly ServedKey[],
): { readonly hostname: string; readonly port: number } {
  const address = addressOf(text);
  if (keys.length > 0 || isLoopback(address.hostname)) return address;
  const why = `Cannot serve on "${address.hostname}" without keys: others reach it`;
  throw new AegisError("usage", why, { hint: "give --keys FILE, or serve on 127.0.0.1" });
}

function bundleOf(
  { bundle: { file, key, scope } = {} }: ServeOptions,
  directory: AbsPath,
): BundleFile | undefined {
  const needless = (what: string, missing: string): AegisError =>
    new AegisError("config/invalid", `config: invalid ${what}: there is no ${missing}`);
  if (key === undefined && scope !== undefined) throw needless("bundle_scope", "bundle_key");
  if (file === undefined) {
    if (key !== undefined) throw needless("bundle_key", "bundle");
    return undefined;
  }
  return {
    path: resolvePath(directory, file),
    key: key === undefined ? undefined : resolvePath(directory, key),
    scope: scope ?? "",
  };
}

function webhookOf(
  { webhook }: ServeOptions,
  parts: Omit<WebhookParts, "nowMs">,
  { directory, clock }: Surroundings,
): Webhook | undefined {
  const { url, secret } = webhook ?? {};
  if (url === undefined && secret === undefined) return undefined;
  if (url === undefined || secret === undefined) {
    const missing = url === undefined ? "approval_webhook.url" : "approval_webhook.secret_file";
    throw new AegisError("config/invalid", `config: invalid ${missing}: it is missing`);
  }
  const options = { url, secretFile: resolvePath(directory, secret) };
  return openWebhook(options, { ...parts, nowMs: () => clock.nowUnixMs() });
}

function approvalRulesOf({ approvals = {}, trust }: ServeOptions): ApprovalRules {
  const { ttlSeconds, isOwnDecided = usualRules.isOwnDecided } = approvals;
  if (isOwnDecided && trust?.mode === "prod") {
    const why = "config: invalid approval_by_requester: trust_mode prod is on";
    throw new AegisError("config/invalid", why, {
      hint: "leave it out, and approve by another key",
    });
  }
  return { ttlMs: ttlSeconds === undefined ? usualRules.ttlMs : ttlSeconds * 1000, isOwnDecided };
}

function retentionOf(
  { approvals, onNotice = () => undefined }: ServeOptions,
  parts: Pick<ServeParts, "log" | "secret" | "nowMs">,
): Retention | undefined {
  const { keptDays } = approvals ?? {};
  return keptDays === undefined ? undefined : startRetention(parts, keptDays, onNotice);
}

function addressOf(text: string): { readonly hostname: string; readonly port: number } {
  const [, host = "", port = ""] = /^(.*):(\d{1,5})$/.exec(text) ?? [];
  const hostname = host.replace(/^\[(.*)\]$/, "$1");
  if (port === "" || Number(port) > 65_535) {
    throw new AegisError("usage", `Cannot serve on "${text}": it is no HOST:PORT`);
  }
  return { hostname: hostname === "" ? "127.0.0.1" : hostname, port: Number(port) };
}

function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "::1" || /^127(\.\d{1,3}){3}$/.test(hostname);
}

interface OpenedStore {
  readonly store: Store;
  /** Undefined for a ledger that is gone with the process: nobody signs it. */
  readonly outside: Omit<SigningParts, "store"> | undefined;
}

async function storeOf(
  { ledger, postgres }: ServeOptions,
  paths: ReturnType<typeof aegisPaths>,
  { directory, environment }: Surroundings,
): Promise<OpenedStore> {
  if (postgres !== undefined) {
    if (ledger !== undefined) {
      throw new AegisError(
        "usage",
        "Cannot serve two ledgers: --ledger and --dsn exclude each other",
      );
    }
    const place = postgresPlace(postgres.dsn, environment, directory);
    const { openPostgresStore } = await import("../../ledger/postgres/store.ts");
    const { outsideOf } = await import("../../ledger/postgres/open.ts");
    const store = await openPostgresStore(place);
    return { store, outside: outsideOf(place, paths.keys, store.origin) };
  }
  if (ledger !== memoryLedger) {
    const database = ledger === undefined ? paths.ledger : ledgerFile(directory, ledger);
    const store = openSteadyStore(database);
    return { store, outside: outsideOf({ database, keys: paths.keys }, store.origin) };
  }
  const { createMemoryStore } = await import("../../ledger/memory.ts");
  return { store: createMemoryStore("aegis.local/memory"), outside: undefined };
}

/** A ledger that is gone with the process is out of everybody's reach as it is. */
async function sealedStore({ store, outside }: OpenedStore): Promise<Store> {
  return outside === undefined ? store : sealRecords(store, outside);
}

async function signerOf(
  { store, outside }: OpenedStore,
  notify: (notice: ServeNotice) => void,
): Promise<HeadSigner | undefined> {
  if (outside === undefined) return undefined;
  return startHeadSigner({ store, ...outside }, (failure) => {
    const hint = failure instanceof AegisError ? failure.hint : undefined;
    const why = failure instanceof Error ? failure.message : String(failure);
    const message = `no checkpoint: ${why}${hint === undefined ? "" : `; ${hint}`}`;
    notify({ level: "error", message });
  });
}

interface ServedManifest {
  readonly manifest: JsonValue;
  readonly isManifestBinding: boolean;
  readonly warnings: readonly string[];
}

/** As it was written, once it is known to be valid and as trusted as the mode asks for. */
async function manifestOf(
  { manifest: name, trust = { mode: "dev", file: undefined } }: ServeOptions,
  directory: AbsPath,
): Promise<ServedManifest> {
  const isProd = trust.mode === "prod";
  // In prod what nobody signed grants nothing, be it the server's or a caller's.
  if (name === undefined) return { manifest: {}, isManifestBinding: isProd, warnings: [] };
  const path = resolvePath(directory, name);
  const read = await requireManifestText(path);
  const warnings = await requireTrust({ path, ...read }, trust);
  // In dev a doubt is a warning: without one it was verified.
  const isManifestBinding = isProd || warnings.length === 0;
  return { manifest: JSON.parse(read.text) as JsonValue, isManifestBinding, warnings };
}
