// The ledger over any store: sessions that append, queries, checkpoints and proofs. It is the only
// place that decides what is written when a session opens and closes. What a launch has no use for
// is loaded when it is asked for.

import { AegisError } from "../base/errors.ts";
import { newSessionId, type SessionId } from "../base/ids.ts";
import { signEveryEvents } from "../base/limits.ts";
import type { EventDraft, LostPayload, SealedEvent, SessionOpening } from "../model/event.ts";
import { type PolicySnapshot, policySnapshot } from "../model/policy-snapshot.ts";
import { type AdditionRequest, type BuiltAddition, buildAddition } from "./addition.ts";
import { closingDraft, type SessionEnd } from "./closing.ts";
import type {
  Checkpoint,
  JoinedSession,
  Ledger,
  Patience,
  SessionRecord,
  SessionWriter,
} from "./contract.ts";
import { localTenant, readSessionKey, sessionKey } from "./control/foreign.ts";
import { isEncrypted, keysMissing, payloadsMarker, stillEncrypted } from "./encrypted/text.ts";
import { joiningDrafts, openingDrafts } from "./opening.ts";
import { requireKept } from "./purge/purged.ts";
import { createSealer, readSealed } from "./seal.ts";
import { isPurged, type SessionState } from "./session-state.ts";
import type { Store, StoredEvent } from "./store.ts";
import { readCheckpoint } from "./tree/checkpoint.ts";
import type { HeadMemory } from "./tree/head-memory.ts";
import { rootOf, type TreeHead } from "./tree/merkle.ts";
import type { KeySource } from "./tree/signer.ts";
import {
  checkHead,
  refuseContradiction,
  requireOwnKey,
  signHead,
  signSharedHead,
} from "./tree/signing.ts";

export interface LedgerParts {
  readonly store: Store;
  readonly keys: KeySource;
  readonly memory: HeadMemory;
}

interface Added {
  readonly events: readonly SealedEvent[];
  readonly head: TreeHead;
}

type Append = (request: AdditionRequest) => Promise<Added>;

export function createLedger(parts: LedgerParts): Ledger {
  const { store, keys } = parts;
  const append = createAppend(store);
  return {
    openSession: (...opening) => openSession(parts, append, ...opening),
    joinSession: (...joining) => joinSession(parts, append, ...joining),
    tag: (...tag) => tagSession(store, append, ...tag),
    sessions: async (page) => (await store.sessions(page)).map(recordOf),
    async session(id) {
      const state = await store.session(id);
      return state === undefined ? undefined : recordOf(state);
    },
    async events(filter, page) {
      if (filter.session !== undefined) await requireKept(store, filter.session);
      const { events, total } = await store.events(filter, page);
      return { events: events.map(requireEvent), total };
    },
    async eventsAfter(after, limit) {
      const events = await store.eventsFrom(after + 1, limit);
      return events.map((event) => ({ index: event.index, event: requireEvent(event) }));
    },
    size: async () => (await store.head()).size,
    indexOf: (session, seq) => store.indexOf(session, seq),
    policyHistory: (last) => store.policyLoads(last),
    verify: async () => (await import("./verify/verify.ts")).verifyLedger(parts),
    purgeable: async (before) => (await import("./purge/purge.ts")).purgeable(store, before),
    purge: async (wish) => (await import("./purge/purge.ts")).purgeLedger(parts, wish),
    checkpoint: () => signSharedHead(parts),
    async checkpoints(last): Promise<readonly Checkpoint[]> {
      return (await store.checkpoints(last)).map(({ note }) => readCheckpoint(note));
    },
    prove: async (index) => (await import("./tree/claims.ts")).proveEvent(parts, index),
    compare: async (a, b) => (await import("./tree/claims.ts")).compareCheckpoints(parts, a, b),
    verifierKey: async () => (await keys.signer()).verifierKey,
    close: () => store.close(),
  };
}

function recordOf(state: SessionState): SessionRecord {
  return isPurged(state) ? { ...state, purged: true } : state;
}

