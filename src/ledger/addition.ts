// From drafts to everything one transaction stores: sealed events, the session's new state, the new
// tree head and its nodes. Pure: the store calls it with what it read inside the transaction.

import { AegisError } from "../base/errors.ts";
import type { SessionId } from "../base/ids.ts";
import type { EventDraft, SealedEvent } from "../model/event.ts";
import type { PolicySnapshot } from "../model/policy-snapshot.ts";
import { localTenant } from "./control/foreign.ts";
import { sessionPurged } from "./purge/purged.ts";
import type { Sealed, Sealer } from "./seal.ts";
import { addEvent, decisionOf, isPurged, newSession, type SessionState } from "./session-state.ts";
import {
  type Addition,
  type AppendBase,
  type EventPlace,
  type NewEvent,
  type PolicyLoadRow,
  type Store,
  storedLevelMin,
} from "./store.ts";
import { appendLeaves, leafHash, type TreeHead, type TreeNode } from "./tree/merkle.ts";

export interface AdditionRequest {
  readonly session: SessionId;
  readonly tenant: string;
  /** What its tenant calls the session, where that is not `session`. */
  readonly ownId?: string | undefined;
  /** Name of the session's agent. */
  readonly user: string;
  /** Asked for one by one: a draft may tell what the session adds up to with those before it. */
  readonly drafts: (session: SessionState, head: TreeHead) => Iterable<EventDraft>;
  /** The text of a `POLICY_LOADED` among the drafts. */
  readonly policy: PolicySnapshot | undefined;
}

export interface BuiltAddition {
  readonly addition: Addition;
  readonly sealed: readonly SealedEvent[];
}

/** @throws {AegisError} `ledger/invalid-event`, `canonical/invalid`, `ledger/conflict` */
export function buildAddition(
  sealer: Sealer,
  base: AppendBase,
  request: AdditionRequest,
  encode?: Store["encode"],
): BuiltAddition {
  const session = { ...(base.session ?? newSession(request.session)) };
  if (isPurged(session)) throw sessionPurged(session.id);
  const events: NewEvent[] = [];
  const sealed: SealedEvent[] = [];
  let policyLoad: PolicyLoadRow | undefined;
  const { tenant, user, policy } = request;
  const isForeign = tenant !== localTenant;
  for (const draft of request.drafts(session, base.head)) {
    // A client's session has no end of its own: it goes on where something comes after it.
    if (!isForeign) refuseAfterClose(session, draft);
    const index = base.head.size + events.length;
    const { nextSeq: seq, lastHash: prevHash } = session;
    const made = sealer(
      { tenant, user, session: request.ownId ?? session.id, seq, prevHash },
      draft,
    );
    const place = { session: session.id, seq, tsUnixMs: draft.tsUnixMs, type: draft.type };
    const { leaf, body } = writtenAs(made, place, encode);
    events.push({ ...place, index, decision: decisionOf(draft.payload), leaf, body });
    sealed.push(made.event);
    addEvent(session, made.event);
    const isLoad = draft.type === (isForeign ? "BOX_OPENED" : "POLICY_LOADED");
    if (isLoad && policy !== undefined) {
      policyLoad = { index, session: session.id, tsUnixMs: draft.tsUnixMs, snapshot: policy };
    }
  }
  const nodes: TreeNode[] = [];
  const leaves = events.map(({ leaf }) => leaf);
  const head = appendLeaves(base.head, leaves, (node) => {
    if (node.level >= storedLevelMin) nodes.push(node);
  });
  return { addition: { events, head, nodes, session, policyLoad }, sealed };
}

/** The leaf is made over what is stored. */
function writtenAs(
  made: Sealed,
  place: EventPlace,
  encode: Store["encode"],
): Pick<NewEvent, "leaf" | "body"> {
  const body = encode === undefined ? made.body : encode(place, made.body);
  if (body === undefined) {
    const why = "there is no payload key for its tenant";
    throw new AegisError("ledger/encrypted", `Cannot record into "${place.session}": ${why}`);
  }
  if (body === made.body) return made;
  return { body, leaf: leafHash(new TextEncoder().encode(body)) };
}

function refuseAfterClose(session: SessionState, draft: EventDraft): void {
  if (session.closedUnixMs === undefined || draft.type === "SESSION_TAGGED") return;
  throw new AegisError(
    "ledger/conflict",
    `Cannot record a ${draft.type} event: session "${session.id}" is closed`,
  );
}
