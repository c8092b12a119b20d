// Passes bytes between client and server of a granted connection, at the speed of the slower one.
// What the server sends passes at once; what the client sends passes as far as it has been judged:
// the name in a TLS hello, the host of every HTTP request. Half-closed connections stay half
// closed.

import { relayLingerMs } from "../base/limits.ts";
import type { Endpoint } from "./endpoint.ts";
import { Flow, type StartMove } from "./flow.ts";
import {
  judgeForeign,
  judgeHello,
  judgeRequest,
  type MessageVerdict,
  type RefusedMessage,
  type Setting,
} from "./message.ts";
import { Patience, type PatienceLimits } from "./patience.ts";
import { Inspector, type Step } from "./protocol/inspect.ts";
import { ResponseWatch } from "./protocol/response-watch.ts";
import type { Speech } from "./protocol/sniff.ts";
import type { Caller, Details, Judgement, Recorder } from "./record.ts";
import { refusalAnswer, tlsAlert } from "./refusal.ts";
import { takesForeign } from "./same-host.ts";

export interface RelayOptions extends Setting {
  readonly client: Endpoint;
  readonly upstream: Endpoint;
  readonly caller: Caller;
  readonly connection: number;
  readonly recorder: Recorder;
  /** What moves many bytes; undefined where there is nothing. */
  readonly startMove: StartMove | undefined;
  /** With a client that does not tell what it speaks. */
  readonly patience: PatienceLimits;
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
  readonly #patience: Patience;
  #watch: ResponseWatch | undefined;
  /** A verdict is being recorded. */
  #isBusy = false;
  #isRefused = false;
  #isOver = false;
  #hasClientEnded = false;
  #error: string | undefined;
  #serverName: string | undefined;

  constructor(options: RelayOptions) {
    this.#options = options;
    const { client, upstream, startMove, patience } = options;
    this.#patience = new Patience(
      patience,
      () => this.#passUndecided(),
      () => this.#refuseUndecided(),
    );
    this.#up = new Flow(client, upstream, startMove);
    this.#down = new Flow(upstream, client, startMove);
    this.#inspector = new Inspector(takesForeign(options.target));
  }

  start(early: Uint8Array): void {
    const { client, upstream } = this.#options;
    client.hand({
      data: (chunk) => this.#fromClient(chunk),
      end: () => this.#endOfClient(),
      drained: () => this.#down.drained(),
      closed: (error) => this.#closed(client, upstream, error),
    });
    upstream.hand({
      data: (chunk) => this.#fromServer(chunk),
      end: () => client.end(),
      drained: () => {
        if (this.#inspector.isOpen) this.#up.drained();
        else this.#resumeClient();
      },
      closed: (error) => this.#closed(upstream, client, error),
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
    const isOpen = this.#inspector.isUndecided && !this.#isRefused && !this.#hasClientEnded;
    if (!isOpen) this.#patience.stop();
    else if (!this.#inspector.hasAhead || !this.#passUndecided()) this.#patience.heard();
  }

  /** The client may be waiting for an answer to its first bytes; what follows is still judged. */
  #passUndecided(): boolean {
    const bytes = this.#inspector.undecided();
    if (bytes === undefined || judgeForeign(this.#options, bytes).kind === "refused") return false;
    this.#patience.stop();
    this.#forward(this.#inspector.sendAhead(bytes));
    return true;
  }

  #refuseUndecided(): void {
    const reason = "the first bytes are no TLS and no whole request";
    this.#patience.stop();
    const refused: RefusedMessage = { kind: "refused", status: 400, reason, rule: "", details: {} };
    const recorded = this.#refuse("other", refused);
    if (recorded !== undefined) this.#waitFor(recorded);
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
        this.#serverName = step.hello.serverName;
        return this.#enforce("tls", judgeHello(this.#options, step));
      case "request": {
        const isFirst = this.#inspector.requestCount === 1;
        return this.#enforce("http", judgeRequest(this.#options, step, isFirst));
      }
      case "foreign":
        return this.#enforce("other", judgeForeign(this.#options, step.bytes));
      case "refused":
        return this.#enforce(step.speech, { ...step, rule: "", details: {} });
    }
  }

  #forward(bytes: Uint8Array): void {
    const { client, upstream } = this.#options;
    if (!upstream.write(bytes)) client.pause();
  }

  /** Records the verdict where it has a row of its own, then does what it says. */
  #enforce(speech: Speech, verdict: MessageVerdict): Promise<void> | undefined {
    if (verdict.kind === "refused") return this.#refuse(speech, verdict);
    const { request } = verdict;
    const bytes = this.#inspector.behindAhead(verdict.bytes);
    if (bytes === undefined) {
      const reason = "the request has to be changed, and its beginning is with the server already";
      return this.#refuse(speech, { kind: "refused", status: 400, reason, rule: "", details: {} });
    }
    if (request === undefined) {
      this.#forward(bytes);
      return undefined;
    }
    const release = (): void => {
      this.#forward(bytes);
      if (!request.isUpgrade) return;
      this.#inspector.hold();
      this.#watch = new ResponseWatch();
    };
    return this.#record("NetRequest", "http", request.judgement, request.details, release);
  }

  /** Tells the client why, if it can still hear it, and ends both sides. */
  #refuse(
    speech: Speech,
    { status, reason, rule, details }: RefusedMessage,
  ): Promise<void> | undefined {
    const { client, upstream } = this.#options;
    this.#isRefused = true;
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
    const action = speech === "http" ? "NetRequest" : "NetConnect";
    const judgement: Judgement = { isAllowed: false, rule, reason };
    return this.#record(action, speech === "other" ? "tcp" : speech, judgement, details, finish);
  }

  /** Does `then` once the row is recorded; at once when that needs no waiting. */
  #record(
    action: "NetConnect" | "NetRequest",
    flags: string,
    judgement: Judgement,
    details: Details,
    then: () => void,
  ): Promise<void> | undefined {
    const { target, caller, recorder, connection } = this.#options;
    const { host, port, protocol } = target;
    const name = this.#serverName;
    const subject = { action, host: host.text, port, protocol, caller, flags };
    const recorded = recorder.record(subject, judgement, {
      ...details,
      connection,
      ...(name === undefined ? {} : { server_name: name }),
    });
    if (recorded !== undefined) return recorded.then(then);
    then();
    return undefined;
  }

  #closed(endpoint: Endpoint, other: Endpoint, error: string | undefined): void {
    this.#error ??= error;
    this.#patience.stop();
    // What it sent before it closed in peace is on its way.
    const isPeaceful = error === undefined && !endpoint.isReset && !other.isClosed;
    const outgoing = endpoint === this.#options.client ? this.#up : this.#down;
    const incoming = outgoing === this.#up ? this.#down : this.#up;
    incoming.over(true);
    outgoing.over(!isPeaceful).then(() => {
      if (other.isClosed) this.#over();
      else if (this.#isRefused) return;
      else if (error === undefined && !endpoint.isReset) other.end();
      else other.reset();
    });
  }

  #over(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const outcome = { error: this.#error, serverName: this.#serverName };
    Promise.all([this.#up.over(true), this.#down.over(true)]).then(() =>
      this.#options.onOver(outcome),
    );
  }
}