function createAppend(store: Store): Append {
  const sealer = createSealer();
  return async (request) => {
    let built: BuiltAddition | undefined;
    await store.append(request.session, (base) => {
      built = buildAddition(sealer, base, request, store.encode);
      return built.addition;
    });
    if (built === undefined) throw new Error("broken invariant: the store did not build");
    return { events: built.sealed, head: built.addition.head };
  };
}

async function openSession(
  parts: LedgerParts,
  append: Append,
  opening: SessionOpening,
  snapshot: PolicySnapshot,
  tsUnixMs: number,
  patience?: Patience,
): Promise<SessionWriter> {
  const { store, memory } = parts;
  await requireOwnKey(parts);
  // Read before the head: another process may add and remember events at any moment.
  const remembered = memory.latest();
  const [before] = await store.sessions({ last: 1, name: opening.name });
  const isNewPolicy = before?.policyHash !== opening.policyHash;
  requireOwnHash(opening, snapshot, isNewPolicy);
  const id = newSessionId();
  const own = { session: id, tenant: localTenant, user: opening.name };
  const { head } = await append({
    ...own,
    policy: snapshot,
    drafts(_, found) {
      refuseContradiction(store.origin, found, remembered, memory.place);
      return openingDrafts({ opening, snapshot, isNewPolicy, head: found, tsUnixMs });
    },
  });
  const { origin } = store;
  memory.remember({ origin, size: head.size, root: rootOf(head).toBase64() }, false);
  return createWriter(patient(parts, patience), { own, openedSize: head.size, lastDrafts });
}

/** For what a session does once it is open. */
function patient(parts: LedgerParts, patience: Patience | undefined): LedgerParts {
  const { store } = parts;
  const append: Store["append"] = (session, build) => store.append(session, build, patience);
  const addCheckpoint: Store["addCheckpoint"] = (added) => store.addCheckpoint(added, patience);
  return { ...parts, store: { ...store, append, addCheckpoint } };
}

async function joinSession(
  parts: LedgerParts,
  append: Append,
  { tenant, session, origin }: JoinedSession,
  opening: SessionOpening,
  snapshot: PolicySnapshot,
  tsUnixMs: number,
  patience?: Patience,
): Promise<SessionWriter> {
  const { store, memory } = parts;
  const key = sessionKey(tenant, session);
  if (origin !== store.origin) throw cannotJoin(key, "the session is in another ledger");
  const { kind, key: name } = payloadsMarker;
  const isMarked = (await store.record(kind, name)) !== undefined;
  if (isMarked && store.encode === undefined) throw keysMissing();
  await requireOwnKey(parts);
  const remembered = memory.latest();
  requireOwnHash(opening, snapshot, true);
  const box = newSessionId();
  const own = { session: key, tenant, ownId: session, user: opening.name };
  const { head } = await append({
    ...own,
    policy: snapshot,
    drafts(state, found) {
      refuseContradiction(store.origin, found, remembered, memory.place);
      if (state.closedUnixMs !== undefined) throw cannotJoin(key, "it has ended");
      return joiningDrafts({ opening, snapshot, head: found, tsUnixMs }, box);
    },
  });
  memory.remember({ origin, size: head.size, root: rootOf(head).toBase64() }, false);
  // Of several boxes in one session each row says which one it is of.
  const named = (draft: EventDraft): EventDraft => ({
    ...draft,
    payload: { ...draft.payload, box },
  });
  const writer = createWriter(patient(parts, patience), {
    own,
    openedSize: head.size,
    *lastDrafts(_, { last, tsUnixMs, exitStatus, summary }) {
      yield* last.map(named);
      yield { type: "BOX_CLOSED", tsUnixMs, payload: { box, exit_status: exitStatus, summary } };
    },
  });
  return { ...writer, append: (drafts) => writer.append(drafts.map(named)) };
}

