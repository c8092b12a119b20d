// What a TLS 1.3 client sends behind its hello, until it is clear that no second hello comes: a
// server that asks for one serves the name in that. The records are counted, nothing in them is
// read. Every byte comes from the watched program.

import { recordHandshake } from "./tls-hello.ts";

export type RetryStep =
  | { readonly kind: "more" }
  /** The first `length` bytes are no hello; what follows may be. */
  | { readonly kind: "pass"; readonly length: number }
  | { readonly kind: "hello" }
  /** None comes any more. */
  | { readonly kind: "over" };

const recordData = 23;
const clientHello = 1;
const headerSize = 5;

export class HelloRetry {
  readonly #hasEarlyData: boolean;
  /** Of a record that has begun. */
  #left = 0;

  constructor(hasEarlyData: boolean) {
    this.#hasEarlyData = hasEarlyData;
  }

  /** @param bytes everything behind the last step */
  read(bytes: Uint8Array): RetryStep {
    if (this.#left > 0) {
      const length = Math.min(this.#left, bytes.length);
      this.#left -= length;
      return { kind: "pass", length };
    }
    const [type, , , high = 0, low = 0, first] = bytes;
    if (bytes.length <= headerSize) return { kind: "more" };
    const size = (high << 8) | low;
    if (size > 0 && type === recordHandshake)
      return { kind: first === clientHello ? "hello" : "over" };
    if (type === recordData && !this.#hasEarlyData) return { kind: "over" };
    this.#left = size;
    return { kind: "pass", length: headerSize };
  }
}
