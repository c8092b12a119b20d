// The pass over all events: content against its hash, columns against content, each session's
// chain, and the tree. One damaged event gives one finding, not one for everything after it. Pure.

import { equalBytes } from "../../base/hash.ts";
import type { SessionId } from "../../base/ids.ts";
import { eventSizeMaxBytes } from "../../base/limits.ts";
import { err, ok, type Result } from "../../base/result.ts";
import type { JsonObject, SealedEvent } from "../../model/event.ts";
import type { FindingKind, Loss, VerifyFinding } from "../contract.ts";
import { type DecidedApprovals, noteDecision } from "../control/decided-approvals.ts";
import { localTenant, readSessionKey, sessionKey } from "../control/foreign.ts";
import { isEncrypted } from "../encrypted/text.ts";
import { createPlacesDigest, type PlacesDigest } from "../purge/statement.ts";
import { checkSealed } from "../seal.ts";
import { addEvent, decisionOf, lossOf, newSession, type SessionTally } from "../session-state.ts";
import { type PurgedEvent, type StoredEvent, storedLevelMin } from "../store.ts";
import {
  appendLeaves,
  createLeafHasher,
  emptyTree,
  type Hash,
  rootOf,
  type TreeHead,
  type TreeNode,
} from "../tree/merkle.ts";

/** What the events say; the rest of the ledger is held against it. */
export interface EventFacts {
  readonly findings: readonly VerifyFinding[];
  /** One more than the last index. */
  readonly count: number;
  readonly tree: TreeHead;
  /** First event from which on the tree cannot be recomputed; the count when it can. */
  readonly treeSoundTo: number;
  /** Root, base64, at each wanted size that was reached. */
  readonly roots: ReadonlyMap<number, string>;
  readonly sessions: ReadonlyMap<SessionId, SessionTally>;
  /** Sessions with a finding: what they add up to is not to be held against anything. */
  readonly damaged: ReadonlySet<SessionId>;
  readonly policyLoads: readonly PolicyLoadFact[];
  readonly losses: ReadonlyMap<SessionId, Omit<Loss, "tsUnixMs">>;
  /** Events that are not there any more, to be held against what was signed about them. */
  readonly purged: ReadonlyMap<SessionId, PurgedFact>;
  readonly purges: readonly PurgeFact[];
  /** Events that are encrypted and were not opened: in the tree, but nobody knows what they say. */
  readonly unopened: number;
  /** There are encrypted ones, opened or not. */
  readonly hasEncrypted: boolean;
  readonly decided: DecidedApprovals;
}

export interface PolicyLoadFact {
  readonly index: number;
  readonly session: SessionId;
  readonly tsUnixMs: number;
  readonly hash: string;
}

/** Places in the tree that are left of a session. */
export interface PurgedFact {
  readonly first: number;
  readonly last: number;
  readonly count: number;
  readonly digest: PlacesDigest;
}

/** A purge that an event tells of, whoever wrote it. */
export interface PurgeFact {
  readonly index: number;
  readonly payload: JsonObject;
}

export interface EventCheck {
  /** In tree order. */
  add(page: readonly (StoredEvent | PurgedEvent)[]): void;
  finish(): EventFacts;
}

/** What the pass knows so far. */
interface Pass {
  readonly findings: VerifyFinding[];
  readonly tree: TreeCheck;
  readonly sessions: Map<SessionId, SessionTally>;
  readonly damaged: Set<SessionId>;
  readonly policyLoads: PolicyLoadFact[];
  readonly losses: Map<SessionId, Omit<Loss, "tsUnixMs">>;
  readonly purged: Map<SessionId, PurgedFact>;
  readonly purges: PurgeFact[];
  /** Sessions whose last event is damaged: the next one has nothing to follow. */
  readonly unanchored: Set<SessionId>;
  readonly hashLeaf: (data: Uint8Array) => Hash;
  /** Index the next event should have. */
  next: number;
  unopened: number;
  hasEncrypted: boolean;
  readonly decided: DecidedApprovals;
}

