// The gateway as a proxy, for programs that use one: HTTP CONNECT, HTTP requests with whole URLs,
// and SOCKS5. Who comes through the helper is known already; everybody else must show the password
// that only the box was given. Every byte comes from somebody who is not trusted.

import type { Endpoint } from "./endpoint.ts";
import type { Host } from "./host.ts";
import { destinationOf, parseAuthority } from "./http-rules.ts";
import { Gather } from "./protocol/gather.ts";
import { HeadReader, hasBody, type RequestHead, valuesOf } from "./protocol/http-head.ts";
import { areEqual } from "./protocol/preamble.ts";
import {
  loginReply,
  methodReply,
  parseGreeting,
  parseLogin,
  parseRequest,
  replyOfErrno,
  type SocksStep,
  socksMethod,
  socksVersion,
} from "./protocol/socks.ts";
import type { Caller } from "./record.ts";
import { refusalAnswer } from "./refusal.ts";

/** What a client of the proxy asked for. */
export interface ProxyRequest {
  readonly host: Host;
  readonly port: number;
  /** One request with a whole URL, which is still among `early`. */
  readonly isProxied: boolean;
  readonly flags: "proxy connect" | "proxy request" | "socks5";
  /** What follows the greeting. */
  readonly early: Uint8Array;
  /** Tells the client: 0, or the errno of the connection. */
  readonly answer: (errno: number) => void;
}

export interface ProxyOptions {
  readonly client: Pick<Endpoint, "write" | "end" | "pause">;
  /** Undefined: whoever this is must log in first. */
  readonly caller: Caller | undefined;
  /** As it travels: `user:password`. */
  readonly login: string;
  /** Called once, with the client paused. */
  readonly onRequest: (request: ProxyRequest) => void;
  /**
   * Nothing is asked for in a way that can be understood or is allowed to be asked.
   * @param asked what the request is for by its first line, where that names a place
   */
  readonly onRefused: (reason: string, asked: Place | undefined) => void;
}

/** Speaks with a client until it has said what it wants. */
export class ProxyGreeting {
  readonly #options: ProxyOptions;
  readonly #gather = new Gather();
  readonly #head = new HeadReader();
  #stage: "first" | "http" | "greeting" | "login" | "request" | "over" = "first";

  constructor(options: ProxyOptions) {
    this.#options = options;
  }

