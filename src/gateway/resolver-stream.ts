// DNS over TCP: messages behind their length. Who sends them need not read the answers, so nothing
// is read from a client that has some to take. Every byte comes from the watched program.

import { type Endpoint, silent } from "./endpoint.ts";
import { Gather } from "./protocol/gather.ts";
import type { Caller } from "./record.ts";
import type { Resolver } from "./resolver.ts";
import type { Arrival } from "./strangers.ts";

/** Messages are answered one after the other, the next when the answer before has left. */
export function serveResolver(
  resolver: Resolver,
  client: Endpoint,
  caller: Caller,
  { early, closed }: Arrival,
): void {
  const gather = new Gather();
  let isBusy = false;
  let hasEnded = false;
  const advance = async (): Promise<void> => {
    if (isBusy) return;
    isBusy = true;
    while (client.isIdle) {
      const message = takeMessage(gather);
      if (message === undefined) break;
      const reply = await resolver.answer(message, caller);
      if (reply !== undefined)
        client.write(Uint8Array.of(reply.length >> 8, reply.length & 0xff, ...reply));
    }
    isBusy = false;
    if (!client.isIdle) return;
    if (hasEnded) client.end();
    else client.resume();
  };
  const goOn = (): void => void advance().catch(() => client.reset());
  const read = (chunk: Uint8Array): void => {
    gather.push(chunk);
    client.pause();
    goOn();
  };
  const end = (): void => {
    hasEnded = true;
    goOn();
  };
  client.hand({ ...silent, closed, end, drained: goOn, data: read });
  read(early);
}

/** Without its length; undefined when it is not whole. */
function takeMessage(gather: Gather): Uint8Array | undefined {
  const bytes = gather.view();
  const size = bytes.length < 2 ? undefined : bytes.readUInt16BE(0);
  if (size === undefined || bytes.length < 2 + size) return undefined;
  return Uint8Array.from(gather.take(2 + size).subarray(2));
}
