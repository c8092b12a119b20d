// Reading what clients of the control plane stored: events by what they say, sessions by tenant.

import { AegisError } from "../../base/errors.ts";
import { sha256Hex } from "../../base/hash.ts";
import type { JsonTree, PlainJson } from "../../base/json-text.ts";
import { eventPageMaxBytes } from "../../base/limits.ts";
import type { JsonObject, SealedEvent } from "../../model/event.ts";
import { isEncrypted, stillEncrypted } from "../encrypted/text.ts";
import { readClients } from "../seal.ts";
import { isPurged, type SessionState } from "../session-state.ts";
import type { ChainPage, Store, StoredEvent } from "../store.ts";
import type { OutsideTree } from "../tree/standing.ts";
import type { ControlLog, EventPage, EventQuery, LoggedEvent, LoggedSession } from "./contract.ts";
import { localTenant, sessionKey, tenantPrefix } from "./foreign.ts";
import { verifyChain } from "./verify.ts";

export function createReading(
  store: Store,
  outside: OutsideTree | undefined,
): Omit<ControlLog, "append" | "onStored"> {
  return {
    events: async (query) => (await queryEvents(store, query)).events,
    page: (query) => queryEvents(store, query),
    async event(tenant, session, seq) {
      const found = await store.event(sessionKey(tenant, session), seq);
      return found === undefined ? undefined : loggedEvent(found);
    },
    async sessions(tenant, last, before) {
      const behind = before === undefined ? undefined : sessionKey(tenant, before);
      const found = await store.sessionsUnder(tenantPrefix(tenant), last, behind);
      return found.map((state) => loggedSession(tenant, state));
    },
    async session(tenant, session) {
      const found = await store.session(sessionKey(tenant, session));
      return found === undefined ? undefined : loggedSession(tenant, found);
    },
    verify: (tenant, session) => verifyChain(store, sessionKey(tenant, session), outside),
    async after(index, limit) {
      const { events } = await store.chain({ after: index, limit });
      return events.map(loggedEvent);
    },
    size: async () => (await store.head()).size,
    record: (kind, key) => store.record(kind, key),
    records: (...given) => store.records(...given),
    putRecord: (...given) => store.putRecord(...given),
    removeRecord: (record) => store.removeRecord(record),
  };
}

/** Events read at once where few of them may be what was asked for. */
const pickyPageSize = 256;

async function queryEvents(store: Store, query: EventQuery): Promise<EventPage> {
  const { tenant, session, toolName, outcome, limit } = query;
  const where =
    session === undefined
      ? { prefix: tenantPrefix(tenant) }
      : { session: sessionKey(tenant, session) };
  const { type, fromUnixMs, toUnixMs } = query;
  const isPicky = toolName !== undefined || outcome !== undefined;
  const events: LoggedEvent[] = [];
  let bytes = 0;
  let next: number | undefined = query.after ?? -1;
  const isOver = () => events.length >= limit || bytes > eventPageMaxBytes;
  while (next !== undefined && !isOver() && query.signal?.aborted !== true) {
    const asked = isPicky ? pickyPageSize : limit - events.length;
    const page: ChainPage = await store.chain({
      ...where,
      type,
      fromUnixMs,
      toUnixMs,
      after: next,
      limit: asked,
    });
    next = page.next;
    for (const stored of page.events) {
      const event = loggedEvent(stored);
      if (!isAsked(event, toolName, outcome)) continue;
      events.push(event);
      bytes += stored.body.length;
      if (isOver()) {
        const isLast = stored === page.events.at(-1);
        next = isLast ? next : event.index;
        break;
      }
    }
  }
  return { events, next };
}

function isAsked(
  { payload }: LoggedEvent,
  toolName: string | undefined,
  outcome: string | undefined,
): boolean {
  const isObject = typeof payload === "object" && payload !== null && !Array.isArray(payload);
  const members = (isObject ? payload : {}) as JsonObject;
  if (toolName !== undefined && members.tool_name !== toolName) return false;
  return outcome === undefined || String(members.outcome).toLowerCase() === outcome.toLowerCase();
}

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

/** @throws {AegisError} `ledger/tampered` when the stored bytes are no event */
export function loggedEvent({ body, index }: StoredEvent): LoggedEvent {
  if (isEncrypted(body)) throw stillEncrypted(`event ${index}`, body);
  const hash = sha256Hex(body);
  const read = readClients(utf8.decode(body), hash);
  if (read === undefined) {
    throw new AegisError("ledger/tampered", `Cannot read event ${index}: it is no sealed event`, {
      hint: "run `aegis audit verify`",
    });
  }
  const printable = read.printable();
  return { ...loggedFrom(read.event, read, hash, index), printable };
}

interface Sealed {
  readonly payload: PlainJson;
  readonly spelled: JsonTree | undefined;
}

/** @param hash hex */
function loggedFrom(
  event: SealedEvent,
  { payload, spelled }: Sealed,
  hash: string,
  index: number,
): LoggedEvent {
  return {
    tenant: event.tenant_id,
    user: event.user_id,
    session: event.session_id,
    seq: event.seq,
    tsUnixMs: event.ts_unix_ms,
    type: event.event_type,
    payload,
    ...(spelled === undefined ? {} : { spelled }),
    prevHash: event.prev_hash === "" ? "" : Uint8Array.fromBase64(event.prev_hash).toHex(),
    hash,
    index,
  };
}

function loggedSession(tenant: string, state: SessionState): LoggedSession {
  return {
    tenant,
    session: tenant === localTenant ? state.id : state.id.slice(tenantPrefix(tenant).length),
    user: state.name,
    eventCount: state.nextSeq,
    firstTsUnixMs: state.openedUnixMs,
    closed: state.closedUnixMs !== undefined,
    purged: isPurged(state),
  };
}
