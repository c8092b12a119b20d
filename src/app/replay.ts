// `aegis replay`: what another policy would have said to the accesses of a recorded session. Read
// page by page, and only so many different changes are kept, so that a session of any length fits.

import { replayChangesMax } from "../base/limits.ts";
import type { BoxRequest } from "../enforce/backend.ts";
import { accessIn, type RecordedAccess } from "../ledger/access.ts";
import type { Ledger, SessionRecord } from "../ledger/contract.ts";
import { sessionEvents } from "../ledger/session-events.ts";
import type { CoverageRow } from "../model/coverage.ts";
import type { SealedEvent } from "../model/event.ts";
import { type PolicyOptions, policyInForce } from "./policy/in-force.ts";
import { type NewVerdict, prepareRejudge } from "./replay-verdict.ts";
import type { Surroundings } from "./surroundings.ts";

/** Rows of one action on one resource whose verdict the other policy changes in the same way. */
export interface ChangedVerdict {
  readonly action: string;
  /** Path, or `host:port`. */
  readonly resource: string;
  readonly before: "allow" | "deny";
  readonly after: "allow" | "deny";
  /** Rule that decided then; empty when none matched. */
  readonly ruleBefore: string;
  readonly rule: string;
  readonly reason: string;
  /** The program of the first row. */
  readonly program: string;
  /** Place of the first row in the session. */
  readonly seq: number;
  /** Accesses, not rows. */
  readonly count: number;
}

export interface Replay {
  readonly session: SessionRecord;
  readonly policyHash: string;
  readonly accesses: number;
  readonly nowDenied: number;
  readonly nowAllowed: number;
  /** In the order of their first rows. */
  readonly changes: readonly ChangedVerdict[];
  /** Changed accesses that are counted and not listed, because there were too many kinds. */
  readonly unlisted: number;
}

/**
 * @param options what a launch would be given; the folder and the agent are the session's unless
 * said
 * @throws {AegisError} `policy/*` when the policy is wrong
 */
export async function replaySession(
  ledger: Ledger,
  session: SessionRecord,
  options: PolicyOptions,
  around: Surroundings,
): Promise<Replay> {
  const { directory = session.directory, name = session.name } = options;
  const { request, capabilities, snapshot } = await policyInForce(
    { ...options, directory, name },
    around,
  );
  let rejudge = prepareRejudge(capabilities, request.agent);
  const tally = createTally();
  for await (const events of sessionEvents(ledger, session.id)) {
    for (const event of events) {
      if (hadOwnFolder(event, request))
        rejudge = prepareRejudge(request.capabilities, request.agent);
      const access = accessIn(event);
      if (access !== undefined) tally.add(access, rejudge(access), event.seq);
    }
  }
  return { session, policyHash: snapshot.hash, ...tally.result() };
}

/** The session had its temporary files where its request says, not in a private /tmp. */
function hadOwnFolder({ event_type, payload }: SealedEvent, { temporary }: BoxRequest): boolean {
  if (event_type !== "COVERAGE" || temporary === undefined) return false;
  const { coverage } = payload as { readonly coverage?: readonly Partial<CoverageRow>[] };
  const row = coverage?.find(({ protection }) => protection === "temporary-files");
  return row?.by?.includes(temporary.path) === true;
}

type Tally = {
  add(access: RecordedAccess, verdict: NewVerdict, seq: number): void;
  result(): Omit<Replay, "session" | "policyHash">;
};

function createTally(): Tally {
  const changes = new Map<string, ChangedVerdict>();
  let [accesses, nowDenied, nowAllowed, unlisted] = [0, 0, 0, 0];
  return {
    add(access, { decision, rule, reason }, seq) {
      const { action, path, host, port, count } = access;
      accesses += count;
      if (decision === access.decision) return;
      if (decision === "deny") nowDenied += count;
      else nowAllowed += count;
      const resource = port === undefined ? path : `${host ?? path}:${port}`;
      const key = [action, resource, decision, access.rule, rule].join("\0");
      const known = changes.get(key);
      if (known !== undefined) changes.set(key, { ...known, count: known.count + count });
      else if (changes.size >= replayChangesMax) unlisted += count;
      else {
        changes.set(key, {
          action,
          resource,
          before: access.decision,
          after: decision,
          ruleBefore: access.rule,
          rule,
          reason,
          program: access.exe,
          seq,
          count,
        });
      }
    },
    result: () => ({ accesses, nowDenied, nowAllowed, changes: [...changes.values()], unlisted }),
  };
}
