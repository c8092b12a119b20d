// Passes bytes between client and server of a granted connection, at the speed of the slower one.
// What the server sends passes at once; what the client sends passes as far as it has been judged:
// the name in a TLS hello, the host of every HTTP request. Half-closed connections stay half
// closed.

import { relayLingerMs } from "../base/limits.ts";
import type { Kernel } from "./bulk.ts";
import type { Endpoint } from "./endpoint.ts";
import { Flow } from "./flow.ts";
import { parseHost } from "./host.ts";
import type { RequestHead } from "./http-head.ts";
import { encodeHead } from "./http-head.ts";
import { asOriginRequest, destinationOf, upgradeOf, withoutFields } from "./http-rules.ts";
import { Inspector, type Step } from "./inspect.ts";
import type { Judge, Target } from "./judge.ts";
import type { Caller, Details, Judgement, Recorder } from "./record.ts";
import { refusalAnswer, tlsAlert } from "./refusal.ts";
import { ResponseWatch } from "./response-watch.ts";
import { flawOfHost, isLocal, takesForeign } from "./same-host.ts";

export interface RelayOptions {
  readonly client: Endpoint;
  readonly upstream: Endpoint;
  readonly target: Target;
  readonly caller: Caller;
  readonly connection: number;
  readonly judge: Judge;
  readonly recorder: Recorder;
  /** The client speaks to a proxy: one request with a whole URL. */
  readonly isProxied: boolean;
  /** What moves many bytes; undefined where there is nothing. */
  readonly kernel: () => Kernel | undefined;
  /** Both ends are closed. */
  readonly onOver: (outcome: RelayOutcome) => void;
}

export interface RelayOutcome {
  readonly error: string | undefined;
  readonly serverName: string | undefined;
}

/** Takes over both endpoints; `early` is what the client sent before. */
export function startRelay(options: RelayOptions, early: Uint8Array): void {
  new Relay(options).start(early);
}

class Relay {
  readonly #options: RelayOptions;
  readonly #inspector: Inspector;
  readonly #up: Flow;
  readonly #down: Flow;
  #watch: ResponseWatch | undefined;
  /** A verdict is being recorded. */
  #isBusy = false;
  #isRefused = false;
  #hasClientEnded = false;
  #error: string | undefined;
  #serverName: string | undefined;

  constructor(options: RelayOptions) {
    this.#options = options;
    const { client, upstream, kernel } = options;
    this.#up = new Flow(client, upstream, kernel);
    this.#down = new Flow(upstream, client, kernel);
    this.#inspector = new Inspector(takesForeign(options.target));
  }

  start(early: Uint8Array): void {
    const { client, upstream } = this.#options;
    client.hand({
      data: (chunk) => this.#fromClient(chunk),
      end: () => this.#endOfClient(),
      drained: () => this.#down.drained(),
      closed: (error) => this.#closed(upstream, error),
    });
    upstream.hand({
      data: (chunk) => this.#fromServer(chunk),
      end: () => client.end(),
      drained: () => {
        if (this.#inspector.isOpen) this.#up.drained();
        else this.#resumeClient();
      },
      closed: (error) => this.#closed(client, error),
    });
    this.#inspector.push(early);
    this.#hasClientEnded = client.hasPeerEnded;
    this.#pump();
    if (upstream.hasPeerEnded) client.end();
    upstream.resume();
    this.#resumeClient();
  }

  #fromClient(chunk: Uint8Array): void {
    if (this.#isRefused) return;
    if (this.#inspector.isOpen) {
      this.#up.pass(chunk);
      return;
    }
    this.#inspector.push(chunk);
    this.#pump();
  }

  #fromServer(chunk: Uint8Array): void {
    if (this.#isRefused) return;
    this.#down.pass(chunk);
    const outcome = this.#watch?.read(chunk);
    if (outcome === undefined) return;
    this.#watch = undefined;
    if (outcome === "switched") this.#inspector.open();
    else this.#inspector.release();
    this.#pump();
    this.#resumeClient();
  }

  #endOfClient(): void {
    this.#hasClientEnded = true;
    this.#pump();
  }

