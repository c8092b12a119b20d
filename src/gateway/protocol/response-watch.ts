// Whether a server agreed to an upgrade. Only the first answer of a connection is watched: until it
// is there, nothing more of the client passes, so it can only be the answer to the upgrade.

import { httpHeadMaxBytes } from "../../base/limits.ts";
import { Gather } from "./gather.ts";

const switching = 101;

export class ResponseWatch {
  readonly #gather = new Gather();

  /** Undefined: the answer is not there yet. An answer that is no HTTP is no agreement. */
  read(chunk: Uint8Array): "switched" | "plain" | undefined {
    this.#gather.push(chunk);
    for (;;) {
      const bytes = this.#gather.view();
      const end = bytes.indexOf("\r\n\r\n");
      if (end < 0) return bytes.length > httpHeadMaxBytes ? "plain" : undefined;
      const status = Number(
        /^HTTP\/1\.[01] (\d{3})[ \r]/.exec(bytes.toString("latin1", 0, 16))?.[1],
      );
      if (status === switching) return "switched";
      if (!(status >= 100 && status < 200)) return "plain";
      this.#gather.take(end + 4);
    }
  }
}