export function createEventCheck(
  nodes: readonly TreeNode[],
  wantedSizes: readonly number[],
): EventCheck {
  const pass: Pass = {
    findings: [],
    tree: createTreeCheck(nodes, wantedSizes),
    sessions: new Map(),
    damaged: new Set(),
    policyLoads: [],
    losses: new Map(),
    purged: new Map(),
    purges: [],
    unanchored: new Set(),
    hashLeaf: createLeafHasher(eventSizeMaxBytes),
    next: 0,
    unopened: 0,
    hasEncrypted: false,
    decided: new Map(),
  };
  return {
    add(page) {
      for (const stored of page) {
        if ("body" in stored) addEventTo(pass, stored);
        else addPurgedTo(pass, stored);
      }
      pass.tree.add(page.map(({ leaf }) => leaf));
    },
    finish() {
      const { head, roots, soundTo, problems } = pass.tree.finish();
      for (const message of problems) {
        pass.findings.push({ kind: "derived-mismatch", index: undefined, message });
      }
      const { findings, next: count, sessions, damaged, policyLoads, losses, unopened } = pass;
      const { purged, purges, hasEncrypted, decided } = pass;
      return {
        findings,
        count,
        tree: head,
        treeSoundTo: soundTo,
        roots,
        sessions,
        damaged,
        policyLoads,
        losses,
        purged,
        purges,
        unopened,
        hasEncrypted,
        decided,
      };
    },
  };
}

function addEventTo(pass: Pass, stored: StoredEvent): void {
  if (!isInPlace(pass, stored)) return;
  if (stored.storedBody !== undefined) pass.hasEncrypted = true;
  if (isUnopened(pass, stored)) {
    pass.hasEncrypted = true;
    pass.unopened++;
    addDamaged(pass, stored);
    return;
  }
  const checked = checkContent(pass, stored);
  if (!checked.ok) {
    report(pass, "modified", stored.index, checked.error);
    pass.tree.doubt(stored.index);
    addDamaged(pass, stored);
    return;
  }
  const event = checked.value;
  if (!hasOwnColumns(stored, event)) {
    const what = "has columns that say something else than what was sealed";
    report(pass, "modified", stored.index, what);
  }
  follow(pass, stored.index, event);
  noteDecision(pass.decided, event);
  const loss = lossOf(event);
  if (loss !== undefined) pass.losses.set(sessionKey(event.tenant_id, event.session_id), loss);
  if (event.event_type === "SESSION_PURGED" && event.tenant_id === localTenant) {
    pass.purges.push({ index: stored.index, payload: event.payload });
  }
  const hash = loadedPolicy(event);
  if (hash !== undefined) {
    const session = sessionKey(event.tenant_id, event.session_id);
    pass.policyLoads.push({ index: stored.index, session, tsUnixMs: event.ts_unix_ms, hash });
  }
}

function addPurgedTo(pass: Pass, event: PurgedEvent): void {
  if (!isInPlace(pass, event)) return;
  const { index, session } = event;
  const known = pass.purged.get(session);
  const digest = known?.digest ?? createPlacesDigest();
  digest.add(event);
  const { first = index, count = 0 } = known ?? {};
  pass.purged.set(session, { first, last: index, count: count + 1, digest });
}

/** Hash of the policy that this event says was loaded. */
function loadedPolicy({ event_type, tenant_id, payload }: SealedEvent): string | undefined {
  if (tenant_id !== localTenant)
    return event_type === "BOX_OPENED" ? String(payload.policy_hash) : undefined;
  return event_type === "POLICY_LOADED" ? String(payload.hash) : undefined;
}

function isInPlace(pass: Pass, { index }: Pick<StoredEvent, "index">): boolean {
  const { next } = pass;
  if (index < next) {
    report(pass, "chain-broken", index, `comes after event ${next - 1}`);
    pass.tree.doubt(index);
    return false;
  }
  if (index > next) {
    const missing = index - next === 1 ? `event ${next} is` : `events ${next} to ${index - 1} are`;
    pass.findings.push({ kind: "chain-broken", index: next, message: `${missing} missing` });
    pass.tree.doubt(next);
  }
  pass.next = index + 1;
  return true;
}

/** Its leaf is what the tree has, and nobody has the key; its number alone can be checked. */
function isUnopened(pass: Pass, stored: StoredEvent): boolean {
  const { index, session, seq, body, leaf, isMisplaced } = stored;
  if (isMisplaced === true || !isEncrypted(body)) return false;
  // Only what clients record is ever encrypted.
  if (readSessionKey(session) === undefined || !equalBytes(pass.hashLeaf(body), leaf)) return false;
  const expected = pass.sessions.get(session)?.nextSeq ?? 0;
  if (seq !== expected) {
    const what = `is number ${seq} of its session, number ${expected} is missing`;
    report(pass, "chain-broken", index, what);
  }
  return true;
}

/** Its columns are all that is left to go by. */
function addDamaged(pass: Pass, { session, seq }: StoredEvent): void {
  pass.damaged.add(session);
  pass.unanchored.add(session);
  const tally = pass.sessions.get(session) ?? newSession(session);
  pass.sessions.set(session, { ...tally, nextSeq: seq + 1 });
}

