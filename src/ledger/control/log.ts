// The control plane's view of a ledger, over any store: many clients append at once and share
// transactions. Everything a client says about hashes and order is checked here, inside them.

import type { SessionId } from "../../base/ids.ts";
import { jsonProblem, type PlainJson } from "../../base/json-text.ts";
import { foreignEventSizeMaxBytes } from "../../base/limits.ts";
import { err, ok, type Result } from "../../base/result.ts";
import { type SpelledJson, spelledOf } from "../../base/spelled-json.ts";
import { isBoxEvent } from "../../model/event.ts";
import {
  addEvent,
  decisionOf,
  isPurged,
  newSession,
  type SessionState,
  type SessionTally,
} from "../session-state.ts";
import { type Addition, type ManyBase, type Store, storedLevelMin } from "../store.ts";
import { appendLeaves, type TreeHead, type TreeNode, textLeafHash } from "../tree/merkle.ts";
import type { OutsideTree } from "../tree/standing.ts";
import type {
  AppendOutcome,
  AppendRefusalCode,
  AppendRequest,
  ControlLog,
  LogRecord,
  NewLoggedEvent,
} from "./contract.ts";
import {
  type ForeignEvent,
  findSeal,
  localTenant,
  type SealedText,
  sealedForeign,
  sealForeign,
  sessionKey,
} from "./foreign.ts";
import { type Appended, createGroupCommit } from "./group-commit.ts";
import { fingerprint, type IdempotentAnswer, readAnswer } from "./idempotency.ts";
import { idempotencyKey, isCount, needsOf } from "./needs.ts";
import { createReading, loggedEvent } from "./read.ts";
import { inTurns } from "./turns.ts";

