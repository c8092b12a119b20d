// Tells somebody's server that a tool call waits for a person: one POST for each, signed as the
// Standard Webhooks specification says, tried again within bounds. The address may hold a secret,
// so that only its origin is ever shown. Nothing that the receiver answers is read.

import { AegisError } from "../../base/errors.ts";
import { uniqueSuffix } from "../../base/ids.ts";
import type { AbsPath } from "../../base/paths.ts";
import { readSecretFile } from "../../config/secret-file.ts";
import type { Telemetry, TelemetrySpan } from "../../control/telemetry/span.ts";
import { pause } from "../pause.ts";
import type { AskedApproval } from "./approval-requests.ts";
import type { ServeNotice } from "./tool-policy.ts";

export interface WebhookOptions {
  readonly url: string;
  readonly secretFile: AbsPath;
}

export interface Webhook {
  /** @param parent `traceparent` of what led to it */
  send(asked: AskedApproval, parent?: string): void;
  counts(): { readonly delivered: number; readonly failed: number };
  /** Gives up what is under way. */
  stop(): void;
}

export interface WebhookParts {
  readonly telemetry: Telemetry;
  readonly nowMs: () => number;
  readonly notify: (notice: ServeNotice) => void;
}

const attemptsMax = 8;
const firstDelayMs = 500;
const delayMaxMs = 60_000;
const answerTimeoutMs = 10_000;
/** Messages on their way; what comes on top is not sent. */
const underWayMax = 256;
/** Larger arguments are to be looked up by the token. */
const argumentsMaxLength = 64 * 1024;
const secretMinBytes = 16;

/** @throws {AegisError} `config/invalid` */
export function openWebhook(options: WebhookOptions, parts: WebhookParts): Webhook {
  const { notify, nowMs } = parts;
  const url = receiverUrl(options.url);
  const key = signingKey(options.secretFile);
  const stopped = new AbortController();
  let underWay = 0;
  let delivered = 0;
  let failed = 0;

  async function deliver(asked: AskedApproval, span: TelemetrySpan): Promise<string | undefined> {
    const body = JSON.stringify(messageOf(asked, nowMs()));
    const id = `msg_${uniqueSuffix().replaceAll("-", "")}`;
    let delay = firstDelayMs;
    for (let attempt = 1; ; attempt++) {
      const headers = { ...signed(key, id, body, nowMs()), ...span.headers() };
      const outcome = await post(url, body, headers, stopped.signal);
      if (outcome.isDone) return undefined;
      const isLate = nowMs() + delay > asked.approval.expires_ms;
      if (!outcome.isRetried || attempt === attemptsMax || isLate || stopped.signal.aborted)
        return outcome.why;
      await pause(Math.max(delay, outcome.waitMs), stopped.signal);
      delay = Math.min(delay * 2, delayMaxMs);
    }
  }

  return {
    send(asked, parent) {
      const { tenant_id: tenant, session_id: session } = asked.approval;
      const text = `the webhook ${url.origin} was not told of a call that waits`;
      if (underWay >= underWayMax) {
        failed += 1;
        notify({ level: "error", message: `${text}: too many are under way` });
        return;
      }
      underWay += 1;
      const attributes = { "http.request.method": "POST", "server.address": url.hostname };
      const name = "POST approval.requested";
      const span = parts.telemetry.start({ name, kind: "client", parent, attributes });
      span.of({ tenant, session });
      void deliver(asked, span).then((why) => {
        underWay -= 1;
        span.end(why === undefined ? undefined : "not_delivered");
        if (why === undefined) delivered += 1;
        else {
          failed += 1;
          notify({ level: "error", message: `${text}: ${why}` });
        }
      });
    },
    counts: () => ({ delivered, failed }),
    stop: () => stopped.abort(),
  };
}

function messageOf({ token, approval }: AskedApproval, nowMs: number): object {
  const { tenant_id, session_id, tool_name, orig_args, created_ms, expires_ms } = approval;
  const isSmall = JSON.stringify(orig_args).length <= argumentsMaxLength;
  return {
    type: "approval.requested",
    timestamp: new Date(nowMs).toISOString(),
    data: {
      token,
      tenant_id,
      session_id,
      tool_name,
      ...(isSmall ? { args: orig_args } : { args_omitted: true }),
      created_ms,
      expires_ms,
    },
  };
}

function signed(
  key: Uint8Array,
  id: string,
  body: string,
  nowMs: number,
): Readonly<Record<string, string>> {
  const at = String(Math.floor(nowMs / 1000));
  const hash = new Bun.CryptoHasher("sha256", key).update(`${id}.${at}.${body}`).digest("base64");
  return {
    "Content-Type": "application/json",
    "User-Agent": "aegis",
    "webhook-id": id,
    "webhook-timestamp": at,
    "webhook-signature": `v1,${hash}`,
  };
}

interface Delivery {
  readonly isDone: boolean;
  readonly isRetried: boolean;
  readonly why: string;
  /** What the receiver asked for. */
  readonly waitMs: number;
}

async function post(
  url: URL,
  body: string,
  headers: Readonly<Record<string, string>>,
  stopped: AbortSignal,
): Promise<Delivery> {
  const signal = AbortSignal.any([stopped, AbortSignal.timeout(answerTimeoutMs)]);
  try {
    // Another place than the one that was named is told nothing.
    const response = await fetch(url, {
      method: "POST",
      body,
      headers,
      redirect: "manual",
      signal,
    });
    await response.body?.cancel();
    const { status } = response;
    const after = Number(response.headers.get("Retry-After") ?? 0);
    return {
      isDone: status >= 200 && status < 300,
      isRetried: status >= 500 || status === 408 || status === 429,
      why: `it answered ${status}`,
      waitMs: after > 0 ? Math.min(after * 1000, delayMaxMs) : 0,
    };
  } catch (error) {
    // Messages of some failures quote the address.
    const why = error instanceof Error && error.name === "TimeoutError" ? "in time" : "at all";
    return { isDone: false, isRetried: true, why: `it did not answer ${why}`, waitMs: 0 };
  }
}

function receiverUrl(text: string): URL {
  const url = URL.parse(text);
  if (url === null) throw invalid("its address is none");
  const isHere = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(url.hostname);
  if (url.protocol !== "https:" && !(url.protocol === "http:" && isHere))
    throw invalid("its address has to be https, or on this machine");
  if (url.username !== "" || url.password !== "")
    throw invalid("its address has a user or a password, and requests are signed instead");
  return url;
}

/** `whsec_` and base64, or any text. */
function signingKey(path: AbsPath): Uint8Array {
  const text = readSecretFile(path, (why) => invalid(`"${path}": ${why}`)).trim();
  const encoded = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(text)?.[1];
  const key = encoded === undefined ? new TextEncoder().encode(text) : fromBase64Text(encoded);
  if (key.length >= secretMinBytes) return key;
  throw invalid(`"${path}" has fewer than ${secretMinBytes} bytes`);
}

function fromBase64Text(text: string): Uint8Array {
  try {
    return Uint8Array.fromBase64(text);
  } catch {
    // ignored: a key without bytes is refused by its length
    return new Uint8Array();
  }
}

function invalid(why: string): AegisError {
  return new AegisError("config/invalid", `Cannot use the approval webhook: ${why}`, {
    hint: "docs/control-plane.md says what it needs",
  });
}
