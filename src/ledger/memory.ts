// A ledger's rows in memory: for tests and for runs that keep nothing. It forgets everything when
// the process ends, so "durable" here means only that the promise resolved.

import { AegisError } from "../base/errors.ts";
import type { SessionId } from "../base/ids.ts";
import type { EventFilter } from "./contract.ts";
import { columnFilter, matchesColumns, matchesSearch } from "./filter.ts";
import {
  appendLeaves,
  emptyTree,
  type Hash,
  rootOf,
  type TreeHead,
  type TreeNode,
} from "./merkle.ts";
import { readSealed } from "./seal.ts";
import type { SessionState } from "./session-state.ts";
import {
  type Addition,
  type PolicyLoadRow,
  type Snapshot,
  type Store,
  type StoredCheckpoint,
  type StoredEvent,
  storedLevelMin,
} from "./store.ts";

/** The rows themselves; tests reach in to play the attacker. */
export interface MemoryRows {
  head: TreeHead;
  readonly events: StoredEvent[];
  /** In the order they were opened. */
  readonly sessions: Map<SessionId, SessionState>;
  readonly policyLoads: PolicyLoadRow[];
  readonly nodes: TreeNode[];
  readonly checkpoints: StoredCheckpoint[];
}

/** `failures` makes the next append fail: before anything is stored, or after all of it is. */
export interface MemoryStore extends Store {
  readonly rows: MemoryRows;
  failNextAppend(when: "before write" | "after write"): void;
}

export function createMemoryStore(origin: string): MemoryStore {
  const rows: MemoryRows = {
    head: emptyTree,
    events: [],
    sessions: new Map(),
    policyLoads: [],
    nodes: [],
    checkpoints: [],
  };
  let failing: "before write" | "after write" | undefined;
  let isBroken = false;

  return {
    origin,
    rows,
    failNextAppend(when) {
      failing = when;
    },
    async append(session, build) {
      if (isBroken) throw unavailable();
      const addition = build({ head: rows.head, session: rows.sessions.get(session) });
      isBroken = failing !== undefined;
      if (failing !== "before write") add(rows, addition);
      if (isBroken) throw unavailable();
    },
    async addCheckpoint(checkpoint) {
      if (!rows.checkpoints.some(({ size }) => size === checkpoint.size)) {
        rows.checkpoints.push(checkpoint);
        rows.checkpoints.sort((a, b) => a.size - b.size);
      }
    },
    head: async () => rows.head,
    async sessions({ last, name }) {
      const all = [...rows.sessions.values()].reverse();
      return all.filter((session) => name === undefined || session.name === name).slice(0, last);
    },
    session: async (id) => rows.sessions.get(id),
    events: async (filter, { limit, offset }) => {
      const found = rows.events.filter((event) => matches(rows, filter, event)).reverse();
      return { events: found.slice(offset, offset + limit), total: found.length };
    },
    eventsFrom: async (first, limit) => rows.events.slice(first, first + limit),
    indexOf: async (session, seq) =>
      rows.events.find((event) => event.session === session && event.seq === seq)?.index,
    policyLoads: async (last) => [...rows.policyLoads].reverse().slice(0, last),
    checkpoints: async (last) => [...rows.checkpoints].reverse().slice(0, last),
    nodes: async (places) =>
      places.map(({ level, position }) => subtreeRoot(rows.events, level, position)),
    snapshot: async () => snapshotOf(origin, rows),
    close: async () => undefined,
  };
}

function add(rows: MemoryRows, addition: Addition): void {
  const encoder = new TextEncoder();
  for (const event of addition.events) {
    rows.events.push({ ...event, body: encoder.encode(event.body) });
  }
  rows.head = addition.head;
  rows.nodes.push(...addition.nodes);
  rows.sessions.set(addition.session.id, addition.session);
  if (addition.policyLoad !== undefined) rows.policyLoads.push(addition.policyLoad);
}

function matches(rows: MemoryRows, filter: EventFilter, event: StoredEvent): boolean {
  const name = rows.sessions.get(event.session)?.name ?? "";
  if (!matchesColumns(columnFilter(filter), event, name)) return false;
  if (filter.search === undefined) return true;
  const payload = readSealed(event.body)?.payload;
  return payload !== undefined && matchesSearch(payload, filter.search.toLowerCase());
}

function subtreeRoot(events: readonly StoredEvent[], level: number, position: number): Hash {
  const leaves = events.slice(position * 2 ** level, (position + 1) * 2 ** level);
  const hashes = leaves.map(({ leaf }) => leaf);
  return rootOf(appendLeaves(emptyTree, hashes, () => undefined));
}

function snapshotOf(origin: string, rows: MemoryRows): Snapshot {
  const copy = {
    head: rows.head,
    events: [...rows.events],
    sessions: [...rows.sessions.values()],
    policyLoads: [...rows.policyLoads],
    nodes: [...rows.nodes],
    checkpoints: [...rows.checkpoints],
  };
  return {
    origin,
    head: () => copy.head,
    eventsFrom: (first, limit) => copy.events.slice(first, first + limit),
    sessions: () => copy.sessions,
    policyLoads: () => copy.policyLoads,
    policies: () => copy.policyLoads.map(({ snapshot }) => snapshot),
    nodes: () => copy.nodes.filter(({ level }) => level >= storedLevelMin),
    checkpoints: () => copy.checkpoints,
    schemaProblems: () => [],
    close: () => undefined,
  };
}

function unavailable(): AegisError {
  return new AegisError("ledger/unavailable", "Cannot write to the ledger: its memory failed");
}