/** @param outside what verifying holds the ledger against; absent where nothing keeps it */
export function createControlLog(store: Store, outside?: OutsideTree): ControlLog {
  const listeners = new Set<(event: NewLoggedEvent) => void>();
  const append = createGroupCommit(
    (requests, onCommitted) => appendAll(store, requests, onCommitted),
    (event) => {
      for (const listener of listeners) told(listener, event);
    },
  );
  return {
    ...createReading(inTurns(store), outside),
    append,
    onStored(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

function told(listener: (event: NewLoggedEvent) => void, event: NewLoggedEvent): void {
  try {
    listener(event);
  } catch {
    // ignored: the event is stored, whatever a listener makes of it, and so are all others of its
    // transaction, of whichever client; who could not follow reads it later, and fails for itself
  }
}

async function appendAll(
  store: Store,
  requests: readonly AppendRequest[],
  onCommitted: () => void,
): Promise<Appended> {
  let appended: Appended = { outcomes: [], stored: [] };
  await store.appendMany(
    () => needsOf(requests),
    (base) => {
      const batch = createBatch(base, store);
      const outcomes = requests.map((request) => addTo(batch, request));
      appended = { outcomes, stored: batch.stored };
      return batch.additions;
    },
    onCommitted,
  );
  return appended;
}

/** One transaction while it is put together: what it adds is seen by what comes after. */
interface Batch {
  readonly base: ManyBase;
  readonly encode: Store["encode"];
  readonly additions: Addition[];
  readonly stored: NewLoggedEvent[];
  readonly sessions: Map<SessionId, Grown>;
  readonly records: Map<string, LogRecord>;
  head: TreeHead;
}

/** A session that is added to. */
interface Grown {
  readonly tally: SessionTally;
  /** `nextSeq` of the session before this transaction. */
  readonly from: number;
  /** What was added, `from` on. */
  readonly added: Standing[];
}

/** An event that is there. */
interface Standing {
  /** Hex. */
  readonly hash: string;
  readonly index: number;
  /** Base64; empty for the first. */
  readonly prevHash: string;
  readonly tsUnixMs: number;
}

function createBatch(base: ManyBase, { encode }: Store): Batch {
  return {
    base,
    encode,
    additions: [],
    stored: [],
    sessions: new Map(),
    records: new Map(),
    head: base.head,
  };
}

function addTo(batch: Batch, request: AppendRequest): AppendOutcome {
  const key = sessionKey(request.tenant, request.session);
  const state = batch.sessions.get(key)?.tally ?? batch.base.session(key) ?? newSession(key);
  const earlier = earlierAnswer(batch, request);
  if (earlier !== undefined) return earlier;
  const payload = spelledOf(request.payload);
  const read = plainOf(payload);
  const refusal = refusalOf(request, state);
  if (refusal !== undefined) return refusal;
  if (isPurged(state)) return refused("session_purged", "the session's events were purged", state);
  if (!read.ok) return refused("event_invalid", `the event is not valid: ${read.error}`, state);
  const event = completed(request, state, payload);
  const repeated = repeatedEvent(batch, key, event, request, state);
  if (repeated !== undefined) return repeated;
  // Before it is held against the chain: what a client did not seal is nobody's, wherever it goes.
  const sealed = sealOf(event, request.hash);
  if (sealed === undefined) {
    const message = `hash verification failed: eventlog: hash mismatch at seq=${event.seq}`;
    return refused("hash_mismatch", message, state);
  }
  const conflict = conflictOf(event, state);
  if (conflict !== undefined) return conflict;
  if (request.change !== undefined) {
    const { record, expected } = request.change;
    if (recordIn(batch, record.kind, record.key)?.json !== expected) {
      return refused("record_changed", "the record was changed meanwhile", state);
    }
  }
  return store(batch, { key, state, event, plain: read.value }, sealed, request);
}

/** What the same idempotency key was answered before. */
function earlierAnswer(batch: Batch, request: AppendRequest): AppendOutcome | undefined {
  if (request.idempotencyKey === undefined) return undefined;
  const known = recordIn(batch, "idempotency", idempotencyKey(request));
  if (known === undefined) return undefined;
  const answer = readAnswer(known.json);
  if (answer === undefined) {
    const message = "what the idempotency key was answered is not what was kept of it";
    return refused("idempotency_mismatch", message, newSession("" as SessionId));
  }
  const { request: before, seq, hash, index } = answer;
  if (before === fingerprint(request)) return { kind: "repeated", seq, hash, index };
  const message = "the idempotency key was used for another request";
  return refused("idempotency_mismatch", message, newSession("" as SessionId));
}

/** As it is after the additions before this one. */
function recordIn({ base, records }: Batch, kind: string, key: string): LogRecord | undefined {
  return records.get(placeOf({ kind, key })) ?? base.record(kind, key);
}

function placeOf({ kind, key }: Omit<LogRecord, "json">): string {
  return `${kind}\0${key}`;
}

function refusalOf(request: AppendRequest, state: SessionState): AppendOutcome | undefined {
  const { tenant, session, user, type, seq, tsUnixMs } = request;
  if (tenant === localTenant) {
    return refused("tenant_reserved", `the tenant "${localTenant}" is this machine's own`, state);
  }
  if (isBoxEvent(type)) {
    return refused("type_reserved", `only a box records events of type ${type}`, state);
  }
  const names = [tenant, session, user, type];
  const isSound =
    names.every((name) => name.isWellFormed() && name.length <= nameLengthMax) &&
    isCount(tsUnixMs) &&
    (seq === undefined || isCount(seq));
  return isSound ? undefined : refused("event_invalid", "the event is not valid", state);
}

const nameLengthMax = 512;

/** Or which number in it is larger than all numbers. */
function plainOf(payload: SpelledJson): Result<PlainJson, string> {
  try {
    return ok(payload.plain("payload"));
  } catch (error) {
    const why = jsonProblem(error);
    if (why === undefined) throw error;
    return err(why);
  }
}

function completed(
  request: AppendRequest,
  { nextSeq, lastHash }: SessionState,
  payload: SpelledJson,
): ForeignEvent {
  const { tenant, user, session, type, tsUnixMs } = request;
  const seq = request.seq ?? nextSeq;
  const named = { tenant, user, session, seq, tsUnixMs, type, payload };
  if (request.prevHash !== undefined) return { ...named, prevHash: request.prevHash.toBase64() };
  // Only an event that the log seals itself is given a predecessor; a client's seal covers its own.
  const isOurs = request.hash === undefined && seq > 0 && lastHash !== "";
  return { ...named, prevHash: isOurs ? lastHash : undefined };
}

/** The event that stands where this one wants to, when it is the same. */
function repeatedEvent(
  batch: Batch,
  key: SessionId,
  event: ForeignEvent,
  request: AppendRequest,
  state: SessionState,
): AppendOutcome | undefined {
  const { seq } = event;
  if (request.seq === undefined || seq >= state.nextSeq) return undefined;
  if (request.answers !== undefined) return undefined;
  const known = standingAt(batch, key, seq);
  if (known === undefined) return undefined;
  const { hash, index, prevHash, tsUnixMs } = known;
  // What the log filled in then is not what it would fill in now; the sender said the same.
  const again: ForeignEvent = {
    ...event,
    ...(request.prevHash === undefined && prevHash !== "" ? { prevHash } : {}),
    ...(request.isTimeFilledIn === true ? { tsUnixMs } : {}),
  };
  if (request.hash !== undefined && request.hash.toHex() !== hash) return undefined;
  // Knowing the hash is not enough: anybody may read it.
  const own = sealOf(again, request.hash);
  return own?.hash.toHex() === hash ? { kind: "repeated", seq, hash, index } : undefined;
}

/** @returns undefined where the event does not have the hash it was sent with */
function sealOf(event: ForeignEvent, given: Uint8Array | undefined): SealedText | undefined {
  return given === undefined ? sealForeign(event) : findSeal(event, given);
}

function standingAt({ sessions, base }: Batch, key: SessionId, seq: number): Standing | undefined {
  const grown = sessions.get(key);
  if (grown !== undefined && seq >= grown.from) return grown.added[seq - grown.from];
  const stored = base.event(key, seq);
  if (stored === undefined) return undefined;
  const { hash, index, prevHash, tsUnixMs } = loggedEvent(stored);
  return { hash, index, prevHash: Uint8Array.fromHex(prevHash).toBase64(), tsUnixMs };
}

function conflictOf(event: ForeignEvent, state: SessionState): AppendOutcome | undefined {
  const { seq, prevHash, session } = event;
  if (seq === 0 && prevHash !== undefined) {
    return refused("first_has_prev", "eventlog: seq=0 must have empty prev_hash", state);
  }
  const follows = (prevHash ?? "") === state.lastHash;
  if (seq === state.nextSeq && follows) return undefined;
  const message = `hash chain mismatch: session=${session} seq=${seq}`;
  return refused("chain_conflict", message, state);
}

function refused(code: AppendRefusalCode, message: string, state: SessionState): AppendOutcome {
  const { nextSeq: expectedSeq, lastHash } = state;
  const expectedPrevHash = lastHash === "" ? "" : Uint8Array.fromBase64(lastHash).toHex();
  return { kind: "refused", code, message, expectedSeq, expectedPrevHash };
}

interface Placed {
  readonly key: SessionId;
  readonly state: SessionState;
  readonly event: ForeignEvent;
  readonly plain: PlainJson;
}

function store(
  batch: Batch,
  { key, state, event, plain: payload }: Placed,
  { body, hash, spelled }: SealedText,
  request: AppendRequest,
): AppendOutcome {
  const index = batch.head.size;
  const size = Buffer.byteLength(body);
  if (size > foreignEventSizeMaxBytes) {
    return refused("event_invalid", `the event has over ${foreignEventSizeMaxBytes} bytes`, state);
  }
  const { seq, tsUnixMs, type } = event;
  const place = { session: key, seq, tsUnixMs, type };
  const written = batch.encode === undefined ? body : batch.encode(place, body);
  if (written === undefined) {
    const message = `there is no payload key for the tenant "${request.tenant}"`;
    return refused("tenant_keyless", message, state);
  }
  const leaf = textLeafHash(written);
  const nodes: TreeNode[] = [];
  batch.head = appendLeaves(batch.head, [leaf], (node) => {
    if (node.level >= storedLevelMin) nodes.push(node);
  });
  const hex = hash.toHex();
  const told = sealedForeign(event, payload, hash.toBase64());
  const grown = grownSession(batch, key, state);
  addEvent(grown.tally, told);
  grown.added.push({ hash: hex, index, prevHash: told.prev_hash, tsUnixMs });
  const records: LogRecord[] = [];
  if (request.idempotencyKey !== undefined) {
    const answer: IdempotentAnswer = { request: fingerprint(request), seq, hash: hex, index };
    const recordKey = idempotencyKey(request);
    records.push({ kind: "idempotency", key: recordKey, json: JSON.stringify(answer) });
  }
  if (request.change !== undefined) records.push(request.change.record);
  for (const record of records) batch.records.set(placeOf(record), record);
  const decision = decisionOf(told.payload);
  batch.additions.push({
    events: [{ index, session: key, seq, tsUnixMs, type, decision, leaf, body: written }],
    head: batch.head,
    nodes,
    session: grown.tally,
    policyLoad: undefined,
    records,
  });
  const { tenant, user, session } = event;
  const where = { tenant, user, session, seq, tsUnixMs, type };
  batch.stored.push({ ...where, payload, spelled, hash: hex, index });
  return { kind: "stored", seq, hash: hex, index };
}

/** Copied once for a transaction: nobody else may see what is added before it is stored. */
function grownSession(batch: Batch, key: SessionId, state: SessionState): Grown {
  const known = batch.sessions.get(key);
  if (known !== undefined) return known;
  const grown: Grown = { tally: { ...state }, from: state.nextSeq, added: [] };
  batch.sessions.set(key, grown);
  return grown;
}