  #resumeClient(): void {
    const { client, upstream } = this.#options;
    if (!this.#isBusy && this.#watch === undefined && upstream.isIdle) client.resume();
  }

  /** Lets through what is judged, one piece after the other. */
  #pump(): void {
    while (!this.#isBusy && !this.#isRefused) {
      const step = this.#inspector.next() ?? this.#lastStep();
      if (step === undefined) break;
      const wait = this.#perform(step);
      if (wait !== undefined) this.#waitFor(wait);
    }
    const isThrough = this.#hasClientEnded && !this.#isBusy && this.#watch === undefined;
    if (isThrough && !this.#isRefused) this.#options.upstream.end();
  }

  #lastStep(): Step | undefined {
    return this.#hasClientEnded ? this.#inspector.finish() : undefined;
  }

  #waitFor(recorded: Promise<void>): void {
    const { client, upstream } = this.#options;
    this.#isBusy = true;
    client.pause();
    recorded.then(
      () => {
        this.#isBusy = false;
        this.#pump();
        this.#resumeClient();
      },
      () => {
        // What cannot be recorded does not happen.
        client.reset();
        upstream.reset();
      },
    );
  }

  #perform(step: Step): Promise<void> | undefined {
    switch (step.kind) {
      case "forward":
        this.#forward(step.bytes);
        return undefined;
      case "hello":
        return this.#judgeHello(step);
      case "request":
        return this.#judgeRequest(step.head, step.bytes);
      case "foreign":
        return this.#judgeForeign(step.bytes);
      case "refused": {
        const subject = step.speech === "http" ? "NetRequest" : "NetConnect";
        return this.#refuse(subject, step.speech, { status: step.status, reason: step.reason });
      }
    }
  }

  #forward(bytes: Uint8Array): void {
    const { client, upstream } = this.#options;
    if (!upstream.write(bytes)) client.pause();
  }

  #judgeHello({ hello, bytes }: Extract<Step, { kind: "hello" }>): Promise<void> | undefined {
    const { target, judge } = this.#options;
    const { serverName, hasEncryptedHello } = hello;
    this.#serverName = serverName;
    const host = serverName === undefined ? undefined : parseHost(serverName);
    const isMissing = serverName === undefined && target.host.ip !== undefined;
    const reason =
      isMissing || (host !== undefined && flawOfHost(host, target, judge) === undefined)
        ? undefined
        : `the TLS client asks for ${serverName === undefined ? "no server" : `"${serverName}"`}`;
    if (reason === undefined) {
      this.#forward(bytes);
      return undefined;
    }
    const more = hasEncryptedHello ? ", with another name encrypted" : "";
    return this.#refuse("NetConnect", "tls", { status: 403, reason: `${reason}${more}` });
  }

  #judgeForeign(bytes: Uint8Array): Promise<void> | undefined {
    const { target } = this.#options;
    const isShell = Buffer.from(bytes.subarray(0, 4)).toString("latin1") === "SSH-";
    if (isShell || takesForeign(target) || !webPorts.has(target.port)) {
      this.#forward(bytes);
      return undefined;
    }
    const reason = `port ${target.port} takes TLS, HTTP/1.x and SSH only`;
    return this.#refuse("NetConnect", "other", { status: 403, reason });
  }

  #judgeRequest(head: RequestHead, bytes: Uint8Array): Promise<void> | undefined {
    const { target, judge, isProxied, recorder } = this.#options;
    const destination = destinationOf(head);
    if ("reason" in destination) return this.#refuse("NetRequest", "http", destination);
    const { host, port, path } = destination;
    const details = { method: head.method, url: urlOf(host.text, port ?? target.port, path) };
    const flaw =
      flawOfHost(host, target, judge) ??
      flawOfPort(port, target.port) ??
      (isProxied && this.#inspector.requestCount > 1 ? "a second request" : undefined);
    if (flaw !== undefined)
      return this.#refuse("NetRequest", "http", { status: 403, reason: flaw }, details);
    const judgement = judge.request(isLocal(host, target) ? target : { ...target, host });
    if (!judgement.isAllowed)
      return this.#refuse("NetRequest", "http", { status: 403, ...judgement }, details);
    const upgrade = upgradeOf(head);
    const isSocket = upgrade.length === 1 && upgrade[0] === "websocket";
    if (isSocket && this.#inspector.requestCount > 1) {
      const reason = "an upgrade that is not the first request";
      return this.#refuse("NetRequest", "http", { status: 400, reason }, details);
    }
    const release = (): void => {
      this.#forward(this.#toSend(head, bytes, isSocket));
      if (!isSocket || isProxied) return;
      this.#inspector.hold();
      this.#watch = new ResponseWatch();
    };
    const subject = this.#subject("NetRequest", host.text, "http");
    const recorded = recorder.record(subject, judgement, this.#details(details));
    if (recorded === undefined) {
      release();
      return undefined;
    }
    return recorded.then(release);
  }

  #toSend(head: RequestHead, bytes: Uint8Array, isSocket: boolean): Uint8Array {
    if (this.#options.isProxied) return asOriginRequest(head);
    if (isSocket || !head.fields.some(({ name }) => unjudged.test(name))) return bytes;
    return encodeHead(head, head.target, withoutFields(head.fields, unjudged));
  }

  /** Tells the client why, if it can still hear it, and ends both sides. */
  #refuse(
    action: "NetConnect" | "NetRequest",
    speech: "tls" | "http" | "other",
    { status, reason, rule = "" }: { status: number; reason: string; rule?: string },
    details: Details = {},
  ): Promise<void> | undefined {
    const { client, upstream, recorder, target } = this.#options;
    this.#isRefused = true;
    const judgement: Judgement = { isAllowed: false, rule, reason };
    const subject = this.#subject(action, target.host.text, speech === "other" ? "tcp" : speech);
    const finish = (): void => {
      this.#error = reason;
      const canAnswer = upstream.bytesReceived === 0;
      upstream.reset();
      if (canAnswer && speech === "http") client.write(refusalAnswer(status, reason));
      if (canAnswer && speech === "tls") client.write(tlsAlert);
      client.end();
      client.resume();
      setTimeout(() => client.reset(), relayLingerMs).unref();
    };
    const recorded = recorder.record(subject, judgement, this.#details(details));
    if (recorded === undefined) {
      finish();
      return undefined;
    }
    return recorded.then(finish);
  }

  #subject(action: "NetConnect" | "NetRequest", host: string, flags: string) {
    const { target, caller } = this.#options;
    return { action, host, port: target.port, protocol: target.protocol, caller, flags };
  }

  #details(details: Details): Details {
    const name = this.#serverName;
    return {
      ...details,
      connection: this.#options.connection,
      ...(name === undefined ? {} : { server_name: name }),
    };
  }

  #closed(other: Endpoint, error: string | undefined): void {
    this.#error ??= error;
    this.#up.close();
    this.#down.close();
    if (other.isClosed) {
      this.#options.onOver({ error: this.#error, serverName: this.#serverName });
      return;
    }
    if (this.#isRefused) return;
    if (error === undefined) other.end();
    else other.reset();
  }
}

/** Ports where only what can be judged is spoken, and SSH, which asks for no host. */
const webPorts: ReadonlySet<number> = new Set([80, 443, 8080, 8443]);
/** Upgrades to what cannot be judged are not offered to the server. */
const unjudged = /^(upgrade|http2-settings|proxy-authorization|proxy-connection)$/i;

function flawOfPort(port: number | undefined, wanted: number): string | undefined {
  if (port === undefined || port === wanted) return undefined;
  return `the request is for port ${port}, the connection for ${wanted}`;
}

function urlOf(host: string, port: number, path: string): string {
  const shown = host.includes(":") ? `[${host}]` : host;
  const place = port === 80 ? shown : `${shown}:${port}`;
  return `http://${place}${path === "*" ? "/" : path}`;
}
