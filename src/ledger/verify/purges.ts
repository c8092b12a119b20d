// Events that are gone, against what was signed about them. An absence is believed where an event
// that is in the tree says so, signed with the ledger's key, of exactly these places in it.

import { AegisError } from "../../base/errors.ts";
import type { SessionId } from "../../base/ids.ts";
import type { VerifyFinding } from "../contract.ts";
import { policyLoadsDigest, type ReadStatement, readStatement } from "../purge/statement.ts";
import type { PolicyLoadRow, Snapshot } from "../store.ts";
import { type VerifierKey, verifyNote } from "../tree/note.ts";
import type { EventFacts, PolicyLoadFact, PurgedFact, PurgeFact } from "./events.ts";
import type { Outside } from "./verify.ts";

export interface PurgeCheck {
  /** With what is known of purged sessions. */
  readonly facts: EventFacts;
  readonly findings: readonly VerifyFinding[];
  readonly warnings: readonly string[];
  /** Events that are gone. */
  readonly count: number;
}

/** A statement that may be believed. */
interface Told extends ReadStatement {
  readonly index: number;
}

export async function checkPurges(
  snapshot: Snapshot,
  facts: EventFacts,
  outside: Pick<Outside, "verifierKey" | "restored">,
): Promise<PurgeCheck> {
  const { verifierKey } = outside;
  if (facts.purges.length === 0 && facts.purged.size === 0) {
    return { facts, findings: [], warnings: [], count: 0 };
  }
  const findings: VerifyFinding[] = [];
  const told = new Map<SessionId, Told>();
  for (const fact of facts.purges) {
    const statement = await believed(snapshot.origin, fact, outside);
    if (typeof statement === "string") findings.push(finding(fact.index, statement));
    else told.set(statement.session.id, statement);
  }
  const rows = Map.groupBy(snapshot.policyLoads(), ({ session }) => session);
  const sessions = new Map(facts.sessions);
  const damaged = new Set(facts.damaged);
  const policyLoads: PolicyLoadFact[] = [...facts.policyLoads];
  let count = 0;
  for (const [id, places] of facts.purged) {
    count += places.count;
    const statement = told.get(id);
    const loads = rows.get(id) ?? [];
    const problem = problemOf(places, statement, sessions.has(id), loads);
    if (problem !== undefined) {
      findings.push(finding(places.first, `${placesText(id, places)} ${problem}`));
      damaged.add(id);
    } else if (statement !== undefined) {
      sessions.set(id, { ...statement.session });
      policyLoads.push(...loads.map(loadFact));
    }
  }
  for (const [id, { index }] of told) {
    if (facts.purged.has(id)) continue;
    findings.push(
      finding(index, `event ${index} says that session "${id}" was purged: it was not`),
    );
  }
  // One place that was changed is one finding, though the tree is another one from there on.
  if (findings.length === 0) findings.push(...ofOtherTrees(facts, told));
  const warnings =
    verifierKey === undefined && told.size > 0
      ? [`the signing key is not here, so ${told.size} purges were not checked`]
      : [];
  return { facts: { ...facts, sessions, damaged, policyLoads }, findings, warnings, count };
}

/** What the event says, or what is wrong with it. */
async function believed(
  origin: string,
  { index, payload }: PurgeFact,
  { verifierKey, restored }: Pick<Outside, "verifierKey" | "restored">,
): Promise<Told | string> {
  const statement = readStatement(origin, payload);
  if (statement === undefined) return `event ${index} is no purge that aegis records`;
  const told = `event ${index} says that session "${statement.session.id}" was purged`;
  if (verifierKey !== undefined && !(await isSigned(statement, verifierKey))) {
    return `${told}, not signed with the ledger's key`;
  }
  const { place = index, purgedUnixMs } = statement;
  if (place !== index) return `${told}, signed to be event ${place}`;
  // Who kept a statement could say again what was purged before the ledger was put back.
  if (restored !== undefined && index >= restored.size && purgedUnixMs <= restored.unixMs) {
    return `${told}, signed before the ledger was restored with ${restored.size} events`;
  }
  return { ...statement, index };
}

/** Statements that do not stand behind the very events that their purge was to be added to. */
function* ofOtherTrees(
  { roots, treeSoundTo }: EventFacts,
  told: ReadonlyMap<SessionId, Told>,
): Iterable<VerifyFinding> {
  for (const [id, { index, tree }] of told) {
    if (tree === undefined || tree.size > treeSoundTo) continue;
    if (tree.size <= index && roots.get(tree.size) === tree.root) continue;
    const why = "signed for another ledger than one that begins with these events";
    yield finding(index, `event ${index} says that session "${id}" was purged, ${why}`);
  }
}

async function isSigned({ text, note }: ReadStatement, key: VerifierKey): Promise<boolean> {
  try {
    return (await verifyNote(note, [key])).text === text;
  } catch (error) {
    if (error instanceof AegisError) return false;
    throw error;
  }
}

function problemOf(
  { last, count, digest }: PurgedFact,
  statement: Told | undefined,
  hasEvents: boolean,
  loads: readonly PolicyLoadRow[],
): string | undefined {
  const places = digest.finish();
  if (statement === undefined) return "were taken out, and no signed purge says so";
  const { index, session } = statement;
  if (hasEvents) return `were purged by event ${index}, and it has others`;
  if (count !== session.nextSeq || last >= index || places !== statement.places) {
    return `are not those that event ${index} purged`;
  }
  const isSame = policyLoadsDigest(loads) === statement.policyLoads;
  return isSame ? undefined : `loaded other policies, by event ${index}, than are listed`;
}

function placesText(id: SessionId, { first, count }: PurgedFact): string {
  const more = count === 1 ? "" : ` and ${count - 1} more`;
  return `event ${first}${more} of session "${id}"`;
}

function loadFact({ index, session, tsUnixMs, snapshot }: PolicyLoadRow): PolicyLoadFact {
  return { index, session, tsUnixMs, hash: snapshot.hash };
}

function finding(index: number, message: string): VerifyFinding {
  return { kind: "purge-invalid", index, message };
}
