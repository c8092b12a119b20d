// How a server runs as a program: until it is told to stop, and reading its files again on SIGHUP.

import type { ServeParts } from "../app/serve/serve.ts";
import type { ServiceManager } from "../app/serve/service-manager.ts";
import type { RunningServer } from "../server/server.ts";

export interface Serving {
  readonly parts: ServeParts;
  /** Listens. */
  readonly start: () => RunningServer | Promise<RunningServer>;
  readonly manager: ServiceManager;
}

/** @param announce tells that it listens, when signals are heard. @returns that, for the manager */
export async function serveUntilStopped(
  { parts, start, manager }: Serving,
  announce: (server: RunningServer) => string,
): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const reload = (): void => parts.reload();
  try {
    const server = await start();
    process.on("SIGHUP", reload);
    process.once("SIGINT", () => resolve());
    process.once("SIGTERM", () => resolve());
    manager.ready(announce(server));
    await promise;
    manager.stopping();
    await server.stop();
  } finally {
    await parts.close();
    process.off("SIGHUP", reload);
    endThoughOthersWait();
  }
}

const lingerMs = 1000;

/**
 * Everything is durable. A connection that is still open, such as to a collector that never ends
 * its answer, does not keep the process.
 */
export function endThoughOthersWait(): void {
  setTimeout(() => process.exit(), lingerMs).unref();
}
