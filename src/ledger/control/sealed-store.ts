// A store whose records are sealed, over any other store. One that is not, or not so, reads as an
// empty text: there is a record, and it says nothing.

import type { Addition, ManyBase, Store } from "../store.ts";
import { requireOwnToServe } from "../tree/signing.ts";
import type { OutsideTree } from "../tree/standing.ts";
import type { LogRecord } from "./contract.ts";
import { recordPages } from "./record-pages.ts";
import {
  isSealed,
  openedRecord,
  sealedKinds,
  sealedRecord,
  unprovenRecord,
} from "./record-seal.ts";

/**
 * The store with its records under the key of its ledger. Those that an aegis kept that did not
 * seal them are sealed as they are, once: from then on one without a seal is no record.
 * @throws {AegisError} `ledger/conflict` where another key signs the ledger
 */
export async function sealRecords(inner: Store, { keys, memory }: OutsideTree): Promise<Store> {
  await requireOwnToServe({ store: inner, keys, memory });
  const { recordKey } = await keys.signer();
  if (memory.areRecordsSealed(inner.origin)) return sealedStore(inner, recordKey);
  await sealWhatIsThere(inner, recordKey);
  memory.rememberSealedRecords(inner.origin);
  return sealedStore(inner, recordKey);
}

async function sealWhatIsThere(inner: Store, key: Uint8Array): Promise<void> {
  const snapshot = await inner.snapshot();
  let last: LogRecord | undefined;
  try {
    for await (const page of recordPages(snapshot)) {
      for (const record of page) {
        if (!sealedKinds.has(record.kind) || isSealed(record.json)) continue;
        const sealed = { ...record, json: sealedRecord(record, key) };
        // What another process changed meanwhile it sealed as well.
        await inner.putRecord(sealed, record.json, "later");
        last = sealed;
      }
    }
  } finally {
    await snapshot.close();
  }
  // Durable with all before it, so before anything remembers that it was done.
  if (last !== undefined) await inner.putRecord(last, last.json);
}

function sealedStore(inner: Store, key: Uint8Array): Store {
  const sealed = (record: LogRecord): LogRecord =>
    sealedKinds.has(record.kind) ? { ...record, json: sealedRecord(record, key) } : record;
  const opened = (stored: LogRecord): LogRecord =>
    sealedKinds.has(stored.kind)
      ? { ...stored, json: openedRecord(stored, key) ?? unprovenRecord }
      : stored;
  const addition = (made: Addition): Addition =>
    made.records === undefined ? made : { ...made, records: made.records.map(sealed) };
  const base = (found: ManyBase): ManyBase => ({
    head: found.head,
    session: (id) => found.session(id),
    event: (id, seq) => found.event(id, seq),
    record(kind, name) {
      const record = found.record(kind, name);
      return record && opened(record);
    },
  });
  return {
    ...inner,
    append: (session, build) => inner.append(session, (found) => addition(build(found))),
    appendMany: (needs, build, onCommitted) =>
      inner.appendMany(needs, (found) => build(base(found)).map(addition), onCommitted),
    async record(kind, name) {
      const record = await inner.record(kind, name);
      return record && opened(record);
    },
    async records(...where) {
      return (await inner.records(...where)).map(opened);
    },
    putRecord(record, expected, durability) {
      const before =
        expected === undefined ? undefined : sealed({ ...record, json: expected }).json;
      return inner.putRecord(sealed(record), before, durability);
    },
    removeRecord: (record) => inner.removeRecord(sealed(record)),
  };
}
