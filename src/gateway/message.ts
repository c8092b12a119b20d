// What a client says inside a granted connection, judged: the TLS hello, each request, and what is
// neither. Every function answers with a verdict and the bytes that may pass; none does anything.

import { type Credential, type CredentialPlace, fillCredentials, plainPort } from "./credential.ts";
import { parseHost } from "./host.ts";
import { asOriginRequest, destinationOf, upgradeOf, withoutFields } from "./http-rules.ts";
import type { Judge, Target } from "./judge.ts";
import { encodeHead, hasBody, type RequestHead } from "./protocol/http-head.ts";
import type { Step } from "./protocol/inspect.ts";
import type { Details, Judgement } from "./record.ts";
import { flawOfHost, isLocal, takesForeign } from "./same-host.ts";

/** What the messages of a connection are judged by. */
export interface Setting {
  /** What was granted and is connected to. */
  readonly target: Target;
  readonly judge: Judge;
  /** The client speaks to a proxy: one request with a whole URL. */
  readonly isProxied: boolean;
  /** The gateway speaks TLS for the client, which speaks plain HTTP to port 80. */
  readonly isWrapped: boolean;
  readonly credentials: readonly Credential[];
}

export type MessageVerdict =
  | {
      readonly kind: "granted";
      readonly bytes: Uint8Array;
      /** For a row of its own; undefined for what is part of the connection. */
      readonly request: GrantedRequest | undefined;
    }
  | RefusedMessage;

export interface GrantedRequest {
  readonly judgement: Judgement;
  readonly details: Details;
  /** What follows waits for the answer of the server. */
  readonly isUpgrade: boolean;
}

export interface RefusedMessage {
  readonly kind: "refused";
  /** HTTP status, for a client that speaks it. */
  readonly status: number;
  readonly reason: string;
  /** Rule that forbids it, empty when it is none. */
  readonly rule: string;
  readonly details: Details;
}

export function judgeHello(
  { target, judge, isWrapped }: Setting,
  { hello, bytes }: Extract<Step, { kind: "hello" }>,
): MessageVerdict {
  const { serverName, hasEncryptedHello } = hello;
  if (isWrapped) return refused(403, wrappedTakesHttp);
  const host = serverName === undefined ? undefined : parseHost(serverName);
  const isRight =
    serverName === undefined
      ? target.host.ip !== undefined
      : host !== undefined && flawOfHost(host, target, judge) === undefined;
  if (isRight) return { kind: "granted", bytes, request: undefined };
  const asked = serverName === undefined ? "no server" : `"${serverName}"`;
  const more = hasEncryptedHello ? ", with another name encrypted" : "";
  return refused(403, `the TLS client asks for ${asked}${more}`);
}

export function judgeForeign({ target, isWrapped }: Setting, bytes: Buffer): MessageVerdict {
  const isShell = bytes.toString("latin1", 0, 4) === "SSH-";
  if (isWrapped) return refused(403, wrappedTakesHttp);
  if (isShell || takesForeign(target) || !webPorts.has(target.port))
    return { kind: "granted", bytes, request: undefined };
  return refused(403, `port ${target.port} takes TLS, HTTP/1.x and SSH only`);
}

/** @param isFirst no request was made on this connection before */
export function judgeRequest(
  setting: Setting,
  { head, bytes }: { readonly head: RequestHead; readonly bytes: Uint8Array },
  isFirst: boolean,
): MessageVerdict {
  const { target, judge, isProxied, isWrapped, credentials } = setting;
  const destination = destinationOf(head);
  if ("reason" in destination) return refused(destination.status, destination.reason);
  const { host, path } = destination;
  const wantedPort = isWrapped ? plainPort : target.port;
  const port = destination.port ?? wantedPort;
  const details: Details = {
    method: head.method,
    url: urlOf(isWrapped ? "https" : "http", host.text, isWrapped ? target.port : port, path),
  };
  const upgrade = upgradeOf(head);
  const isUpgrade = upgrade.length === 1 && upgrade[0] === "websocket" && !isProxied;
  const flaw =
    flawOfHost(host, target, judge) ??
    (port === wantedPort ? undefined : `the request is for port ${port}, not ${wantedPort}`) ??
    (isProxied && !isFirst ? "a second request to the proxy" : undefined) ??
    (isUpgrade && !isFirst ? "an upgrade that is not the first request" : undefined) ??
    // A server that does not agree may answer before the body, which nobody awaits here any more.
    (isUpgrade && hasBody(head) ? "an upgrade with a body" : undefined);
  if (flaw !== undefined) return refused(403, flaw, details);
  const judgement = judge.request(isLocal(host, target) ? target : { ...target, host });
  if (!judgement.isAllowed) return refused(403, judgement.reason, details, judgement.rule);
  const place = { host: target.host.text, port: target.port, isWrapped };
  const filled = fillHead(head, credentials, place);
  return {
    kind: "granted",
    bytes: bytesOf(setting, filled.head, filled.head === head ? bytes : undefined, isUpgrade),
    request: { judgement, details: { ...details, ...filled.details }, isUpgrade },
  };
}

/** Ports where only what can be judged is spoken, and SSH, which asks for no host. */
const webPorts: ReadonlySet<number> = new Set([80, 443, 8080, 8443]);
/** Upgrades to what cannot be judged are not offered to the server. */
const unjudged = /^(upgrade|http2-settings|proxy-authorization|proxy-connection)$/i;
const wrappedTakesHttp = "port 80 of a host with a credential takes plain HTTP only";

function refused(status: number, reason: string, details: Details = {}, rule = ""): RefusedMessage {
  return { kind: "refused", status, reason, rule, details };
}

function fillHead(
  head: RequestHead,
  credentials: readonly Credential[],
  place: CredentialPlace,
): { readonly head: RequestHead; readonly details: Details } {
  if (credentials.length === 0) return { head, details: {} };
  const { target, fields, used, strayed } = fillCredentials(credentials, head, place);
  const details: Details = {
    ...(used.length === 0 ? {} : { credentials: used }),
    ...(strayed.length === 0 ? {} : { strayed_credentials: strayed }),
  };
  return { head: used.length === 0 ? head : { ...head, target, fields }, details };
}

/** @param original the bytes of the head, when nothing in it was changed */
function bytesOf(
  { isProxied }: Setting,
  head: RequestHead,
  original: Uint8Array | undefined,
  isUpgrade: boolean,
): Uint8Array {
  if (isProxied) return asOriginRequest(head);
  const hasUnjudged = !isUpgrade && head.fields.some(({ name }) => unjudged.test(name));
  if (hasUnjudged) return encodeHead(head, head.target, withoutFields(head.fields, unjudged));
  return original ?? encodeHead(head, head.target, head.fields);
}

function urlOf(scheme: "http" | "https", host: string, port: number, path: string): string {
  const shown = host.includes(":") ? `[${host}]` : host;
  const isUsual = port === (scheme === "http" ? 80 : 443);
  return `${scheme}://${shown}${isUsual ? "" : `:${port}`}${path === "*" ? "/" : path}`;
}