function cannotJoin(key: SessionId, why: string): AegisError {
  return new AegisError("ledger/conflict", `Cannot join session "${key}": ${why}`, {
    hint: "ask the server for a token of a session that goes on, and use its ledger",
  });
}

interface OpenedSession {
  readonly own: Pick<AdditionRequest, "session" | "tenant" | "ownId" | "user">;
  /** Events in the ledger when it was opened. */
  readonly openedSize: number;
  readonly lastDrafts: (session: SessionState, end: SessionEnd) => Iterable<EventDraft>;
}

function createWriter(
  parts: LedgerParts,
  { own, openedSize, lastDrafts }: OpenedSession,
): SessionWriter {
  const append = createAppend(parts.store);
  let signed = openedSize;
  /** Why a checkpoint could not be signed on the way: what was to be stored then, is. */
  let unsigned: { readonly cause: unknown } | undefined;
  const write = (drafts: (session: SessionState) => Iterable<EventDraft>) =>
    append({ ...own, drafts, policy: undefined });
  return {
    id: own.session,
    async append(drafts) {
      if (unsigned !== undefined) throw unsigned.cause;
      if (drafts.length === 0) return [];
      const { events, head } = await write(() => drafts);
      // A long session is signed now and then, so that little of it is ever unsigned.
      if (head.size - signed >= signEveryEvents) {
        await signHead(parts).then(
          ({ size }) => {
            signed = size;
          },
          (cause: unknown) => {
            unsigned = { cause };
          },
        );
      }
      return events;
    },
    async prepareClose() {
      await Promise.all([requireOwnKey(parts), checkHead(parts)]);
      await parts.keys.signer();
    },
    async close(end) {
      // The key is read on another thread while the events are stored.
      const key = requireOwnKey(parts);
      // Signing meets the same; what was done is stored first.
      key.catch(() => undefined);
      await write((session) => lastDrafts(session, end));
      end.onStored?.();
      await key;
      return signHead(parts);
    },
    async lose({ tsUnixMs, accesses, reason }) {
      const payload = { accesses, reason } satisfies LostPayload;
      await write(() => [{ type: "EVENTS_LOST", tsUnixMs, payload }]);
    },
  };
}

async function tagSession(
  store: Store,
  append: Append,
  id: SessionId,
  tag: string,
  tsUnixMs: number,
): Promise<void> {
  const session = await store.session(id);
  if (session === undefined) {
    throw new AegisError("ledger/not-found", `Cannot tag session "${id}": it is not found`, {
      hint: "list the sessions with `aegis audit sessions`",
    });
  }
  if (readSessionKey(id) !== undefined) {
    throw new AegisError("ledger/conflict", `Cannot tag session "${id}": it is a client's own`);
  }
  const draft: EventDraft = { type: "SESSION_TAGGED", tsUnixMs, payload: { tag } };
  const own = { session: id, tenant: localTenant, user: session.name };
  await append({ ...own, drafts: () => [draft], policy: undefined });
}

function* lastDrafts(session: SessionState, end: SessionEnd): Iterable<EventDraft> {
  yield* end.last;
  yield closingDraft(session, end);
}

/** A text is hashed again only when it is about to be stored. */
function requireOwnHash(
  opening: SessionOpening,
  snapshot: PolicySnapshot,
  isNewPolicy: boolean,
): void {
  const hash = isNewPolicy ? policySnapshot(snapshot.sources).hash : snapshot.hash;
  if (hash === snapshot.hash && hash === opening.policyHash) return;
  throw new AegisError(
    "ledger/invalid-event",
    `Cannot open a session: its policy hashes to "${hash}", not to "${opening.policyHash}"`,
  );
}

function requireEvent({ index, body }: StoredEvent): SealedEvent {
  if (isEncrypted(body)) throw stillEncrypted(`event ${index}`, body);
  const event = readSealed(body);
  if (event !== undefined) return event;
  throw new AegisError("ledger/tampered", `Cannot read event ${index}: it is no sealed event`, {
    hint: "run `aegis audit verify`",
  });
}