function follow(pass: Pass, index: number, event: SealedEvent): void {
  const id = sessionKey(event.tenant_id, event.session_id);
  const known = pass.sessions.get(id);
  const tally = known ?? newSession(id);
  if (known === undefined) pass.sessions.set(id, tally);
  const problem = chainProblem(tally, event, pass.unanchored.delete(id));
  if (problem !== undefined) {
    const isBeginning = known === undefined && event.seq > 0;
    report(pass, isBeginning ? "missing-session" : "chain-broken", index, problem);
    pass.damaged.add(id);
  }
  addEvent(tally, event);
}

function report(pass: Pass, kind: FindingKind, index: number, what: string): void {
  pass.findings.push({ kind, index, message: `event ${index} ${what}` });
}

function checkContent(
  { hashLeaf }: Pass,
  { body, leaf, storedBody = body, isMisplaced }: StoredEvent,
): Result<SealedEvent, string> {
  if (!equalBytes(hashLeaf(storedBody), leaf)) return err("is not what was sealed");
  if (isMisplaced === true) return err("is not what was encrypted in its place");
  const checked = checkSealed(body);
  if (checked === undefined) return err("is no sealed event");
  return checked.isCanonical ? ok(checked.event) : err("is not in canonical form");
}

function hasOwnColumns(stored: StoredEvent, event: SealedEvent): boolean {
  return (
    sessionKey(event.tenant_id, event.session_id) === stored.session &&
    event.seq === stored.seq &&
    event.ts_unix_ms === stored.tsUnixMs &&
    event.event_type === stored.type &&
    decisionOf(event.payload) === stored.decision
  );
}

function chainProblem(
  tally: SessionTally,
  event: SealedEvent,
  isUnanchored: boolean,
): string | undefined {
  if (event.seq !== tally.nextSeq) {
    return `is number ${event.seq} of its session, number ${tally.nextSeq} is missing`;
  }
  const isOwn = event.tenant_id === localTenant;
  if (isOwn && event.seq === 0 && event.event_type !== "SESSION_OPENED") {
    return "begins a session that was not opened";
  }
  if (event.prev_hash !== tally.lastHash && !isUnanchored) {
    return "does not follow the event before it in its session";
  }
  return undefined;
}

interface TreeCheck {
  add(leaves: readonly Hash[]): void;
  /** From this leaf on the tree is not the one that was written. */
  doubt(index: number): void;
  finish(): {
    readonly head: TreeHead;
    readonly roots: ReadonlyMap<number, string>;
    readonly soundTo: number;
    readonly problems: readonly string[];
  };
}

function createTreeCheck(nodes: readonly TreeNode[], wantedSizes: readonly number[]): TreeCheck {
  const stored = new Map(nodes.map((node) => [nodeKey(node), node.hash]));
  const sizes = [...new Set(wantedSizes)].sort((a, b) => a - b);
  const roots = new Map<number, string>();
  const problems: string[] = [];
  let head = emptyTree;
  let soundTo = Infinity;

  function compare(node: TreeNode): void {
    if (node.level < storedLevelMin) return;
    const key = nodeKey(node);
    const found = stored.get(key);
    stored.delete(key);
    const isSound = (node.position + 1) * 2 ** node.level <= soundTo;
    if (isSound && (found === undefined || !equalBytes(found, node.hash))) {
      problems.push(`tree node ${key} is not what its events hash to`);
    }
  }

  function noteRoot(): void {
    while (sizes[0] !== undefined && sizes[0] <= head.size) {
      const size = sizes.shift();
      if (size === head.size) roots.set(size, rootOf(head).toBase64());
    }
  }

  noteRoot();
  return {
    add(leaves) {
      for (let from = 0; from < leaves.length; ) {
        const wanted = (sizes[0] ?? Infinity) - head.size;
        const part = leaves.slice(from, Math.min(leaves.length, from + wanted));
        head = appendLeaves(head, part, compare);
        noteRoot();
        from += part.length;
      }
    },
    doubt(index) {
      soundTo = Math.min(soundTo, index);
    },
    finish() {
      if (soundTo === Infinity && stored.size > 0) {
        problems.push(`${stored.size} tree nodes belong to no events`);
      }
      return { head, roots, soundTo: Math.min(soundTo, head.size), problems };
    },
  };
}

function nodeKey({ level, position }: { level: number; position: number }): string {
  return `${level}/${position}`;
}
