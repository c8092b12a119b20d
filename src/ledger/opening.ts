// The events a session begins with: what runs, under which policy, with which protection, and on
// top of which tree. Pure.

import { canonicalJson } from "../base/canonical-json.ts";
import { sha256Hex } from "../base/hash.ts";
import type { EventDraft, JsonObject, SessionOpening } from "../model/event.ts";
import type { PolicySnapshot } from "../model/policy-snapshot.ts";
import { rootOf, type TreeHead } from "./tree/merkle.ts";

export interface OpeningFacts {
  readonly opening: SessionOpening;
  readonly snapshot: PolicySnapshot;
  /** The agent's last session ran under another policy, or there was none. */
  readonly isNewPolicy: boolean;
  /** The ledger before this session. */
  readonly head: TreeHead;
  readonly tsUnixMs: number;
}

/** Command text recorded in full, UTF-8 bytes; the rest is recorded as a hash. */
const commandSizeMaxBytes = 24_000;

export function openingDrafts(facts: OpeningFacts): readonly EventDraft[] {
  const { opening, snapshot, isNewPolicy, head, tsUnixMs } = facts;
  const opened = openedPayload(opening, head);
  const drafts: EventDraft[] = [{ type: "SESSION_OPENED", tsUnixMs, payload: opened }];
  if (isNewPolicy) {
    const payload = { hash: snapshot.hash, sources: sourcesOf(snapshot) };
    drafts.push({ type: "POLICY_LOADED", tsUnixMs, payload });
  }
  drafts.push(coverageDraft(opening, tsUnixMs));
  return drafts;
}

/** The same facts where a box joins a session that is not its own. */
export function joiningDrafts(
  { opening, snapshot, head, tsUnixMs }: Omit<OpeningFacts, "isNewPolicy">,
  box: string,
): readonly EventDraft[] {
  const payload = { box, ...openedPayload(opening, head), sources: sourcesOf(snapshot) };
  const opened: EventDraft = { type: "BOX_OPENED", tsUnixMs, payload };
  return [opened, coverageDraft(opening, tsUnixMs)];
}

function openedPayload(opening: SessionOpening, head: TreeHead): JsonObject {
  return {
    name: opening.name,
    mode: opening.mode,
    ...commandPayload(opening.command),
    directory: opening.directory,
    policy_hash: opening.policyHash,
    tag: opening.tag ?? null,
    tree: { size: head.size, root: rootOf(head).toBase64() },
  };
}

function sourcesOf({ sources }: PolicySnapshot): JsonObject[] {
  return sources.map(({ kind, name, text }) => ({ kind, name, sha256: sha256Hex(text) }));
}

function coverageDraft({ coverage }: SessionOpening, tsUnixMs: number): EventDraft {
  const rows = coverage.map(({ protection, level, by, why }) => ({ protection, level, by, why }));
  return { type: "COVERAGE", tsUnixMs, payload: { coverage: rows } };
}

/** Arguments can be megabytes, an event cannot: then the first ones and a hash of all of them. */
function commandPayload(command: readonly string[]): JsonObject {
  let size = 0;
  const kept = command.filter((word) => {
    size += Buffer.byteLength(word) + 3;
    return size <= commandSizeMaxBytes;
  });
  if (kept.length === command.length) return { command: kept };
  return {
    command: kept,
    command_omitted: command.length - kept.length,
    command_hash: sha256Hex(canonicalJson(command)),
  };
}
