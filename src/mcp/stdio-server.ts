// A server as a child process, with the proxy between it and whoever started the proxy. It ends
// when its client is gone.

import { oneLine } from "./lines.ts";
import {
  patienceMs,
  type ServerCommand,
  sendLine,
  startServerProcess,
  stopServerProcess,
  within,
} from "./server-process.ts";
import { createStdioProxy, type StdioParts, type StdioProxy } from "./stdio.ts";

export interface StdioServerOptions
  extends Pick<StdioParts, "gate" | "session" | "say">,
    ServerCommand {
  readonly input: ReadableStream<Uint8Array>;
  /** False when nobody reads any more. */
  readonly output: (text: string) => boolean;
  /** Aborted when the proxy has to end. */
  readonly signal: AbortSignal;
}

/** How often it is looked whether everything is answered, milliseconds. */
const lookEveryMs = 20;

/** @returns the status of the server as a shell reports it */
export async function runStdioServer(options: StdioServerOptions): Promise<number> {
  const { gate, session, say, input, output, signal } = options;
  const child = startServerProcess(options);
  const gone = Promise.withResolvers<void>();
  const over = new AbortController();
  void gone.promise.then(() => over.abort());
  void child.exited.then(() => over.abort());
  signal.addEventListener("abort", () => gone.resolve());
  const proxy = createStdioProxy({
    ...{ gate, session, say },
    write: (text) => {
      if (!output(`${oneLine(text)}\n`)) gone.resolve();
    },
    send: (text) => sendLine(child, text),
  });
  const served = proxy.fromServer(child.stdout);
  const reader = input.getReader();
  const said = proxy.fromClient(chunksOf(reader)).then(() => {
    return idle(proxy.underway, () => over.signal.aborted);
  });
  await Promise.race([said, gone.promise, child.exited]);
  const status = await stopServerProcess(child, signal);
  await within(served, patienceMs);
  await proxy.end(`the server ended with status ${status}`);
  // Else the process would go on for what its client may still say.
  await reader.cancel();
  return status;
}

async function* chunksOf(reader: {
  read(): Promise<{ readonly value?: Uint8Array | undefined; readonly done: boolean }>;
}): AsyncGenerator<Uint8Array> {
  for (;;) {
    const { value, done } = await reader.read();
    if (done || value === undefined) return;
    yield value;
  }
}

/** A client that only wrote its requests and left off still gets the answers. */
async function idle(underway: StdioProxy["underway"], isOver: () => boolean): Promise<void> {
  for (let waitedMs = 0; !isOver(); waitedMs += lookEveryMs) {
    // Calls end by themselves, sooner or later; nobody knows that of other requests.
    const { calls, others } = underway();
    if (calls === 0 && (others === 0 || waitedMs >= patienceMs)) return;
    await Bun.sleep(lookEveryMs);
  }
}
