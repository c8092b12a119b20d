// What a client sends, cut into pieces that can be judged: the TLS hello, each HTTP request, the
// bytes between. A piece comes out only when it is whole, and what follows it waits for the
// verdict.

import { Gather } from "./gather.ts";
import { HelloRetry } from "./hello-retry.ts";
import { BodyReader } from "./http-body.ts";
import { HeadReader, type HttpFlaw, type RequestHead } from "./http-head.ts";
import { type Speech, sniff } from "./sniff.ts";
import { type ClientHello, parseClientHello } from "./tls-hello.ts";

export type Step =
  /** Belongs to what was judged already. */
  | { readonly kind: "forward"; readonly bytes: Buffer }
  /** Once granted, everything after it is a matter between client and server. */
  | { readonly kind: "hello"; readonly hello: ClientHello; readonly bytes: Buffer }
  | { readonly kind: "request"; readonly head: RequestHead; readonly bytes: Buffer }
  /** Neither TLS nor HTTP: nothing in it can be judged. */
  | { readonly kind: "foreign"; readonly bytes: Buffer }
  | ({ readonly kind: "refused"; readonly speech: Speech } & HttpFlaw);

/** The first line of a client that knows that the server speaks HTTP/2 (RFC 9113 section 3.4). */
const priorKnowledge = "PRI * HTTP/2.0\r\n";

type State = "sniff" | "tls" | "retry" | "head" | "body" | "open" | "held" | "refused";

export class Inspector {
  #state: State = "sniff";
  #head = new HeadReader();
  #body: BodyReader | undefined;
  #retry: HelloRetry | undefined;
  readonly #gather = new Gather();
  #requestCount = 0;
  /** Is with the server already, and still at the front of the piece it belongs to. */
  #ahead: Buffer = Buffer.alloc(0);
  readonly #takesPriorKnowledge: boolean;

  /** @param takesPriorKnowledge HTTP/2 without TLS, which cannot be judged, counts as foreign */
  constructor(takesPriorKnowledge: boolean) {
    this.#takesPriorKnowledge = takesPriorKnowledge;
  }

  /** Nothing more has to be looked at: pass everything on. */
  get isOpen(): boolean {
    return this.#state === "open" && this.#gather.length === 0;
  }

  /** There are first bytes, and they do not tell yet what the client speaks. */
  get isUndecided(): boolean {
    return this.#state === "sniff" && this.#gather.length > 0;
  }

  /** Bytes went ahead of the piece they belong to. */
  get hasAhead(): boolean {
    return this.#ahead.length > 0;
  }

  /** Requests that came out whole. */
  get requestCount(): number {
    return this.#requestCount;
  }

  push(chunk: Uint8Array): void {
    if (chunk.length > 0) this.#gather.push(chunk);
  }

  /** The next piece; undefined when more bytes are needed first. */
  next(): Step | undefined {
    if (this.#gather.length === 0) return undefined;
    switch (this.#state) {
      case "sniff":
        return this.#begin(this.#sniff(false));
      case "tls":
        return this.#readHello();
      case "retry":
        return this.#readRetry();
      case "head":
        return this.#readHead();
      case "body":
        return this.#readBody();
      case "open":
        return { kind: "forward", bytes: this.#gather.take(this.#gather.length) };
      default:
        return undefined;
    }
  }

  /** The client sends no more: what is not whole yet will never be. */
  finish(): Step | undefined {
    if (this.#state !== "sniff" || this.#gather.length === 0) return undefined;
    return this.#sniff(true) === "other" ? this.#begin("other") : undefined;
  }

  /**
   * All first bytes so far, unless they resemble a request: that only passes whole. They stay where
   * they are, so whatever they turn out to begin is still judged.
   */
  undecided(): Buffer | undefined {
    const isHarmless = this.isUndecided && this.#sniff(true) === "other";
    return isHarmless ? this.#gather.view() : undefined;
  }

  /** @returns what of `first` is not with the server, which is there after this */
  sendAhead(first: Buffer): Buffer {
    const sizeBefore = this.#ahead.length;
    this.#ahead = Buffer.from(first);
    return this.#ahead.subarray(sizeBefore);
  }

  /** The bytes without those that went ahead; undefined when something else went ahead. */
  behindAhead(bytes: Uint8Array): Uint8Array | undefined {
    const size = this.#ahead.length;
    const isSame = this.#ahead.equals(bytes.subarray(0, size));
    this.#ahead = Buffer.alloc(0);
    return isSame ? bytes.subarray(size) : undefined;
  }

  /** Judged: the rest passes. */
  open(): void {
    this.#state = "open";
  }

  /** Nothing comes out until `open` or `release`. */
  hold(): void {
    this.#state = "held";
  }

  /** The next bytes are a request again. */
  release(): void {
    this.#state = "head";
  }

  #sniff(isComplete: boolean): Speech | undefined {
    const bytes = this.#gather.view();
    const speech = sniff(bytes, isComplete);
    const isHttp2 = speech === "http" && bytes.toString("latin1", 0, priorKnowledge.length);
    return this.#takesPriorKnowledge && isHttp2 === priorKnowledge ? "other" : speech;
  }

  #begin(speech: Speech | undefined): Step | undefined {
    if (speech === undefined) return undefined;
    if (speech === "other") {
      this.#state = "open";
      return { kind: "foreign", bytes: this.#gather.take(this.#gather.length) };
    }
    this.#state = speech === "tls" ? "tls" : "head";
    return this.next();
  }

  #readHello(): Step | undefined {
    const step = parseClientHello(this.#gather.view());
    if (step.kind === "more") return undefined;
    if (step.kind === "refused") return this.#refuse("tls", { status: 400, reason: step.reason });
    const { hello, length } = step;
    const isFirst = this.#retry === undefined;
    this.#retry = new HelloRetry(hello.hasEarlyData);
    this.#state = isFirst && hello.mayRetry ? "retry" : "open";
    return { kind: "hello", hello, bytes: this.#gather.take(length) };
  }

  #readRetry(): Step | undefined {
    const step = this.#retry?.read(this.#gather.view()) ?? { kind: "over" };
    if (step.kind === "more") return undefined;
    if (step.kind === "pass") return { kind: "forward", bytes: this.#gather.take(step.length) };
    this.#state = step.kind === "hello" ? "tls" : "open";
    return this.next();
  }

  #readHead(): Step | undefined {
    const step = this.#head.read(this.#gather.view());
    if (step.kind === "more") return undefined;
    if (step.kind === "refused") return this.#refuse("http", step);
    this.#head = new HeadReader();
    this.#body = new BodyReader(step.head.framing);
    this.#state = "body";
    this.#requestCount += 1;
    const bytes = this.#gather.take(step.head.sizeBytes);
    return { kind: "request", head: step.head, bytes };
  }

  #readBody(): Step | undefined {
    const step = this.#body?.read(this.#gather.view()) ?? { kind: "end", length: 0 };
    if (step.kind === "refused") return this.#refuse("http", step);
    if (step.kind === "end") this.#state = "head";
    if (step.length === 0) return this.next();
    return { kind: "forward", bytes: this.#gather.take(step.length) };
  }

  #refuse(speech: Speech, { status, reason }: HttpFlaw): Step {
    this.#state = "refused";
    return { kind: "refused", speech, status, reason };
  }
}
