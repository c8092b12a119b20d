// One direction of a connection whose bytes need no look any more: written as they come, or, when
// there are many, moved by the kernel.

import { bulkAfterBytes } from "../base/limits.ts";
import { type Bulk, type Kernel, openBulk } from "./bulk.ts";
import type { Endpoint } from "./endpoint.ts";

export class Flow {
  readonly #source: Endpoint;
  readonly #sink: Endpoint;
  readonly #kernel: () => Kernel | undefined;
  #bulk: Bulk | undefined;
  #copied = 0;
  #isClosed = false;

  /** @param kernel asked for only when there is much to move */
  constructor(source: Endpoint, sink: Endpoint, kernel: () => Kernel | undefined) {
    this.#source = source;
    this.#sink = sink;
    this.#kernel = kernel;
  }

  /** Passes on what the source sent. */
  pass(chunk: Uint8Array): void {
    if (!this.#sink.write(chunk)) {
      this.#source.pause();
      return;
    }
    if (this.#bulk === undefined) {
      this.#copied += chunk.length;
      if (this.#copied < bulkAfterBytes) return;
      this.#copied = Number.NEGATIVE_INFINITY;
      this.#bulk = this.#open();
    }
    this.#move();
  }

  /** The sink takes bytes again. */
  drained(): void {
    if (this.#bulk === undefined) this.#source.resume();
    else this.#move();
  }

  close(): void {
    this.#isClosed = true;
    this.#bulk?.close();
    this.#bulk = undefined;
  }

  #open(): Bulk | undefined {
    if (this.#source.fd < 0 || this.#sink.fd < 0) return undefined;
    const kernel = this.#kernel();
    return kernel === undefined ? undefined : openBulk(kernel, this.#source, this.#sink);
  }

  #move(): void {
    const outcome = this.#isClosed ? undefined : this.#bulk?.move();
    if (outcome === undefined) return;
    if (outcome === "dry") {
      this.#source.resume();
      return;
    }
    this.#source.pause();
    if (outcome === "more") setImmediate(() => this.#move());
  }
}
