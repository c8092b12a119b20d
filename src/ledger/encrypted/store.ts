// A store whose clients' events are encrypted on the disk, over any other store. Whoever reads
// through it sees what was recorded; the tree is made over what is stored, so that order and
// completeness can be proven without a key. What this machine's own boxes record is left as it is.

import { AegisError } from "../../base/errors.ts";
import type { LogRecord } from "../control/contract.ts";
import { readSessionKey } from "../control/foreign.ts";
import type { Addition, EventPlace, ManyBase, Snapshot, Store, StoredEvent } from "../store.ts";
import type { PayloadKeys, Place } from "./payload-keys.ts";
import { encryptedTextOf, isEncrypted, payloadsMarker, stillEncrypted } from "./text.ts";

/** Records that hold nothing but hashes, and so stay as they are. */
const clearKinds: ReadonlySet<string> = new Set(["idempotency", "steps", payloadsMarker.kind]);

export function encryptedStore(inner: Store, keys: PayloadKeys): Store {
  const event = (stored: StoredEvent): StoredEvent => opened(stored, keys);
  const events = (stored: readonly StoredEvent[]) => stored.map(event);
  const record = (stored: LogRecord | undefined) =>
    stored === undefined ? undefined : openedRecord(stored, keys);
  return {
    ...inner,
    encode: (place, body) => {
      const bound = placeOf(place);
      return bound === undefined ? body : keys.encrypt(bound, body);
    },
    append: (session, build, patience) =>
      inner.append(session, (base) => withSealedRecords(build(base), keys), patience),
    appendMany: (needs, build, onCommitted) =>
      inner.appendMany(
        needs,
        (base) =>
          build(openedBase(base, keys)).map((addition) => withSealedRecords(addition, keys)),
        onCommitted,
      ),
    async events(filter, page) {
      const found = await inner.events(filter, page);
      return { ...found, events: events(found.events) };
    },
    eventsFrom: async (first, limit) => events(await inner.eventsFrom(first, limit)),
    async chain(query) {
      const page = await inner.chain(query);
      return { ...page, events: events(page.events) };
    },
    async event(session, seq) {
      const found = await inner.event(session, seq);
      return found === undefined ? undefined : event(found);
    },
    record: async (kind, key) => record(await inner.record(kind, key)),
    async records(...where) {
      const found = await inner.records(...where);
      return found.map((one) => openedRecord(one, keys));
    },
    async putRecord(wanted, expected, durability) {
      const sealed = sealedRecord(wanted, keys);
      if (sealed === wanted) return inner.putRecord(wanted, expected, durability);
      const stored = await inner.record(wanted.kind, wanted.key);
      if (record(stored)?.json !== expected) return false;
      return inner.putRecord(sealed, stored?.json, durability);
    },
    async removeRecord(wanted) {
      const stored = await inner.record(wanted.kind, wanted.key);
      return record(stored)?.json === wanted.json && stored !== undefined
        ? inner.removeRecord(stored)
        : false;
    },
    snapshot: async () => openedSnapshot(await inner.snapshot(), keys),
  };
}

/** Undefined for what this machine recorded of its own. */
function placeOf({ session, seq, tsUnixMs, type }: EventPlace): Place | undefined {
  const tenant = readSessionKey(session)?.tenant;
  return tenant === undefined ? undefined : { tenant, names: [session, seq, tsUnixMs, type] };
}

/**
 * With the bytes that its leaf is the hash of beside what they say. What cannot be opened stays as
 * it is: whoever wants to know what it says is refused then, and verify tells of it.
 */
function opened(stored: StoredEvent, keys: PayloadKeys): StoredEvent {
  const place = isEncrypted(stored.body) ? placeOf(stored) : undefined;
  if (place === undefined) return stored;
  const encrypted = new TextDecoder().decode(stored.body);
  const text = keys.decrypt(place, encrypted);
  if (text === undefined) {
    return keys.knows(encrypted) ? { ...stored, isMisplaced: true } : stored;
  }
  return { ...stored, body: new TextEncoder().encode(text), storedBody: stored.body };
}

function openedBase(base: ManyBase, keys: PayloadKeys): ManyBase {
  return {
    head: base.head,
    session: (id) => base.session(id),
    event(id, seq) {
      const found = base.event(id, seq);
      return found === undefined ? undefined : opened(found, keys);
    },
    record(kind, key) {
      const found = base.record(kind, key);
      if (found === undefined) return undefined;
      // One that cannot be opened is not what anybody expects; the others' events are stored.
      return openedText(found, keys) ?? found;
    },
  };
}

/** Its events are encoded already, for their leaves are made over that. */
function withSealedRecords(addition: Addition, keys: PayloadKeys): Addition {
  const { records } = addition;
  if (records === undefined) return addition;
  return { ...addition, records: records.map((record) => sealedRecord(record, keys)) };
}

/** The same record where nothing of it is to be hidden. */
function sealedRecord(record: LogRecord, keys: PayloadKeys): LogRecord {
  const place = recordPlace(record);
  if (place === undefined) return record;
  const text = keys.encrypt(place, record.json);
  if (text !== undefined) return { ...record, json: JSON.stringify(text) };
  const why = `there is no payload key for "${place.tenant}"`;
  throw new AegisError("ledger/encrypted", `Cannot keep a record of ${record.kind}: ${why}`);
}

function openedRecord(stored: LogRecord, keys: PayloadKeys): LogRecord {
  const record = openedText(stored, keys);
  if (record !== undefined) return record;
  const text = encryptedTextOf(stored.json) ?? "";
  throw stillEncrypted(`a record of ${stored.kind}`, new TextEncoder().encode(text));
}

/** Undefined where it is encrypted and no key opens it. */
function openedText(stored: LogRecord, keys: PayloadKeys): LogRecord | undefined {
  const place = recordPlace(stored);
  const text = place === undefined ? undefined : encryptedTextOf(stored.json);
  if (place === undefined || text === undefined) return stored;
  const json = keys.decrypt(place, text);
  return json === undefined ? undefined : { ...stored, json };
}

/** The tenant is what the key begins with. */
function recordPlace({ kind, key }: LogRecord): Place | undefined {
  const tenant = clearKinds.has(kind) ? undefined : readSessionKey(key)?.tenant;
  return tenant === undefined ? undefined : { tenant, names: [`record ${kind}`, key] };
}

/** What is encrypted in it as it was recorded, as far as there are keys for it. */
export function openedSnapshot(inner: Snapshot, keys: PayloadKeys): Snapshot {
  return {
    origin: inner.origin,
    head: () => inner.head(),
    async eventsFrom(first, limit) {
      const stored = await inner.eventsFrom(first, limit);
      return stored.map((event) => opened(event, keys));
    },
    purgedFrom: (first, limit) => inner.purgedFrom(first, limit),
    sessions: () => inner.sessions(),
    policyLoads: () => inner.policyLoads(),
    policies: () => inner.policies(),
    nodes: () => inner.nodes(),
    checkpoints: () => inner.checkpoints(),
    recordsFrom: (after, limit) => inner.recordsFrom(after, limit),
    openRecord: (record) => openedText(record, keys),
    schemaProblems: () => inner.schemaProblems(),
    close: () => inner.close(),
  };
}
