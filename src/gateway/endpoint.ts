// One end of a connection: a socket with the bytes it could not take yet. Whoever writes is told to
// wait while there are any, so memory stays bounded by what one read brings. Both ends are told
// apart by nothing here: neither the box nor the other side is trusted with more.

type GatewaySocket = Bun.Socket<Endpoint | undefined>;

/** What happens at an endpoint; who holds it says what to do. */
export interface EndpointEvents {
  data(chunk: Uint8Array): void;
  /** The other side sends no more. */
  end(): void;
  /** Nothing waits to be written any more. */
  drained(): void;
  closed(error: string | undefined): void;
}

export class Endpoint {
  bytesReceived = 0;
  bytesSent = 0;
  isClosed = false;
  hasPeerEnded = false;
  /** We cut it off ourselves. */
  isReset = false;
  readonly #socket: GatewaySocket;
  readonly #isPlain: boolean;
  readonly #source: string;
  #events: EndpointEvents;
  #waiting: Uint8Array[] = [];
  #isEnding = false;
  #isPaused = false;

  /** @param isPlain what is written is what travels: there is no TLS of ours in between */
  constructor(socket: GatewaySocket, events: EndpointEvents, isPlain = true) {
    this.#socket = socket;
    this.#isPlain = isPlain;
    this.#source = `${socket.remoteAddress} ${socket.remotePort}`;
    this.#events = events;
    socket.data = this;
  }

  /** From now on somebody else is told. */
  hand(events: EndpointEvents): void {
    this.#events = events;
  }

  /** False: some bytes wait, and nothing should be written until `drained`. */
  write(chunk: Uint8Array): boolean {
    if (this.isClosed || this.#isEnding) return true;
    if (this.#waiting.length > 0) {
      this.#waiting.push(chunk);
      return false;
    }
    const sent = this.#send(chunk);
    if (sent === chunk.length) return true;
    this.#waiting.push(chunk.subarray(sent));
    return false;
  }

  /** Sends what waits, then says that no more comes; the other direction goes on. */
  end(): void {
    if (this.isClosed || this.#isEnding) return;
    this.#isEnding = true;
    if (this.#waiting.length === 0) this.#finish();
  }

  /** Ends both directions at once, in a way the other side notices. */
  reset(): void {
    if (this.isClosed) return;
    this.isReset = true;
    this.#socket.terminate();
  }

  /** It failed where its own events do not tell. */
  fail(error: string): void {
    if (this.isClosed) return;
    this.wasClosed(error);
    this.#socket.terminate();
  }

  pause(): void {
    if (this.#isPaused || this.isClosed) return;
    this.#isPaused = true;
    this.#socket.pause();
  }

  resume(): void {
    if (!this.#isPaused || this.isClosed) return;
    this.#isPaused = false;
    this.#socket.resume();
  }

  get isIdle(): boolean {
    return this.#waiting.length === 0;
  }

  get remotePort(): number {
    return this.#socket.remotePort;
  }

  /** Where it comes from, also when it is gone. */
  get source(): string {
    return this.#source;
  }

  /** For the kernel to read and write what travels; -1 when that must not be done. */
  get fd(): number {
    if (!this.#isPlain) return -1;
    return "fd" in this.#socket && typeof this.#socket.fd === "number" ? this.#socket.fd : -1;
  }

  received(chunk: Uint8Array): void {
    this.bytesReceived += chunk.length;
    this.#events.data(chunk);
  }

  peerEnded(): void {
    this.hasPeerEnded = true;
    this.#events.end();
  }

  canTakeMore(): void {
    while (this.#waiting.length > 0) {
      const [first = new Uint8Array(0)] = this.#waiting;
      const sent = this.#send(first);
      if (sent < first.length) {
        this.#waiting[0] = first.subarray(sent);
        return;
      }
      this.#waiting.shift();
    }
    if (this.#isEnding) this.#finish();
    else this.#events.drained();
  }

  wasClosed(error: string | undefined): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.#waiting = [];
    this.#events.closed(error);
  }

  #send(chunk: Uint8Array): number {
    const sent = Math.max(this.#socket.write(chunk), 0);
    this.bytesSent += sent;
    return sent;
  }

  #finish(): void {
    if (this.hasPeerEnded) this.#socket.end();
    else this.#socket.shutdown();
  }
}

/** For every socket of the gateway; those of a listener get their endpoint in its `open`. */
export const endpointHandlers = {
  data: (socket, chunk) => socket.data?.received(chunk),
  drain: (socket) => socket.data?.canTakeMore(),
  end: (socket) => socket.data?.peerEnded(),
  close: (socket, error) => socket.data?.wasClosed(error === undefined ? undefined : codeOf(error)),
  error: (socket, error) => {
    socket.data?.wasClosed(codeOf(error));
    socket.terminate();
  },
} satisfies Bun.SocketHandler<Endpoint | undefined>;

export function codeOf(error: unknown): string {
  if (error instanceof Error && "code" in error && typeof error.code === "string")
    return error.code;
  return error instanceof Error ? error.message : String(error);
}

/** For an endpoint nobody reads from yet: what arrives too early is a fault of the caller's. */
export const silent: EndpointEvents = {
  data: () => undefined,
  end: () => undefined,
  drained: () => undefined,
  closed: () => undefined,
};
