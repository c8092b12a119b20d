// GET /v1/events/stream: events as they are stored, as server-sent events. What other processes
// store is seen within a second.

import type { ControlLog, LoggedEvent } from "../ledger/control/contract.ts";
import type { JsonObject } from "../model/event.ts";
import { tailEvents } from "./api/events.ts";
import { eventStream } from "./api/operation.ts";
import { eventJson, legacyEvent } from "./events.ts";
import { type Route, refusePurged, route, wantsLegacy } from "./http.ts";

const pollMs = 1000;
/** Between comments that keep the connection open: the server closes those that are idle. */
const aliveMs = 15_000;
const pageSize = 500;

/**
 * @param stopping aborted when the server ends
 * @param onClient told of each one that listens, until its signal
 */
export function tailRoute(
  log: ControlLog,
  stopping: AbortSignal,
  onClient: (signal: AbortSignal) => void = () => undefined,
): Route {
  return route(tailEvents, async ({ query, headers, signal }) => {
    const tenant = query.tenant_id;
    const session = query.session_id || undefined;
    if (session !== undefined) refusePurged(await log.session(tenant, session));
    const resumed = headers.get("Last-Event-ID") || undefined;
    const end = (await log.size()) - 1;
    const start = resumed === undefined ? (query.after ?? end) : Number(resumed);
    const isWanted = (event: LoggedEvent) =>
      event.tenant === tenant && (session === undefined || event.session === session);
    const left = new AbortController();
    // Once it is aborted, the signal that lives as long as the server knows nothing of it any more.
    const over = AbortSignal.any([signal, stopping, left.signal]);
    const shown = wantsLegacy(headers) ? legacyEvent : eventJson;
    onClient(over);
    const leave = (): void => left.abort();
    return new Response(stream(log, { start, isWanted, shown, leave }, over), {
      headers: { "Content-Type": eventStream, "Cache-Control": "no-store" },
    });
  });
}

interface Wanted {
  /** Index of the event behind which to begin. */
  readonly start: number;
  readonly isWanted: (event: LoggedEvent) => boolean;
  readonly shown: (event: LoggedEvent) => JsonObject;
  /** Nobody reads any more. */
  readonly leave: () => void;
}

function stream(
  log: ControlLog,
  { start, isWanted, shown, leave }: Wanted,
  signal: AbortSignal,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const waiting = { wake: (): void => undefined };
  const wake = () => waiting.wake();
  const forgetStored = log.onStored(wake);
  signal.addEventListener("abort", wake, { once: true });
  let at = start;
  let isLeft = false;
  const forget = (): void => {
    if (isLeft) return;
    isLeft = true;
    forgetStored();
    leave();
    wake();
  };
  /** Undefined: there is no more. */
  async function next(silent: { readonly isLong: boolean }): Promise<Uint8Array | undefined> {
    while (!signal.aborted && !isLeft) {
      if (silent.isLong) return encoder.encode(": alive\n\n");
      // Before the look, so that what is stored during it is not missed.
      const { promise, resolve } = Promise.withResolvers<void>();
      waiting.wake = resolve;
      const page = await log.after(at, pageSize);
      at = page.at(-1)?.index ?? at;
      const wanted = page
        .filter(isWanted)
        .map((event) => message(event, shown(event)))
        .join("");
      if (wanted !== "") return encoder.encode(wanted);
      if (page.length > 0) continue;
      const timer = setTimeout(resolve, pollMs);
      await promise;
      clearTimeout(timer);
    }
    return undefined;
  }
  return new ReadableStream({
    start(controller) {
      // Something has to be sent before a client is told that it is connected.
      controller.enqueue(encoder.encode(": connected\n\n"));
    },
    async pull(controller) {
      const silent = { isLong: false };
      // However long it takes to look through what is not wanted.
      const alive = setTimeout(() => (silent.isLong = true), aliveMs);
      const bytes = await next(silent).finally(() => clearTimeout(alive));
      // Cancelled streams are closed already.
      if (bytes !== undefined && !isLeft) return controller.enqueue(bytes);
      if (!isLeft) controller.close();
      forget();
    },
    cancel: forget,
  });
}

function message({ index }: LoggedEvent, data: JsonObject): string {
  return `id: ${index}\nevent: event\ndata: ${JSON.stringify(data)}\n\n`;
}
