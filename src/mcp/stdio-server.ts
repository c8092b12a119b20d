// A server as a child process, with the proxy between it and whoever started the proxy. It gets the
// whole environment, because that is how MCP servers are given their keys; it ends when its client
// is gone.

import { AegisError } from "../base/errors.ts";
import type { Environment } from "../config/location.ts";
import { createStdioProxy, type StdioParts, type StdioProxy } from "./stdio.ts";

export interface StdioServerOptions extends Pick<StdioParts, "gate" | "session" | "say"> {
  readonly command: readonly string[];
  readonly environment: Environment;
  readonly directory: string;
  readonly input: ReadableStream<Uint8Array>;
  /** False when nobody reads any more. */
  readonly output: (text: string) => boolean;
  /** Aborted when the proxy has to end. */
  readonly signal: AbortSignal;
}

/** How long a server may take for each step of its end, milliseconds. */
const patienceMs = 5000;
/** How often it is looked whether everything is answered, milliseconds. */
const lookEveryMs = 20;

/** @returns the status of the server as a shell reports it */
export async function runStdioServer(options: StdioServerOptions): Promise<number> {
  const { gate, session, say, input, output, signal } = options;
  const child = startServer(options);
  const gone = Promise.withResolvers<void>();
  const over = new AbortController();
  void gone.promise.then(() => over.abort());
  void child.exited.then(() => over.abort());
  signal.addEventListener("abort", () => gone.resolve());
  const proxy = createStdioProxy({
    ...{ gate, session, say },
    write: (text) => {
      if (!output(`${text}\n`)) gone.resolve();
    },
    async send(text) {
      try {
        child.stdin.write(`${text}\n`);
        await child.stdin.flush();
      } catch {
        // ignored: a server that does not read any more is about to end, and its end is told
      }
    },
  });
  const served = proxy.fromServer(child.stdout);
  const reader = input.getReader();
  const said = proxy.fromClient(chunksOf(reader)).then(() => {
    return idle(proxy.underway, () => over.signal.aborted);
  });
  await Promise.race([said, gone.promise, child.exited]);
  const status = await stopServer(child, signal);
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

function startServer({ command, environment, directory }: StdioServerOptions) {
  const env = Object.fromEntries(
    Object.entries(environment).filter(([name]) => !name.startsWith("BUN_")),
  );
  try {
    return Bun.spawn([...command], {
      cwd: directory,
      env,
      stdio: ["pipe", "pipe", "inherit"],
    });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new AegisError("launch/not-found", `Cannot start "${command[0] ?? ""}": ${why}`, {
      hint: "name the program and its arguments behind --",
      cause,
    });
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

/** @returns whether it was in time; nothing is left behind that keeps the process */
async function within(promise: Promise<unknown>, ms: number): Promise<boolean> {
  const late = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => late.resolve(false), ms);
  try {
    return await Promise.race([promise.then(() => true), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

type Child = ReturnType<typeof startServer>;

/** Its input ends first; a server that goes on without one is told, then killed. */
async function stopServer(child: Child, signal: AbortSignal): Promise<number> {
  child.stdin.end();
  const urged = Promise.withResolvers<void>();
  signal.addEventListener("abort", () => urged.resolve());
  if (!signal.aborted) await within(Promise.race([child.exited, urged.promise]), patienceMs);
  for (const name of ["SIGTERM", "SIGKILL"] as const) {
    if (child.exitCode !== null || child.signalCode !== null) break;
    child.kill(name);
    await within(child.exited, patienceMs);
  }
  await child.exited;
  const { signalCode, exitCode } = child;
  if (signalCode === null) return exitCode ?? 1;
  const { constants } = await import("node:os");
  const numbers: Readonly<Record<string, number>> = constants.signals;
  return 128 + (numbers[String(signalCode)] ?? 0);
}
