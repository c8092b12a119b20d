// Where the body of an HTTP request ends. Bodies are passed on as they are; what is checked is the
// frame around their pieces, because a server that sees another end sees another next request.

import { httpHeadMaxBytes } from "../../base/limits.ts";
import type { Framing, HttpFlaw } from "./http-head.ts";

export type BodyStep =
  /** The first `length` bytes belong to the body, and it may go on. */
  | { readonly kind: "part"; readonly length: number }
  | { readonly kind: "end"; readonly length: number }
  | ({ readonly kind: "refused" } & HttpFlaw);

const sizeLine = /^([0-9a-fA-F]{1,12})[ \t]*(;[\t -~]*)?$/;
const trailerLine = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[\t -~\x80-\xff]*$/;
/** Longest size line, extensions included, bytes. */
const sizeLineMax = 256;
/** What must not come after the body, because it would change what came before. */
const headOnly =
  /^(host|content-length|transfer-encoding|content-encoding|content-type|authorization|trailer|te|upgrade|connection|proxy-.*)$/i;

export class BodyReader {
  #state: "data" | "size" | "after-data" | "trailer" | "done";
  readonly #isChunked: boolean;
  #left = 0;
  #line = "";
  #trailerBytes = 0;

  constructor(framing: Framing) {
    this.#isChunked = framing.kind === "chunked";
    this.#left = framing.kind === "length" ? framing.sizeBytes : 0;
    this.#state = framing.kind === "chunked" ? "size" : this.#left > 0 ? "data" : "done";
  }

  /** Reads as much of `bytes` as belongs to the body. */
  read(bytes: Buffer): BodyStep {
    let at = 0;
    while (this.#state !== "done") {
      if (at >= bytes.length) return { kind: "part", length: at };
      if (this.#state === "data") {
        const taken = Math.min(this.#left, bytes.length - at);
        this.#left -= taken;
        at += taken;
        if (this.#left === 0) this.#state = this.#isChunked ? "after-data" : "done";
        continue;
      }
      const end = bytes.indexOf(0x0a, at);
      const stop = end < 0 ? bytes.length : end + 1;
      this.#line += bytes.toString("latin1", at, stop);
      at = stop;
      const wrong = this.#tooLong() ?? (end < 0 ? undefined : this.#readLine());
      if (wrong !== undefined) return { kind: "refused", ...wrong };
    }
    return { kind: "end", length: at };
  }

  #tooLong(): HttpFlaw | undefined {
    const max = this.#state === "trailer" ? httpHeadMaxBytes - this.#trailerBytes : sizeLineMax;
    if (this.#line.length <= max) return undefined;
    return { status: 400, reason: "a line of a chunked body that is too long" };
  }

  #readLine(): HttpFlaw | undefined {
    if (!this.#line.endsWith("\r\n")) return wrong("a line of a chunked body without CR");
    const line = this.#line.slice(0, -2);
    this.#line = "";
    switch (this.#state) {
      case "size":
        return this.#readSize(line);
      case "after-data":
        this.#state = "size";
        return line === "" ? undefined : wrong("a chunk longer than its size");
      default:
        return this.#readTrailer(line);
    }
  }

  #readSize(line: string): HttpFlaw | undefined {
    const digits = sizeLine.exec(line)?.[1];
    if (digits === undefined) return wrong("a chunk size that is none");
    this.#left = Number.parseInt(digits, 16);
    this.#state = this.#left > 0 ? "data" : "trailer";
    return undefined;
  }

  #readTrailer(line: string): HttpFlaw | undefined {
    this.#trailerBytes += line.length + 2;
    if (line === "") {
      this.#state = "done";
      return undefined;
    }
    const name = trailerLine.exec(line)?.[1];
    if (name === undefined) return wrong("a trailer that is no header field");
    return headOnly.test(name) ? wrong(`the trailer ${name}`) : undefined;
  }
}

function wrong(reason: string): HttpFlaw {
  return { status: 400, reason };
}