  read(chunk: Uint8Array): void {
    if (chunk.length > 0) this.#gather.push(chunk);
    while (this.#gather.length > 0 && this.#advance());
  }

  /** False when more bytes are needed, or nothing more is to be done. */
  #advance(): boolean {
    switch (this.#stage) {
      case "first":
        this.#stage = this.#gather.view()[0] === socksVersion ? "greeting" : "http";
        return true;
      case "http":
        return this.#readHead();
      case "greeting":
        return this.#socks(parseGreeting(this.#gather.view()), (methods) => this.#choose(methods));
      case "login":
        return this.#socks(parseLogin(this.#gather.view()), ({ user, password }) => {
          const isRight = this.#isLogin(Buffer.concat([user, Buffer.from(":"), password]));
          this.#options.client.write(loginReply(isRight));
          if (isRight) this.#stage = "request";
          else this.#refuse("a wrong password");
        });
      case "request":
        return this.#socks(parseRequest(this.#gather.view()), ({ host, port }) => {
          const { client } = this.#options;
          const answer = (errno: number): void => {
            client.write(replyOfErrno(errno));
            if (errno !== 0) client.end();
          };
          this.#grant({ host, port, isProxied: false, flags: "socks5", answer });
        });
      case "over":
        return false;
    }
  }

  #socks<T>(step: SocksStep<T>, then: (value: T) => void): boolean {
    if (step.kind === "more") return false;
    if (step.kind === "refused") {
      this.#options.client.write(step.reply);
      this.#refuse(step.reason);
      return false;
    }
    this.#gather.take(step.length);
    then(step.value);
    return true;
  }

  #choose(methods: readonly number[]): void {
    const { client, caller } = this.#options;
    const isKnown = caller !== undefined && methods.includes(socksMethod.none);
    if (!isKnown && !methods.includes(socksMethod.password)) {
      client.write(methodReply(socksMethod.refused));
      this.#refuse("no password");
      return;
    }
    client.write(methodReply(isKnown ? socksMethod.none : socksMethod.password));
    this.#stage = isKnown ? "request" : "login";
  }

  #readHead(): boolean {
    const step = this.#head.read(this.#gather.view());
    if (step.kind === "more") return false;
    if (step.kind === "refused") this.#refuseHttp(step.status, step.reason);
    else this.#judgeHead(step.head);
    return false;
  }

  #judgeHead(head: RequestHead): void {
    const { client, caller } = this.#options;
    if (caller === undefined && !this.#hasPassword(head)) {
      this.#refuseHttp(407, "a proxy request without the password");
      return;
    }
    const isConnect = head.method === "CONNECT";
    const place = isConnect ? tunnelOf(head) : requestOf(head);
    if ("reason" in place) {
      this.#refuseHttp(400, place.reason, askedFor(head));
      return;
    }
    if (isConnect) this.#gather.take(head.sizeBytes);
    const answer = (errno: number): void => {
      if (errno === 0 && isConnect)
        client.write(Buffer.from("HTTP/1.1 200 Connection established\r\n\r\n"));
      if (errno === 0) return;
      client.write(refusalAnswer(statusOf(errno), `connection to ${place.host.text}`));
      client.end();
    };
    const flags = isConnect ? "proxy connect" : "proxy request";
    this.#grant({ ...place, isProxied: !isConnect, flags, answer });
  }

  #grant(request: Omit<ProxyRequest, "early">): void {
    this.#stage = "over";
    this.#options.client.pause();
    this.#options.onRequest({ ...request, early: this.#gather.take(this.#gather.length) });
  }

  #refuseHttp(status: number, reason: string, asked?: Place): void {
    this.#options.client.write(refusalAnswer(status, reason));
    this.#refuse(reason, asked);
  }

  #refuse(reason: string, asked?: Place): void {
    this.#stage = "over";
    this.#options.client.end();
    this.#options.onRefused(reason, asked);
  }

  #hasPassword(head: RequestHead): boolean {
    const values = valuesOf(head, "proxy-authorization");
    const encoded = /^basic +([A-Za-z0-9+/=]+)$/i.exec(values[0] ?? "")?.[1];
    if (values.length !== 1 || encoded === undefined) return false;
    return this.#isLogin(Buffer.from(encoded, "base64"));
  }

  #isLogin(given: Uint8Array): boolean {
    return areEqual(given, Buffer.from(this.#options.login));
  }
}

export interface Place {
  readonly host: Host;
  readonly port: number;
}

/** By the first line alone. */
function askedFor({ method, target }: RequestHead): Place | undefined {
  const isTunnel = method === "CONNECT";
  const named = parseAuthority(
    isTunnel ? target : (/^http:\/\/([^/?#]*)/i.exec(target)?.[1] ?? ""),
  );
  if (named === undefined) return undefined;
  return { host: named.host, port: named.port ?? (isTunnel ? 443 : 80) };
}

/** CONNECT names the host twice, and both must be the same. */
function tunnelOf(head: RequestHead): Place | { readonly reason: string } {
  const place = parseAuthority(head.target);
  if (place?.port === undefined) return { reason: "a CONNECT without host and port" };
  if (hasBody(head)) return { reason: "a CONNECT with a body" };
  const hosts = valuesOf(head, "host").map(parseAuthority);
  const isOther = hosts.some((named) => {
    if (named === undefined || named.host.text !== place.host.text) return true;
    return named.port !== undefined && named.port !== place.port;
  });
  if (isOther || hosts.length > 1) return { reason: "a CONNECT with another Host" };
  return { host: place.host, port: place.port };
}

function requestOf(head: RequestHead): Place | { readonly reason: string } {
  if (!/^http:/i.test(head.target)) return { reason: "a proxy request without a whole http URL" };
  const destination = destinationOf(head);
  if ("reason" in destination) return destination;
  return { host: destination.host, port: destination.port ?? 80 };
}

function statusOf(errno: number): number {
  if (errno === 13) return 403;
  return errno === 110 ? 504 : 502;
}
