// Bytes that arrived and are not understood yet. Grows by doubling, so that a message in pieces of
// one byte costs no more than in one piece.

export class Gather {
  #buffer: Buffer = Buffer.alloc(0);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(chunk: Uint8Array): void {
    if (this.#length === 0) {
      // Nearly always everything is understood at once and nothing has to be copied.
      this.#buffer = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
      this.#length = chunk.length;
      return;
    }
    const needed = this.#length + chunk.length;
    if (needed > this.#buffer.length) {
      const bigger = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2));
      bigger.set(this.#buffer.subarray(0, this.#length));
      this.#buffer = bigger;
    }
    this.#buffer.set(chunk, this.#length);
    this.#length = needed;
  }

  /** What is there; valid until the next call. */
  view(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  /** Takes the first `length` bytes out. */
  take(length: number): Buffer {
    const taken = this.#buffer.subarray(0, length);
    this.#buffer = this.#buffer.subarray(length, this.#length);
    this.#length -= length;
    return taken;
  }
}
