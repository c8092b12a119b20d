// Requests of one client that have no answer yet. An id stands for one of them at a time, and an
// answer counts only for what was really sent and is still awaited: neither side can make the other
// take one thing for another.

import { idKey, type MessageId, type Request } from "./message.ts";
import type { Permit } from "./permit.ts";

/** Undefined: there will be no answer, because the client took its request back. */
export type Reply = (text: string | undefined) => void;

export interface Underway {
  readonly id: MessageId;
  /** As it came. */
  readonly request: Request;
  readonly reply: Reply;
  /** Ends the wait of a call that was not sent yet. */
  readonly abort: AbortController;
  /** Fetches the result of a call that was allowed before. */
  readonly isTask: boolean;
  /** Of a call, once it is allowed. */
  permit: Permit | undefined;
  isSent: boolean;
  timer: ReturnType<typeof setTimeout> | undefined;
}

export interface Pending {
  /** Why a request with this id cannot be taken. */
  problem(id: MessageId): string | undefined;
  add(request: Request, reply: Reply, task?: Permit): Underway;
  /** What may be answered under this id. */
  sent(id: MessageId): Underway | undefined;
  find(id: MessageId): Underway | undefined;
  /** @returns false when it had ended before; who gets true says how it ended */
  end(one: Underway, how: "answered" | "given up"): boolean;
  all(): readonly Underway[];
}

const underwayMax = 1000;
/** Ids whose answers may still come in, too late. */
const lateMax = 10_000;

export function createPending(): Pending {
  const requests = new Map<string, Underway>();
  const late = new Set<string>();
  return {
    problem(id) {
      const key = idKey(id);
      if (requests.has(key) || late.has(key)) {
        return "invalid request: the id is in use for another request";
      }
      if (requests.size < underwayMax) return undefined;
      return `invalid request: ${underwayMax} requests are under way`;
    },
    add(request, reply, task) {
      const { id } = request;
      const one: Underway = {
        id,
        request,
        reply,
        abort: new AbortController(),
        isTask: task !== undefined,
        permit: task,
        isSent: false,
        timer: undefined,
      };
      requests.set(idKey(id), one);
      return one;
    },
    find: (id) => requests.get(idKey(id)),
    sent(id) {
      const key = idKey(id);
      const one = requests.get(key);
      if (one === undefined) late.delete(key);
      return one?.isSent === true ? one : undefined;
    },
    end(one, how) {
      const key = idKey(one.id);
      if (requests.get(key) !== one) return false;
      requests.delete(key);
      clearTimeout(one.timer);
      one.abort.abort();
      if (how === "given up" && one.isSent) {
        late.add(key);
        const [oldest] = late;
        if (late.size > lateMax && oldest !== undefined) late.delete(oldest);
      }
      return true;
    },
    all: () => [...requests.values()],
  };
}
