// One direction of a connection whose bytes need no look any more: written as they come, or, when
// there are many, moved inside the kernel by a process that does nothing else. While that runs
// neither endpoint is read or written here, and its end is found out here as always.

import { bulkAfterBytes } from "../base/limits.ts";
import type { Endpoint } from "./endpoint.ts";

export interface MoveReport {
  /** `source`, `sink`: that one failed; `lost`: nobody knows how far it got. */
  readonly end: "end" | "stopped" | "source" | "sink" | "lost";
  readonly bytes: number;
  /** Linux errno of what failed. */
  readonly errno: number;
}

export interface Move {
  /** Never broken. */
  readonly ended: Promise<MoveReport>;
  stop(): void;
}

/** Moves everything one descriptor receives into another; undefined when it cannot. */
export type StartMove = (source: number, sink: number) => Move | undefined;

export class Flow {
  readonly #source: Endpoint;
  readonly #sink: Endpoint;
  readonly #startMove: StartMove | undefined;
  #copied = 0;
  /** The source was told to be silent, so that the rest can be moved. */
  #isSettling = false;
  #move: Move | undefined;
  #moved: Promise<void> | undefined;

  constructor(source: Endpoint, sink: Endpoint, startMove: StartMove | undefined) {
    this.#source = source;
    this.#sink = sink;
    this.#startMove = startMove;
  }

  /** Passes on what the source sent. */
  pass(chunk: Uint8Array): void {
    if (this.#move !== undefined) {
      // It overtook what is being moved.
      this.#fail("EIO");
      return;
    }
    const isTaken = this.#sink.write(chunk);
    if (this.#isSettling) return;
    if (!isTaken) this.#source.pause();
    this.#copied += chunk.length;
    if (this.#copied < bulkAfterBytes || this.#startMove === undefined) return;
    this.#copied = Number.NEGATIVE_INFINITY;
    if (this.#source.fd < 0 || this.#sink.fd < 0) return;
    this.#isSettling = true;
    this.#source.pause();
    setImmediate(() => this.#settle());
  }

  /** The sink takes bytes again. */
  drained(): void {
    if (this.#move !== undefined) return;
    if (this.#isSettling) this.#settle();
    else this.#source.resume();
  }

  /** Kept when nothing is being moved any more. @param stops without waiting for its end */
  async over(stops: boolean): Promise<void> {
    if (stops) this.#move?.stop();
    await this.#moved;
  }

  get isMoving(): boolean {
    return this.#move !== undefined;
  }

  #settle(): void {
    const [source, sink] = [this.#source, this.#sink];
    if (!this.#isSettling || source.isClosed || sink.isClosed || !sink.isIdle) return;
    this.#isSettling = false;
    this.#move = this.#startMove?.(source.fd, sink.fd);
    if (this.#move === undefined) source.resume();
    else this.#moved = this.#move.ended.then((report) => this.#ended(report));
  }

  #ended({ end, bytes, errno }: MoveReport): void {
    const [source, sink] = [this.#source, this.#sink];
    this.#move = undefined;
    source.bytesReceived += bytes;
    sink.bytesSent += bytes;
    if (end === "lost") this.#fail("EIO");
    if (end === "source") source.fail(nameOf(errno));
    if (end === "sink") {
      sink.fail(nameOf(errno));
      // It may have been closed before, and then nobody is told.
      source.reset();
    }
    source.resume();
  }

  #fail(code: string): void {
    this.#source.fail(code);
    this.#sink.fail(code);
  }
}

const names: ReadonlyMap<number, string> = new Map([
  [32, "EPIPE"],
  [104, "ECONNRESET"],
  [110, "ETIMEDOUT"],
  [113, "EHOSTUNREACH"],
]);

function nameOf(errno: number): string {
  return names.get(errno) ?? `errno ${errno}`;
}
