// GET /v1/events/stream: events as they are stored, as server-sent events. What other processes
// store is seen within a second.

import type { ControlLog, LoggedEvent } from "../ledger/control-contract.ts";
import { tailEvents } from "./api/events.ts";
import { eventStream } from "./api/operation.ts";
import { eventJson } from "./events.ts";
import { type Route, route } from "./http.ts";

const pollMs = 1000;
const pageSize = 500;

export function tailRoute(log: ControlLog): Route {
  return route(tailEvents, async ({ query, headers, signal }) => {
    const tenant = query.tenant_id;
    const session = query.session_id || undefined;
    const resumed = Number(headers.get("Last-Event-ID") || Number.NaN);
    const end = (await log.size()) - 1;
    const asked = query.after ?? end;
    const start = Number.isSafeInteger(resumed) && resumed >= 0 ? resumed : asked;
    const isWanted = (event: LoggedEvent) =>
      event.tenant === tenant && (session === undefined || event.session === session);
    return new Response(stream(log, start, isWanted, signal), {
      headers: { "Content-Type": eventStream, "Cache-Control": "no-store" },
    });
  });
}

function stream(
  log: ControlLog,
  start: number,
  isWanted: (event: LoggedEvent) => boolean,
  signal: AbortSignal,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let at = start;
  let wake = (): void => undefined;
  const forget = log.onStored(() => wake());
  signal.addEventListener("abort", () => wake(), { once: true });
  return new ReadableStream({
    start(controller) {
      // Something has to be sent before a client is told that it is connected.
      controller.enqueue(encoder.encode(": connected\n\n"));
    },
    async pull(controller) {
      for (;;) {
        if (signal.aborted) break;
        const page = await log.after(at, pageSize);
        const wanted = page.filter(isWanted);
        at = page.at(-1)?.index ?? at;
        for (const event of wanted) {
          const text = JSON.stringify(eventJson(event));
          controller.enqueue(encoder.encode(`id: ${event.index}\nevent: event\ndata: ${text}\n\n`));
        }
        if (wanted.length > 0) return;
        if (page.length === pageSize) continue;
        const { promise, resolve } = Promise.withResolvers<void>();
        const timer = setTimeout(resolve, pollMs);
        wake = resolve;
        await promise;
        clearTimeout(timer);
      }
      forget();
      controller.close();
    },
    cancel() {
      forget();
    },
  });
}
