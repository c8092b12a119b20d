// Purging: the ledger is verified, what may go is found, a statement about each session is signed,
// and one transaction adds the statements and takes the events out. Then files are written anew.

import { AegisError } from "../../base/errors.ts";
import { newSessionId, type SessionId } from "../../base/ids.ts";
import type { EventDraft } from "../../model/event.ts";
import { policySnapshot } from "../../model/policy-snapshot.ts";
import { buildAddition } from "../addition.ts";
import { closingDraft } from "../closing.ts";
import type { Purged, PurgeScope, PurgeWish } from "../contract.ts";
import { localTenant } from "../control/foreign.ts";
import { openingDrafts } from "../opening.ts";
import { createSealer } from "../seal.ts";
import { differences } from "../session-state.ts";
import type { Addition, ManyBase, Purge, Snapshot, Store } from "../store.ts";
import { rootOf, type TreeHead } from "../tree/merkle.ts";
import {
  refuseContradiction,
  requireOwnKey,
  type SigningParts,
  signHead,
  signSharedHead,
} from "../tree/signing.ts";
import { verifyLedger } from "../verify/verify.ts";
import { type Candidate, findCandidates, purgeMode, recordsThatGo } from "./candidates.ts";
import { hasUndated } from "./receipt.ts";
import {
  type PurgedTree,
  policyLoadsDigest,
  purgedPayload,
  purgedRow,
  statementOf,
  statementText,
} from "./statement.ts";

/** Agent of the sessions that say what was purged: no configuration has a space in its name. */
const agent = "audit purge";

export async function purgeable(store: Store, beforeUnixMs: number): Promise<PurgeScope> {
  return scopeOf((await findCandidates(store, beforeUnixMs)).sessions);
}

function scopeOf(sessions: readonly Candidate[]): PurgeScope {
  const eventCount = sessions.reduce((sum, { state }) => sum + state.nextSeq, 0);
  return { sessionCount: sessions.length, eventCount };
}

export async function purgeLedger(parts: SigningParts, wish: PurgeWish): Promise<Purged> {
  const { store } = parts;
  await requireOwnKey(parts);
  await requireSound(parts);
  const candidates = await findCandidates(store, wish.beforeUnixMs);
  const { sessions } = candidates;
  // Where nothing goes yet its own beginning dates what clients recorded until now, for the next.
  if (sessions.length === 0 && !(await hasUndated(store, candidates.among))) {
    // One that was interrupted may have left bytes behind.
    await store.scrub();
    return { ...scopeOf(sessions), recorded: undefined };
  }
  // What is there before is signed, by whose ledger it is.
  const signed = await signSharedHead(parts);
  const snapshot = await store.snapshot();
  let drafts: readonly PlacedDraft[];
  let purge: Purge;
  try {
    drafts = await statementDrafts(parts, snapshot, sessions, { ...wish, signed });
    const records = await recordsThatGo(snapshot, candidates, wish.tsUnixMs);
    purge = { sessions: sessions.map(({ state }) => purgedRow(state)), records };
  } finally {
    await snapshot.close();
  }
  const session = await record(parts, sessions, { drafts, purge, wish });
  const checkpoint = await signHead(parts);
  await store.scrub();
  return { ...scopeOf(sessions), recorded: { session, checkpoint } };
}

/** What is taken out is no evidence any more, so it goes only where there is none to be kept. */
async function requireSound(parts: SigningParts): Promise<void> {
  const { findings } = await verifyLedger(parts);
  const [first] = findings;
  if (first === undefined) return;
  const more = findings.length === 1 ? "" : `, and ${findings.length - 1} more findings`;
  throw new AegisError("ledger/tampered", `Cannot purge the ledger: ${first.message}${more}`, {
    hint: "run `aegis audit verify`",
  });
}

/** A draft that is signed for the index that it gets, which is known inside the transaction. */
type PlacedDraft = (place: number) => EventDraft;

async function statementDrafts(
  { store, keys, memory }: SigningParts,
  snapshot: Snapshot,
  sessions: readonly Candidate[],
  {
    beforeUnixMs,
    tsUnixMs,
    by,
    signed: { size, root },
  }: PurgeWish & { readonly signed: PurgedTree },
): Promise<readonly PlacedDraft[]> {
  const sign = await (await keys.signer()).atOnce();
  const loads = Map.groupBy(snapshot.policyLoads(), ({ session }) => session);
  // A clock that was put back must not make it look like a statement kept from before that.
  const afterMs = memory.restored(store.origin)?.unixMs ?? 0;
  const purgedMs = Math.max(tsUnixMs, afterMs + 1);
  const about = { by, purged_ms: purgedMs, before_ms: beforeUnixMs, tree: { size, root } };
  return sessions.map(({ state, places }) => {
    const policyLoads = policyLoadsDigest(loads.get(state.id) ?? []);
    return (place) => {
      const statement = statementOf({ session: state, places, policyLoads }, { ...about, place });
      const note = sign(statementText(store.origin, statement));
      return { type: "SESSION_PURGED", tsUnixMs, payload: purgedPayload(statement, note) };
    };
  });
}

interface Recorded {
  readonly drafts: readonly PlacedDraft[];
  readonly purge: Purge;
  readonly wish: PurgeWish;
}

/** @returns the session that says so */
async function record(
  { store, memory }: SigningParts,
  sessions: readonly Candidate[],
  { drafts, purge, wish }: Recorded,
): Promise<SessionId> {
  const id = newSessionId();
  const sealer = createSealer();
  const remembered = memory.latest();
  let head: TreeHead | undefined;
  const build = (base: ManyBase): readonly Addition[] => {
    refuseContradiction(store.origin, base.head, remembered, memory.place);
    for (const { state } of sessions) requireSame(state, base);
    const made = buildAddition(
      sealer,
      { head: base.head, session: undefined },
      {
        ...{ session: id, tenant: localTenant, user: agent, policy: undefined },
        *drafts(session, found) {
          const begun = beginning(wish, found);
          yield* begun;
          for (const [n, draft] of drafts.entries()) yield draft(found.size + begun.length + n);
          yield closingDraft(session, { tsUnixMs: wish.tsUnixMs, exitStatus: 0, summary: {} });
        },
      },
    );
    head = made.addition.head;
    return [{ ...made.addition, purge }];
  };
  const needed = [id, ...sessions.map(({ state }) => state.id)];
  await store.appendMany(() => ({ sessions: needed, events: [], records: [] }), build);
  if (head === undefined) throw new Error("broken invariant: the store did not build");
  const root = rootOf(head).toBase64();
  memory.remember({ origin: store.origin, size: head.size, root }, false);
  return id;
}

/** @throws {AegisError} `ledger/conflict` when something was added to it since it was read */
function requireSame(state: Candidate["state"], base: ManyBase): void {
  const now = base.session(state.id);
  if (now !== undefined && differences(now, state).length === 0) return;
  const message = `Cannot purge the ledger: session "${state.id}" was changed meanwhile`;
  throw new AegisError("ledger/conflict", message, { hint: "try again" });
}

function beginning({ command, directory, tsUnixMs }: PurgeWish, head: TreeHead) {
  const snapshot = policySnapshot([]);
  const named = { name: agent, mode: purgeMode, command, directory, tag: undefined };
  const opening = { ...named, policyHash: snapshot.hash, coverage: [] };
  return openingDrafts({ opening, snapshot, isNewPolicy: false, head, tsUnixMs }).slice(0, 1);
}
