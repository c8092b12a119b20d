// A session by its id or by an unambiguous piece of it: ids begin with the time, so the end is what
// differs.

import { AegisError } from "../../base/errors.ts";
import { parseSessionId, type SessionId } from "../../base/ids.ts";
import type { Ledger, SessionRecord } from "../../ledger/contract.ts";
import { readSessionKey } from "../../ledger/control/foreign.ts";
import { sessionPurged } from "../../ledger/purge/purged.ts";

/** Shortest piece taken for an id. */
const pieceMin = 4;

/**
 * @throws {AegisError} `usage` when `text` is no id, `ledger/not-found` when no session, or not a
 * single one, has it
 */
export async function findSession(ledger: Ledger, text: string): Promise<SessionRecord> {
  const matches = await sessionsLike(ledger, text);
  const [match] = matches;
  if (match === undefined) throw notFound(text);
  if (matches.length === 1) return match;
  const ids = matches.slice(0, 5).map(({ id }) => id);
  throw new AegisError("ledger/not-found", `Cannot choose a session: "${text}" fits several`, {
    hint: `give one of ${ids.join(", ")}`,
  });
}

/** As `findSession`, for what is read in it. @throws {AegisError} also `ledger/purged` */
export async function findKeptSession(ledger: Ledger, text: string): Promise<SessionRecord> {
  const session = await findSession(ledger, text);
  if (session.purged === true) throw sessionPurged(session.id);
  return session;
}

/** @throws {AegisError} `usage` when `text` is no id */
export async function hasSession(ledger: Ledger, text: string): Promise<boolean> {
  return (await sessionsLike(ledger, text)).length > 0;
}

async function sessionsLike(ledger: Ledger, text: string): Promise<readonly SessionRecord[]> {
  const id = parseSessionId(text);
  if (id !== undefined) {
    const session = await ledger.session(id);
    return session === undefined ? [] : [session];
  }
  if (readSessionKey(text) !== undefined) {
    const session = await ledger.session(text as SessionId);
    return session === undefined ? [] : [session];
  }
  const piece = text.toLowerCase();
  if (!/^[0-9a-f-]+$/.test(piece) || piece.length < pieceMin) {
    throw new AegisError("usage", `Cannot use "${text}" as a session: it is no session id`, {
      hint: "list the sessions with `aegis audit sessions`",
    });
  }
  const all = await ledger.sessions({ last: Number.MAX_SAFE_INTEGER });
  return all.filter((session) => session.id.startsWith(piece) || session.id.endsWith(piece));
}

function notFound(text: string): AegisError {
  return new AegisError("ledger/not-found", `session "${text}" not found in this ledger`, {
    hint: "list the sessions with `aegis audit sessions`, or name another configuration",
  });
}
